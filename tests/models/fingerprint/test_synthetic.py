import numpy as np
import pytest

from models.fingerprint.formats import iso2005
from models.fingerprint.synthetic import EASY, HARD, HEIGHT, WIDTH, Conditions, SyntheticFinger, synthetic_template
from models.samples import Position

FAITHFUL = Conditions(0, 0, 1.1, 0, 0, 0, 0, 0, 0)


def test_the_same_seeds_give_the_same_record() -> None:
    records = {synthetic_template(3, 1, Position.LEFT_THUMB) for _ in range(3)}
    assert len(records) == 1
    assert synthetic_template(3, 2, Position.LEFT_THUMB) not in records
    assert synthetic_template(4, 1, Position.LEFT_THUMB) not in records


def test_records_are_valid_and_carry_the_finger() -> None:
    for seed in range(50):
        record = iso2005.read_record(synthetic_template(seed, 0, Position.LEFT_THUMB, HARD))
        assert record.views[0].position is Position.LEFT_THUMB
        assert (record.width, record.height, record.x_resolution) == (WIDTH, HEIGHT, 197)


def test_impressions_have_as_many_minutiae_as_real_ones() -> None:
    easy, hard = (
        [len(SyntheticFinger(seed).impression(0, conditions)) for seed in range(100)] for conditions in (EASY, HARD)
    )
    assert 35 < np.mean(easy) < 55
    assert 25 < np.mean(hard) < 45


def test_master_minutiae_keep_their_distance() -> None:
    xy = SyntheticFinger(11).impression(0, FAITHFUL).xy
    distances = np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1))
    assert distances[~np.eye(len(xy), dtype=bool)].min() > 11.8


@pytest.mark.parametrize("seed", range(5))
def test_neighbouring_minutiae_follow_the_same_ridges(seed: int) -> None:
    finger = SyntheticFinger(seed).impression(0, FAITHFUL)
    double = np.exp(2j * finger.angle)
    distances = np.hypot(*(finger.xy[:, None] - finger.xy).transpose(2, 0, 1))
    agreement = (double[:, None] * double.conj()).real
    near = agreement[(distances > 0) & (distances < 30)].mean()
    assert near > 0.6
    assert near > agreement[distances > 150].mean()
