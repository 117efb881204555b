from dataclasses import replace

import numpy as np
import pytest

from models.fingerprint.minutiae import Minutiae, on_grid
from models.fingerprint.quality import FingerQuality, assess_finger, measure
from models.fingerprint.synthetic import HARD, SyntheticFinger
from models.samples import ReasonCode, Severity

GOOD = FingerQuality(minutiae=40, area=150.0, density=0.27, repeated=0.0, spacing=22.0)


def minutiae_at(points: list[tuple[float, float, float]]) -> Minutiae:
    """Minutiae at (x, y, direction)."""
    x, y, angle = np.array(points, np.float64).reshape(-1, 3).T
    codes = np.zeros(len(x), np.uint8)
    return on_grid(x, y, angle, codes, codes)


def test_a_square_is_measured_in_millimetres() -> None:
    """A square of 250 pixels is one of 12.7 mm."""
    quality = measure(minutiae_at([(100, 100, 0), (350, 100, 1), (100, 350, 2), (350, 350, 3), (225, 225, 4)]))
    assert (quality.minutiae, quality.repeated) == (5, 0)
    assert quality.area == pytest.approx(12.7**2)
    assert quality.density == pytest.approx(5 / 12.7**2)
    assert quality.spacing == pytest.approx(125 * np.sqrt(2), rel=1e-5)


@pytest.mark.parametrize(
    ("point", "repeats"),
    [
        ((100, 100, 0.0), True),
        ((101, 101, 6.25), True),  # directions meet at a whole turn
        ((100, 100, 3.14), False),
        ((103, 100, 0.0), False),
    ],
)
def test_a_repetition_has_the_same_place_and_direction(point: tuple[float, float, float], repeats: bool) -> None:
    quality = measure(minutiae_at([(100, 100, 0.0), (200, 100, 1.0), (100, 200, 2.0), point]))
    assert quality.repeated == (0.25 if repeats else 0)
    assert quality.minutiae == (3 if repeats else 4)


def test_what_is_repeated_does_not_count_for_density_or_spacing() -> None:
    once = SyntheticFinger(1).impression(0)
    twice = Minutiae(*(np.concatenate([part, part]) for part in (once.xy, once.angle, once.kind, once.quality)))
    assert measure(twice) == replace(measure(once), repeated=0.5)


@pytest.mark.parametrize("count", range(4))
def test_few_minutiae_are_measured(count: int) -> None:
    quality = measure(minutiae_at([(10 + 5 * number, 20, 1) for number in range(count)]))
    assert (quality.minutiae, quality.area, quality.density) == (count, 0, np.inf)


@pytest.mark.parametrize("finger", range(50))
def test_a_careful_capture_has_no_remark(finger: int) -> None:
    assert assess_finger(measure(SyntheticFinger(finger).impression(0))) == ()


def test_a_careless_capture_is_never_refused() -> None:
    remarks = [assess_finger(measure(SyntheticFinger(finger).impression(0, HARD))) for finger in range(200)]
    assert [reason for reasons in remarks for reason in reasons if reason.severity is Severity.REFUSED] == []
    assert sum(bool(reasons) for reasons in remarks) <= 10


@pytest.mark.parametrize(
    ("quality", "code", "severity"),
    [
        (replace(GOOD, minutiae=5), ReasonCode.TOO_FEW_MINUTIAE, Severity.REFUSED),
        (replace(GOOD, minutiae=6), ReasonCode.TOO_FEW_MINUTIAE, Severity.WARNING),
        (replace(GOOD, minutiae=15), ReasonCode.TOO_FEW_MINUTIAE, Severity.WARNING),
        (replace(GOOD, area=3.9), ReasonCode.TOO_SMALL_AREA, Severity.REFUSED),
        (replace(GOOD, area=24.0), ReasonCode.TOO_SMALL_AREA, Severity.WARNING),
        (replace(GOOD, density=3.1), ReasonCode.IMPLAUSIBLE_DENSITY, Severity.REFUSED),
        (replace(GOOD, density=1.1), ReasonCode.IMPLAUSIBLE_DENSITY, Severity.WARNING),
        (replace(GOOD, density=0.09), ReasonCode.IMPLAUSIBLE_DENSITY, Severity.WARNING),
        (replace(GOOD, density=0.01), ReasonCode.IMPLAUSIBLE_DENSITY, Severity.REFUSED),
        (replace(GOOD, repeated=0.6), ReasonCode.DUPLICATE_MINUTIAE, Severity.REFUSED),
        (replace(GOOD, repeated=0.2), ReasonCode.DUPLICATE_MINUTIAE, Severity.WARNING),
        (replace(GOOD, spacing=11.0), ReasonCode.DOUBTFUL_RESOLUTION, Severity.WARNING),
        (replace(GOOD, spacing=37.0), ReasonCode.DOUBTFUL_RESOLUTION, Severity.WARNING),
    ],
)
def test_each_fault_has_its_reason_and_a_hint(quality: FingerQuality, code: ReasonCode, severity: Severity) -> None:
    (reason,) = assess_finger(quality)
    assert (reason.code, reason.severity) == (code, severity)
    assert "apture" in reason.hint


@pytest.mark.parametrize("quality", [GOOD, replace(GOOD, minutiae=16, area=25.0, density=1.0, repeated=0.1)])
def test_a_good_print_has_none(quality: FingerQuality) -> None:
    assert assess_finger(quality) == ()


def test_refusals_come_first() -> None:
    reasons = assess_finger(replace(GOOD, minutiae=10, area=3.0, density=5.0))
    assert [reason.severity for reason in reasons] == [Severity.REFUSED, Severity.WARNING]


@pytest.mark.parametrize("factor", [0.4, 2.54])
def test_a_wrong_resolution_is_doubted(factor: float) -> None:
    """Pixels at 200 dpi taken for 500 dpi, and the reverse."""
    for finger in range(20):
        true = SyntheticFinger(finger).impression(0)
        wrong = Minutiae(true.xy * np.float32(factor), true.angle, true.kind, true.quality)
        assert ReasonCode.DOUBTFUL_RESOLUTION in {reason.code for reason in assess_finger(measure(wrong))}
