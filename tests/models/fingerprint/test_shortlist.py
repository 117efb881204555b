from dataclasses import replace

import numpy as np
import pytest

from models import calibration
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.matcher import FingerprintPack
from models.fingerprint.minutiae import Minutiae, on_grid
from models.fingerprint.shortlist import block_parts
from models.fingerprint.synthetic import SyntheticFinger
from models.samples import Position

FINGERS = 300


def impression(finger: int, number: int, position: Position = Position.UNKNOWN) -> FingerTemplate:
    return build_template(SyntheticFinger(finger).impression(number), position)


@pytest.fixture(scope="module")
def templates() -> list[FingerTemplate]:
    return [impression(finger, 0) for finger in range(FINGERS)]


@pytest.fixture
def pack(templates: list[FingerTemplate]) -> FingerprintPack:
    """Several blocks; row k holds finger k."""
    pack = FingerprintPack(block_minutiae=2000)
    assert [pack.add(template) for template in templates] == list(range(FINGERS))
    return pack


def everything(pack: FingerprintPack) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(pack), np.bool_)


def upside_down(minutiae: Minutiae) -> Minutiae:
    x, y = 500 - minutiae.xy[:, 0], 600 - minutiae.xy[:, 1]
    return on_grid(x, y, minutiae.angle + np.pi, minutiae.kind, minutiae.quality)


def test_mates_are_on_a_short_list(pack: FingerprintPack) -> None:
    found = [finger in pack.shortlist(impression(finger, 1), everything(pack), 6) for finger in range(0, FINGERS, 6)]
    assert len(found) == 50
    assert sum(found) >= 49


def test_a_finger_upside_down_is_found(pack: FingerprintPack) -> None:
    turned = build_template(upside_down(SyntheticFinger(7).impression(1)), Position.UNKNOWN)
    assert 7 in pack.shortlist(turned, everything(pack), 6)


def test_only_allowed_rows_of_the_finger_are_listed() -> None:
    pack = FingerprintPack()
    left = pack.add(impression(1, 0, Position.LEFT_INDEX))
    pack.add(impression(1, 0, Position.RIGHT_INDEX))
    unknown = pack.add(impression(2, 0))
    hidden = pack.add(impression(1, 0, Position.LEFT_INDEX))
    allowed = everything(pack)
    allowed[hidden] = False
    assert sorted(pack.shortlist(impression(1, 1, Position.LEFT_INDEX), allowed, 10)) == [left, unknown]
    assert pack.shortlist(impression(1, 1, Position.LEFT_INDEX), allowed, 1).tolist() == [left]
    assert pack.shortlist(impression(1, 1), np.zeros(4, np.bool_), 10).tolist() == []


def test_a_removed_row_never_comes_back(pack: FingerprintPack) -> None:
    probe = impression(9, 1)
    assert 9 in pack.shortlist(probe, everything(pack), 6)
    pack.remove(9)
    assert 9 not in pack.shortlist(probe, everything(pack), FINGERS)
    assert pack.add(impression(5000, 0)) == 9
    assert 9 not in pack.shortlist(probe, everything(pack), 1)
    assert 9 in pack.shortlist(impression(5000, 1), everything(pack), 6)


def test_a_list_of_all_is_exhaustive(pack: FingerprintPack) -> None:
    assert sorted(pack.shortlist(impression(3, 1), everything(pack), FINGERS)) == list(range(FINGERS))


def test_up_to_the_limit_all_rows_are_compared(pack: FingerprintPack) -> None:
    probe, allowed = impression(3, 1), everything(pack)
    exact = pack.compare_all(probe, allowed)
    assert (pack.compare_all(probe, allowed, exhaustive_up_to=FINGERS) == exact).all()


def test_beyond_the_limit_the_listed_rows_are_compared_exactly(
    pack: FingerprintPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "SHORTLIST", calibration.SHORTLIST._replace(kept=10))
    probe, allowed = impression(3, 1), everything(pack)
    exact = pack.compare_all(probe, allowed)
    found = pack.compare_all(probe, allowed, exhaustive_up_to=FINGERS - 1)
    listed = pack.shortlist(probe, allowed, 10)
    assert len(listed) == 10
    assert (found[listed] == exact[listed]).all()
    assert found.argmax() == 3
    assert not np.delete(found, listed).any()


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_no_list_and_no_similarity(
    threads: int, templates: list[FingerTemplate], pack: FingerprintPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "SHORTLIST", calibration.SHORTLIST._replace(kept=10))
    threaded = FingerprintPack(threads=threads, block_minutiae=2000)
    for template in templates:
        threaded.add(template)
    for finger in (3, 70, 200):
        probe, allowed = impression(finger, 1), everything(pack)
        assert sorted(threaded.shortlist(probe, allowed, 20)) == sorted(pack.shortlist(probe, allowed, 20))
        found = threaded.compare_all(probe, allowed, exhaustive_up_to=50)
        assert (found == pack.compare_all(probe, allowed, exhaustive_up_to=50)).all()


def test_templates_without_cylinders_do_no_harm() -> None:
    empty = build_template(
        Minutiae(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, np.uint8), np.zeros(0, np.uint8)),
        Position.UNKNOWN,
    )
    pack = FingerprintPack()
    pack.add(empty)
    full = pack.add(impression(1, 0))
    assert pack.shortlist(impression(1, 1), everything(pack), 1).tolist() == [full]
    assert len(pack.shortlist(empty, everything(pack), 1)) == 1


def test_rows_are_cut_by_block_and_by_number() -> None:
    numbers = np.array([0, 0, 0, 1, 1, 4], np.int32)
    assert block_parts(numbers) == [slice(0, 3), slice(3, 5), slice(5, 6)]
    assert block_parts(numbers, 2) == [slice(0, 2), slice(2, 3), slice(3, 5), slice(5, 6)]
    assert block_parts(numbers[:0]) == []


def test_the_vectors_bring_a_finger_on_the_list_that_the_cylinders_leave_out(
    pack: FingerprintPack, templates: list[FingerTemplate], monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = replace(impression(3, 1), vector=templates[70].with_vector().vector)
    monkeypatch.setattr(calibration, "SHORTLIST", calibration.SHORTLIST._replace(vector_weight=0.0))
    assert 70 not in pack.shortlist(probe, everything(pack), 4)
    monkeypatch.setattr(calibration, "SHORTLIST", calibration.SHORTLIST._replace(vector_weight=1.0))
    assert {3, 70} <= set(pack.shortlist(probe, everything(pack), 4).tolist())


def test_a_removed_row_keeps_no_vector() -> None:
    pack = FingerprintPack()
    row = pack.add(impression(1, 0))
    assert pack._vector[row].any()
    pack.remove(row)
    assert not pack._vector[row].any()


def test_rows_keep_their_vectors_as_the_pack_grows(templates: list[FingerTemplate]) -> None:
    pack = FingerprintPack()
    for number in range(1100):
        pack.add(templates[number % 3])
    expected = np.array([templates[number % 3].with_vector().vector for number in range(1100)])
    assert (pack._vector[:1100] == expected).all()
