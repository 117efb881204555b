from __future__ import annotations

import math

import numpy as np
import pytest

from models.calibration import (
    FACE,
    FINGER,
)
from models.score_calibration import ScoreCalibration

SMALL = ScoreCalibration(knots=((0.2, 0.0), (0.4, 1.0), (0.8, 5.0)), source="made up")
CALIBRATIONS = pytest.mark.parametrize("calibration", [FACE, FINGER, SMALL], ids=["face", "finger", "small"])


def test_scores_follow_the_line_between_knots_and_saturate_outside() -> None:
    assert [SMALL.score(s) for s in (-1.0, 0.2, 0.3, 0.4, 0.6, 0.8, 2.0)] == pytest.approx([0, 0, 0.5, 1, 3, 5, 5])
    assert SMALL.cap == 5.0


@CALIBRATIONS
def test_scores_never_fall_as_similarity_rises(calibration: ScoreCalibration) -> None:
    scores = calibration.score(np.linspace(-2.0, 2.0, 10_001))
    assert (np.diff(scores) >= 0).all()
    assert scores[0] == 0.0
    assert scores[-1] == calibration.cap


@CALIBRATIONS
def test_similarity_is_the_inverse_of_score(calibration: ScoreCalibration) -> None:
    scores = np.linspace(0.001, calibration.cap, 997)
    assert calibration.score(calibration.similarity(scores)) == pytest.approx(scores, abs=1e-9)
    one = calibration.similarity(4.5)
    assert isinstance(one, float)
    assert calibration.score(one) == pytest.approx(4.5)
    assert calibration.score(one - 1e-6) < 4.5


@CALIBRATIONS
def test_every_similarity_reaches_zero_and_none_exceeds_the_cap(calibration: ScoreCalibration) -> None:
    assert calibration.similarity(0.0) == -math.inf
    assert calibration.similarity(calibration.cap + 1e-6) == math.inf


def test_an_array_gives_an_array_of_its_shape() -> None:
    found = SMALL.score(np.array([[0.3, 0.6]], dtype=np.float32))
    assert found.shape == (1, 2)
    assert found.dtype == np.float64


@pytest.mark.parametrize(
    "knots",
    [
        ((0.0, 0.0),),
        ((0.0, 0.0), (0.0, 1.0)),
        ((0.0, 0.0), (0.5, 2.0), (0.6, 2.0)),
        ((0.0, 0.5), (1.0, 2.0)),
        ((0.0, 0.0), (math.inf, 2.0)),
        ((0.0, 0.0), (0.5, math.nan)),
    ],
)
def test_a_table_that_is_not_a_calibration_is_refused(knots: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        ScoreCalibration(knots=knots, source="broken")
