import threading

import numpy as np
import pytest

from models.fingerprint import matcher
from models.fingerprint.block import Block
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.matcher import FingerprintPack, compare
from models.fingerprint.synthetic import SyntheticFinger
from models.samples import Position


def impression(finger: int, number: int, position: Position = Position.UNKNOWN) -> FingerTemplate:
    return build_template(SyntheticFinger(finger).impression(number), position)


def everything(pack: FingerprintPack) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(pack), np.bool_)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_pack_scores_what_compare_scores(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "_ROWS_A_PART", 4)
    templates = [impression(finger, 0) for finger in range(15)]
    pack = FingerprintPack(threads=threads)
    rows = [pack.add(template) for template in templates]
    probe = impression(4, 1)
    found = pack.compare_all(probe, everything(pack))
    assert found.dtype == np.float32
    assert [found[row] for row in rows] == [np.float32(compare(probe, template)) for template in templates]
    assert int(found.argmax()) == rows[4]


def test_only_allowed_rows_of_the_finger_are_compared() -> None:
    pack = FingerprintPack()
    left = pack.add(impression(1, 0, Position.LEFT_INDEX))
    right = pack.add(impression(1, 0, Position.RIGHT_INDEX))
    unknown = pack.add(impression(1, 0))
    hidden = pack.add(impression(1, 0, Position.LEFT_INDEX))
    allowed = everything(pack)
    allowed[hidden] = False
    found = pack.compare_all(impression(1, 1, Position.LEFT_INDEX), allowed)
    assert found[left] == found[unknown] > 0
    assert found[right] == found[hidden] == 0
    assert (pack.compare_all(impression(1, 1), allowed) > 0).tolist() == [True, True, True, False]


def test_nothing_allowed_costs_nothing_and_finds_nothing() -> None:
    pack = FingerprintPack()
    assert pack.compare_all(impression(1, 0), np.ones(0, np.bool_)).shape == (0,)
    pack.add(impression(1, 0))
    assert pack.compare_all(impression(1, 0), np.zeros(1, np.bool_)).tolist() == [0]


def test_rows_beyond_the_allowed_ones_are_not_compared() -> None:
    pack = FingerprintPack()
    for number in range(3):
        pack.add(impression(1, number))
    assert pack.compare_all(impression(1, 5), np.ones(2, np.bool_)).shape == (2,)
    assert (pack.compare_all(impression(1, 5), np.ones(4, np.bool_)) > 0).tolist() == [True, True, True, False]


def test_removal_takes_effect_at_once_and_the_row_is_used_again() -> None:
    pack = FingerprintPack()
    rows = [pack.add(impression(finger, 0)) for finger in range(3)]
    pack.remove(rows[1])
    assert pack.compare_all(impression(1, 1), everything(pack))[rows[1]] == 0
    with pytest.raises(KeyError):
        pack.remove(rows[1])
    assert pack.add(impression(9, 0)) == rows[1]
    assert pack.compare_all(impression(9, 1), everything(pack)).argmax() == rows[1]


@pytest.mark.parametrize("row", [-1, 0, 5])
def test_a_row_that_was_never_given_cannot_be_removed(row: int) -> None:
    with pytest.raises(KeyError):
        FingerprintPack().remove(row)


def test_a_long_life_of_changes_leaves_the_right_templates() -> None:
    rng = np.random.default_rng(8)
    templates = [impression(finger, 0) for finger in range(40)]
    pack, held = FingerprintPack(block_minutiae=300), dict[int, FingerTemplate]()
    for _ in range(400):
        if held and rng.random() < 0.45:
            row = int(rng.choice(list(held)))
            pack.remove(row)
            del held[row]
        else:
            template = templates[rng.integers(len(templates))]
            held[pack.add(template)] = template
    probe = impression(7, 1)
    found = pack.compare_all(probe, everything(pack))
    expected = np.zeros(len(pack), np.float32)
    for row, template in held.items():
        expected[row] = compare(probe, template)
    assert (found == expected).all()
    assert sum(block.capacity for block in pack._blocks) < 4 * sum(len(each.minutiae) for each in held.values()) + 600


def test_more_rows_than_the_first_allocation() -> None:
    pack = FingerprintPack()
    template = impression(1, 0)
    rows = [pack.add(template) for _ in range(2500)]
    assert rows == list(range(2500))
    found = pack.compare_all(impression(1, 1), everything(pack))
    assert (found == found[0]).all()
    assert found[0] > 0


def test_a_removed_template_is_overwritten() -> None:
    block = Block.of([impression(1, 0), impression(2, 0)])
    stop = len(impression(1, 0).minutiae)
    block.wipe(0, stop)
    assert not block.words[:, :stop].any()
    assert not block.planes[:, :stop].any()
    assert block.words[:, stop:].any()


def test_threads_may_add_remove_and_compare_at_once() -> None:
    pack = FingerprintPack(threads=2)
    keep = [pack.add(impression(finger, 0)) for finger in range(30)]
    expected = pack.compare_all(impression(3, 1), everything(pack))
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for row in [pack.add(impression(100 + number, 0)) for number in range(20)]:
                pack.remove(row)

    churner = threading.Thread(target=churn)
    churner.start()
    try:
        for _ in range(200):
            found = pack.compare_all(impression(3, 1), everything(pack))
            assert (found[keep] == expected[keep]).all()
    finally:
        stop.set()
        churner.join()
