import numpy as np
import pytest

from models.errors import MalformedTemplate
from models.fingerprint.formats import RecordMinutia, View
from models.fingerprint.minutiae import Minutiae, normalise, on_grid
from models.samples import Position


def view(*minutiae: RecordMinutia) -> View:
    return View(Position.UNKNOWN, 0, 0, 0, minutiae)


def test_500_dpi_stays_as_it_is() -> None:
    found = normalise(view(RecordMinutia(2, 100, 14, 64, 90)), 197, 197, 256)
    assert found.xy.tolist() == [[100, 14]]
    assert found.angle[0] == pytest.approx(np.pi / 2)
    assert (found.kind[0], found.quality[0]) == (2, 90)


def test_1000_dpi_is_halved() -> None:
    assert normalise(view(RecordMinutia(1, 100, 15, 0, 0)), 394, 394, 256).xy.tolist() == [[50, 7.5]]


def test_uneven_resolutions_turn_directions() -> None:
    found = normalise(view(RecordMinutia(1, 100, 100, 32, 0)), 394, 197, 256)
    assert found.xy.tolist() == [[50, 100]]
    assert found.angle[0] == pytest.approx(np.arctan2(2, 1), abs=1e-4)


@pytest.mark.parametrize("resolution", [0, 1, 97, 801, 65535])
def test_resolutions_of_no_scanner_are_refused(resolution: int) -> None:
    with pytest.raises(MalformedTemplate, match="resolution"):
        normalise(view(RecordMinutia(1, 1, 1, 0, 0)), resolution, 197, 256)


def test_minutiae_spread_over_more_than_a_hand_are_refused() -> None:
    with pytest.raises(MalformedTemplate, match="outside the area"):
        normalise(view(RecordMinutia(1, 16000, 1, 0, 0)), 197, 197, 256)


def test_quality_outside_the_scale_counts_as_not_reported() -> None:
    assert normalise(view(RecordMinutia(1, 1, 1, 0, 255)), 197, 197, 256).quality[0] == 0


def test_no_minutiae_is_a_valid_impression() -> None:
    assert len(normalise(view(), 197, 197, 256)) == 0


def test_stored_minutiae_come_back_exactly() -> None:
    rng = np.random.default_rng(4)
    kind, quality = rng.integers(0, 3, 50).astype(np.uint8), rng.integers(0, 101, 50).astype(np.uint8)
    minutiae = on_grid(rng.uniform(0, 4000, 50), rng.uniform(0, 4000, 50), rng.uniform(-9, 9, 50), kind, quality)
    again = Minutiae.from_bytes(minutiae.to_bytes())
    assert again == minutiae
    assert again.xy.tobytes() == minutiae.xy.tobytes()
    assert again.angle.tobytes() == minutiae.angle.tobytes()
    assert again.angle.min() >= 0
    assert again.angle.max() < 2 * np.pi
