"""All comparisons between the samples of an evaluation, each pair once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FAILED = -np.inf
"""Similarity of a comparison that could not be made because a sample failed to enrol: it matches at no threshold."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Every sample against every other.

    Args:
        subjects: (n,) int64, the subject of each sample, numbered from 0 without gaps.
        similarity: (n, n) float32; the diagonal is not read. `FAILED` where either sample failed to enrol. A row
            is of a probe, a column of a reference; symmetric if both were extracted alike.
        failed: (n,) bool, the samples that failed to enrol.
        sets: (n,) int64, the set of each sample, numbered from 0: samples of a set were captured alike.
    """

    subjects: NDArray[np.int64]
    similarity: NDArray[np.float32]
    failed: NDArray[np.bool_]
    sets: NDArray[np.int64]

    @property
    def samples(self) -> int:
        return int(self.subjects.size)

    @property
    def samples_of(self) -> NDArray[np.int64]:
        """Number of samples of each subject, (subjects,) int64."""
        return np.bincount(self.subjects)

    @property
    def mated(self) -> int:
        """Number of mated pairs i < j, failures included."""
        count = self.samples_of
        return int((count * (count - 1) // 2).sum())

    @property
    def nonmated(self) -> int:
        """Number of non-mated pairs i < j, failures included."""
        return self.samples * (self.samples - 1) // 2 - self.mated


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs i < j in ascending order of similarity: (p,) float32, and the subjects of both, (p,) int64 each."""

    similarity: NDArray[np.float32]
    first: NDArray[np.int64]
    second: NDArray[np.int64]


def mated_pairs(comparisons: Comparisons) -> Pairs:
    """Return all pairs of the same subject."""
    subjects = comparisons.subjects
    return _pairs(comparisons, [i + 1 + np.flatnonzero(subjects[i + 1 :] == s) for i, s in enumerate(subjects)])


def nonmated_pairs(comparisons: Comparisons, share: float = 1.0) -> Pairs:
    """Return the pairs of different subjects; with a `share` below 1 only that share of them, the most similar.

    Ties with the least similar pair that is kept are all kept, so the result may be somewhat larger.
    """
    subjects, similarity = comparisons.subjects, comparisons.similarity
    floor = FAILED
    if share < 1.0:
        rows = [similarity[i, i + 1 :][subjects[i + 1 :] != s] for i, s in enumerate(subjects)]
        every = np.concatenate(rows)
        kept = min(every.size, max(1, round(share * every.size)))
        floor = float(np.partition(every, every.size - kept)[every.size - kept])
    columns = [
        i + 1 + np.flatnonzero((subjects[i + 1 :] != s) & (similarity[i, i + 1 :] >= floor))
        for i, s in enumerate(subjects)
    ]
    return _pairs(comparisons, columns)


def nonmated_pairs_within_sets(comparisons: Comparisons) -> Pairs:
    """Return the pairs of different subjects that belong to the same set."""
    subjects, sets = comparisons.subjects, comparisons.sets
    columns = [
        i + 1 + np.flatnonzero((subjects[i + 1 :] != subject) & (sets[i + 1 :] == of_set))
        for i, (subject, of_set) in enumerate(zip(subjects, sets, strict=True))
    ]
    return _pairs(comparisons, columns)


def _pairs(comparisons: Comparisons, columns: list[NDArray[np.int64]]) -> Pairs:
    rows = np.repeat(np.arange(len(columns)), [column.size for column in columns])
    others = np.concatenate(columns)
    similarity = comparisons.similarity[rows, others]
    order = np.argsort(similarity, kind="stable")
    rows, others = rows[order], others[order]
    return Pairs(similarity[order], comparisons.subjects[rows], comparisons.subjects[others])
