"""What every gallery can do, wherever it is: in this process, a shard of a larger one, or at another node."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from models.score_calibration import ScoreCalibration
from watchlists.records import EntryKey, Templates, VisibilityClass


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry whose match score reached the threshold, or that has a single comparison at the top of the scale.

    Args:
        sequence: the change that wrote the entry as it was compared, and as its class is.
        score: match score, -log10(FMR), of all that was compared.
        face, finger: the score of that modality alone, None if it was not compared.
    """

    key: EntryKey
    klass: VisibilityClass
    sequence: int
    score: float
    face: float | None
    finger: float | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer of a gallery.

    Args:
        complete: False if a visible template of a modality of the probe could not be compared. One that a scan of all
            looked at and left off the shortlist counts as compared; a weak mate may be lost so.
        sequence: every change up to this one was taken into account.
        candidates: best first, equal scores by key.
        compared_templates: comparisons made; a template that two samples of the probe were compared with counts twice.
        threshold: the match score that candidates had to reach, unless a comparison is at the top of the scale.
        compared_at: when the comparisons were done, on the clock of `time.perf_counter`. Up to then a search takes the
            same time whoever is found; what follows takes longer the more are.
    """

    complete: bool
    sequence: int
    candidates: tuple[Candidate, ...]
    compared_templates: int
    threshold: float
    compared_at: float = field(compare=False)


class EmbeddingSpace(Protocol):
    """What face templates are vectors of; `models.face.FaceEncoder` is one."""

    @property
    def model(self) -> str:
        """Name of the embedding."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def calibration(self) -> ScoreCalibration:
        """From inner product to score."""
        ...


class Gallery(Protocol):
    """Something that can be searched. Thread-safe."""

    @property
    def sequence(self) -> int:
        """The newest change whose effect is in here, with all before it."""
        ...

    def catch_up(self) -> int:
        """Take over all changes committed so far; return the sequence reached."""
        ...

    def classes(self) -> frozenset[VisibilityClass]:
        """Return the visibility classes of all entries in here; one and the same object until they change."""
        ...

    def search(
        self,
        probe: Templates,
        visible: Collection[VisibilityClass],
        *,
        considered: Collection[VisibilityClass],
        target_fpir: float,
        now: datetime,
    ) -> SearchResult:
        """Compare the probe with every entry of the visible classes that has not expired.

        Args:
            probe: all samples of one person; a modality without a sample is not compared.
            visible: classes to search; entries of others are not looked at.
            considered: the classes that `visible` was chosen from. If another class has come since, the sequence in the
                result is the one before it came.
            target_fpir: accepted rate of false alarms per search.
            now: entries that expire at this moment or before are left out; aware.
        """
        ...
