"""What is made of scores: the fusion of several comparisons, the thresholds of searches, the band.

A score is `-log10(FMR)` (`models.calibration`); scores of different comparisons and modalities mean the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models import calibration


def fuse(scores: Sequence[float]) -> float:
    """Return the score of several independent comparisons of the same two people (Fisher, 1925, Statistical Methods).

    With `t` the sum of the `k` scores, `FMR = 10**-t * sum over i < k of (t ln 10)**i / i!`: the probability that the
    product of `k` independent FMRs of strangers is as small as this one. Computed in logarithms, so stable at any `t`.

    Raises:
        ValueError: there is no score, or one is negative or not finite.
    """
    if not scores or not all(math.isfinite(score) and score >= 0.0 for score in scores):
        raise ValueError("fusion needs at least one score, each finite and not negative")
    total = math.fsum(scores)
    if total == 0.0:
        return 0.0
    log_x = math.log(total * math.log(10.0))
    log_terms = [i * log_x - math.lgamma(i + 1) for i in range(len(scores))]
    largest = max(log_terms)
    log_sum = largest + math.log(math.fsum(math.exp(term - largest) for term in log_terms))
    return max(0.0, total - log_sum / math.log(10.0))


@dataclass(frozen=True, slots=True)
class MatchScore:
    """The score of one probe against one entry, and the scores it came from (None: not compared)."""

    value: float
    face: float | None
    finger: float | None


def match_score(face: float | None, finger: float | None) -> MatchScore:
    """Return the best of face, finger and their fusion, less `log10` of the number of these looks.

    The best of three looks is better by luck alone; the union bound `FMR <= looks * min(FMR)` pays for it whatever the
    dependence between them. So a spoilt finger costs a good face half a decade (0.48) and never hides it.

    Raises:
        ValueError: neither modality was compared, or a score is negative or not finite.
    """
    given = [score for score in (face, finger) if score is not None]
    looks = [fuse([score]) for score in given]
    if len(given) == 2:
        looks.append(fuse(given))
    if not looks:
        raise ValueError("a match score needs a face score, a finger score or both")
    return MatchScore(value=max(0.0, max(looks) - math.log10(len(looks))), face=face, finger=finger)


def flag_threshold(target_fpir: float, visible_templates: int) -> float:
    """Return the lowest match score to flag, so that a stranger is flagged with probability `target_fpir` at most.

    With `N` comparisons a search, `FPIR <= N * FMR` (union bound), hence `log10(N / target_fpir)`; never below
    `calibration.MINIMUM_FLAG_SCORE` nor above `calibration.MAXIMUM_FLAG_SCORE`.

    Raises:
        ValueError: the target is not between 0 (excluded) and 1, or the number of templates is negative.
    """
    if not 0.0 < target_fpir <= 1.0:
        raise ValueError(f"target FPIR {target_fpir} is not between 0 (excluded) and 1")
    if visible_templates < 0:
        raise ValueError(f"number of visible templates {visible_templates} is negative")
    wanted = math.log10(max(visible_templates, 1) / target_fpir)
    return min(max(wanted, calibration.MINIMUM_FLAG_SCORE), calibration.MAXIMUM_FLAG_SCORE)


def neighbour_score(comparisons: int, rate: float) -> float:
    """Return the score from which two recent probes are taken to be of one subject, if so many samples are compared.

    At least that of a 1:1 verification; from there it rises so that no more than `rate` strangers reach it (union
    bound), up to a score that a comparison can reach however many there are.
    """
    wanted = math.log10(max(comparisons, 1) / rate)
    return min(max(wanted, calibration.VERIFICATION_SCORE), calibration.MAXIMUM_FLAG_SCORE)


def band(score: float) -> calibration.Band:
    """Return the band that a match score falls in."""
    return next((name for floor, name in calibration.BAND_FLOORS if score >= floor), calibration.Band.NONE)
