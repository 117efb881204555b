"""What is remembered of a partner's recent probes, so that near-duplicates are recognised: in memory, and nowhere else.

Whoever climbs towards an entry sends probes that resemble each other, one small change at a time. Each probe is
compared with those before it, and those that are of one subject form a chain. A probe joins every chain in which it
resembles any member (single linkage), so slow drift does not escape: the last probe of a chain may have nothing in
common with the first. Single linkage is safe for the honest only while strangers hardly ever resemble each other: see
`models.scores.neighbour_score`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.calibration import (
    FACE_NEIGHBOUR_RATE,
    FINGER,
    FINGER_NEIGHBOUR_RATE,
    VERIFICATION_SCORE,
)
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.matcher import FingerprintPack
from models.samples import Position
from models.score_calibration import ScoreCalibration
from models.scores import neighbour_score
from watchlists.records import FaceTemplate, Templates

Sample = TypeVar("Sample", contravariant=True)

_NEAREST = 64
"""Fingers that a finger is compared with exactly: those that look most like it. A chain is hardly ever longer."""
_BLOCK_MINUTIAE = 8192
"""Half a megabyte at a time: most partners have few recent probes."""


@dataclass(eq=False, slots=True)
class RecentProbe:
    """A probe that was let through.

    Attributes:
        at: when; aware.
        terminal: who sent it.
        chain: all remembered probes of the same subject, this one among them.
        faces, fingers: the rows of its samples.
    """

    at: datetime
    terminal: str
    chain: set[RecentProbe]
    faces: tuple[int, ...]
    fingers: tuple[int, ...]

    @property
    def samples(self) -> int:
        return len(self.faces) + len(self.fingers)


class RecentProbes:
    """The recent probes of one partner. Not thread-safe.

    Args:
        faces: from the inner product of two face vectors to a score.
        capacity: samples that are remembered at most. Beyond it, the oldest probe that resembles no other goes first: a
            flood of strangers does not wash a chain away.
    """

    def __init__(self, faces: ScoreCalibration, capacity: int) -> None:
        self._capacity = capacity
        self._probes: dict[RecentProbe, None] = {}
        self._samples = 0
        self._faces, self._fingers = _Faces(faces), _Fingers()

    def __len__(self) -> int:
        return len(self._probes)

    def chain_of(self, probe: Templates, terminal: str) -> set[RecentProbe]:
        """Return all remembered probes of the subject of a new one: the chains of those that it resembles.

        Two probes are of one subject if any two of their samples are. The score that this takes rises with the number
        of samples compared, of this terminal or of all terminals, so that two strangers are taken for one another as
        seldom among many as among few.
        """
        faces = _neighbours(self._faces, probe.faces, terminal, FACE_NEIGHBOUR_RATE)
        fingers = _neighbours(self._fingers, probe.fingers, terminal, FINGER_NEIGHBOUR_RATE)
        return {member for neighbour in (*faces, *fingers) for member in neighbour.chain}

    def remember(self, probe: Templates, terminal: str, now: datetime, chain: set[RecentProbe]) -> None:
        """Remember a new probe as one more of `chain`, which `chain_of` gave for it."""
        recent = RecentProbe(now, terminal, chain, (), ())
        recent.faces = tuple(self._faces.add(face, recent) for face in probe.faces)
        recent.fingers = tuple(self._fingers.add(finger, recent) for finger in probe.fingers)
        chain.add(recent)
        for member in chain:
            member.chain = chain
        self._probes[recent] = None
        self._samples += recent.samples
        while self._samples > self._capacity:
            self._forget(next((each for each in self._probes if len(each.chain) == 1), next(iter(self._probes))))

    def forget_before(self, moment: datetime) -> None:
        """Forget the probes up to that moment; their samples are overwritten."""
        for recent in [each for each in self._probes if each.at <= moment]:
            self._forget(recent)

    def _forget(self, recent: RecentProbe) -> None:
        del self._probes[recent]
        recent.chain.discard(recent)
        self._samples -= recent.samples
        for row in recent.faces:
            self._faces.remove(row)
        for row in recent.fingers:
            self._fingers.remove(row)


class _Samples(Protocol[Sample]):
    """The remembered samples of one modality."""

    owners: dict[int, RecentProbe]

    def scores(self, sample: Sample) -> Iterator[tuple[RecentProbe, float]]: ...


def _neighbours(
    known: _Samples[Sample], samples: Sequence[Sample], terminal: str, rate: float
) -> Iterator[RecentProbe]:
    """The probes that any of the samples is alike enough to."""
    here = sum(owner.terminal == terminal for owner in known.owners.values())
    at_terminal = neighbour_score(len(samples) * here, rate)
    at_partner = neighbour_score(len(samples) * len(known.owners), rate)
    for sample in samples:
        for owner, score in known.scores(sample):
            if score >= (at_terminal if owner.terminal == terminal else at_partner):
                yield owner


class _Faces:
    """Face vectors in numbered rows, each of a probe."""

    def __init__(self, calibration: ScoreCalibration) -> None:
        self._calibration = calibration
        self._vectors: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.owners: dict[int, RecentProbe] = {}
        self._free: list[int] = []

    def add(self, face: FaceTemplate, owner: RecentProbe) -> int:
        if not self._free:
            rows = len(self._vectors)
            grown = np.zeros((max(64, 2 * rows), len(face.vector)), np.float32)
            grown[:rows] = self._vectors.reshape(rows, len(face.vector))
            self._vectors[:] = 0
            self._vectors = grown
            self._free = list(range(len(grown) - 1, rows - 1, -1))
        row = self._free.pop()
        self._vectors[row] = face.vector
        self.owners[row] = owner
        return row

    def remove(self, row: int) -> None:
        self._vectors[row] = 0
        del self.owners[row]
        self._free.append(row)

    def scores(self, face: FaceTemplate) -> Iterator[tuple[RecentProbe, float]]:
        if self.owners:
            scores = self._calibration.score(self._vectors @ face.vector)
            for row in np.flatnonzero(scores >= VERIFICATION_SCORE).tolist():
                if row in self.owners:
                    yield self.owners[row], float(scores[row])


class _Fingers:
    """Finger templates in numbered rows, each of a probe; whichever finger the terminal said it was.

    A terminal that names another finger with every probe would otherwise begin a new chain with each.
    """

    def __init__(self) -> None:
        self._pack = FingerprintPack(block_minutiae=_BLOCK_MINUTIAE)
        self.owners: dict[int, RecentProbe] = {}

    def add(self, finger: FingerTemplate, owner: RecentProbe) -> int:
        row = self._pack.add(replace(finger, position=Position.UNKNOWN))
        self.owners[row] = owner
        return row

    def remove(self, row: int) -> None:
        self._pack.remove(row)
        del self.owners[row]

    def scores(self, finger: FingerTemplate) -> Iterator[tuple[RecentProbe, float]]:
        finger = replace(finger, position=Position.UNKNOWN)
        near = np.zeros(len(self._pack), np.bool_)
        near[self._pack.shortlist(finger, ~near, _NEAREST)] = True
        scores = FINGER.score(self._pack.compare_all(finger, near))
        for row in np.flatnonzero(near).tolist():
            yield self.owners[row], float(scores[row])
