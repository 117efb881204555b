from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import (
    FACE,
    FINGER,
    MAXIMUM_FLAG_SCORE,
    MINIMUM_FLAG_SCORE,
    Band,
)
from models.scores import band, flag_threshold, fuse, match_score


def test_the_top_of_every_scale_is_flagged_in_any_gallery() -> None:
    """Two modalities cost log10(3); a saturated comparison must still reach the highest flag threshold."""
    for calibration in (FACE, FINGER):
        assert match_score(calibration.cap, 0.0).value >= MAXIMUM_FLAG_SCORE


def test_fusing_one_score_changes_nothing() -> None:
    assert fuse([4.25]) == pytest.approx(4.25)
    assert fuse([0.0]) == 0.0


def test_fusing_two_scores_follows_the_closed_form() -> None:
    # P(U1 U2 <= x) = x (1 - ln x), here x = 1e-5.
    assert fuse([2.0, 3.0]) == pytest.approx(-math.log10(1e-5 * (1 - math.log(1e-5))))


def test_fusion_agrees_with_the_chi_square_table() -> None:
    """Fisher's statistic is 2 ln(10) t; the upper 5 % point of chi square with 6 degrees of freedom is 12.5916."""
    total = 12.5916 / (2 * math.log(10))
    assert 10 ** -fuse([total / 3] * 3) == pytest.approx(0.05, rel=1e-4)


def test_fusion_is_stable_far_out() -> None:
    assert fuse([5000.0, 5000.0]) == pytest.approx(10_000 - math.log10(1 + 10_000 * math.log(10)))


@given(st.lists(st.floats(0, 400), min_size=1, max_size=12), st.floats(0, 5))
def test_fusion_is_monotone_and_never_negative(scores: list[float], more: float) -> None:
    fused = fuse(scores)
    assert fused >= 0.0
    assert fuse([scores[0] + more, *scores[1:]]) >= fused - 1e-9


@pytest.mark.parametrize("scores", [[], [-0.1], [math.nan], [1.0, math.inf]])
def test_fusion_refuses_what_is_no_score(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="score"):
        fuse(scores)


def test_one_modality_keeps_its_score() -> None:
    assert match_score(4.2, None).value == pytest.approx(4.2)
    assert match_score(None, 3.1).value == pytest.approx(3.1)


def test_a_spoilt_finger_does_not_hide_a_face() -> None:
    assert match_score(7.0, 0.0).value == pytest.approx(7.0 - math.log10(3))


def test_two_good_modalities_count_together() -> None:
    found = match_score(4.0, 4.0)
    assert found.value == pytest.approx(fuse([4.0, 4.0]) - math.log10(3))
    assert found.value > 5.5
    assert (found.face, found.finger) == (4.0, 4.0)


def test_a_match_score_needs_a_comparison() -> None:
    with pytest.raises(ValueError, match="face score"):
        match_score(None, None)


def test_strangers_reach_a_match_score_no_more_often_than_it_says() -> None:
    """Under the null the FMR of each modality is uniform; P(match score >= s) must not exceed 10**-s."""
    random = np.random.default_rng(7)
    count = 200_000
    scores = -np.log10(random.uniform(size=(count, 2)))
    values = np.array([match_score(face, finger).value for face, finger in scores.tolist()])
    for score in (0.5, 1.0, 2.0, 3.0):
        expected = count * 10**-score
        assert np.count_nonzero(values >= score) <= expected + 3 * math.sqrt(expected)
    # The bound is not bought by giving everything away: a third of it is used.
    assert np.count_nonzero(values >= 2.0) >= count * 0.01 / 3


def test_fused_scores_of_strangers_are_exact() -> None:
    random = np.random.default_rng(8)
    count = 100_000
    values = np.array([fuse(row) for row in (-np.log10(random.uniform(size=(count, 3)))).tolist()])
    for score in (0.5, 1.0, 2.0):
        expected = count * 10**-score
        assert abs(np.count_nonzero(values >= score) - expected) <= 4 * math.sqrt(expected)


@pytest.mark.parametrize(
    ("fpir", "templates", "expected"),
    [
        (0.01, 1000, 5.0),
        (0.001, 1000, 6.0),
        (0.01, 10, 3.0),
        (1.0, 5, MINIMUM_FLAG_SCORE),
        (0.01, 0, MINIMUM_FLAG_SCORE),
        (0.01, 10**9, MAXIMUM_FLAG_SCORE),
    ],
)
def test_flag_threshold(fpir: float, templates: int, expected: float) -> None:
    assert flag_threshold(fpir, templates) == pytest.approx(expected)


@pytest.mark.parametrize(("fpir", "templates"), [(0.0, 10), (-0.1, 10), (1.5, 10), (math.nan, 10), (0.01, -1)])
def test_flag_threshold_refuses_nonsense(fpir: float, templates: int) -> None:
    with pytest.raises(ValueError, match=r"target FPIR|visible templates"):
        flag_threshold(fpir, templates)


def test_a_search_of_strangers_flags_at_the_target_rate() -> None:
    random = np.random.default_rng(9)
    best = (-np.log10(random.uniform(size=(4000, 500)))).max(axis=1)
    flagged = np.count_nonzero(best >= flag_threshold(0.05, 500))
    assert flagged <= 4000 * 0.05 + 3 * math.sqrt(4000 * 0.05)
    assert flagged >= 4000 * 0.05 / 2


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.0, Band.NONE),
        (2.999, Band.NONE),
        (3.0, Band.WEAK),
        (4.0, Band.MODERATE),
        (5.1, Band.STRONG),
        (6.0, Band.VERY_STRONG),
        (40.0, Band.VERY_STRONG),
    ],
)
def test_bands(score: float, expected: Band) -> None:
    assert band(score) is expected
