"""The gallery of this process. Embeddings are held in memory and never written to disk."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from models import calibration, scores
from models.score_calibration import ScoreCalibration
from watchlists.changes import ChangeLog, Follower
from watchlists.gallery import choosing
from watchlists.gallery.faces import NO_SLOT, FaceIndex, FaceSelection
from watchlists.gallery.fingers import FingerIndex, FingerScores, FingerSelection
from watchlists.gallery.lock import SharedLock
from watchlists.gallery.protocol import Candidate, EmbeddingSpace, SearchResult
from watchlists.gallery.roster import Places, Roster, VisibleMembers
from watchlists.records import Change, EntryKey, FaceTemplate, Templates, VisibilityClass
from watchlists.store import StoredTemplates, TemplateColumns
from watchlists.templates import OneFace, unpacked

Place = TypeVar("Place")

_LONGEST = 1.01
"""Length beyond which a vector is not compared."""
_REMEMBERED = 32
"""Selections that are remembered; one for every set of classes that somebody searches."""


_MOST_THREADS = 4
"""Threads that compare fingers by default: beyond these a search hardly gets faster, and others want cores too."""


class TemplateSource(Protocol):
    """What the gallery follows; `watchlists.store.Store` is one."""

    @property
    def log(self) -> ChangeLog: ...

    def entry_count(self) -> int: ...

    def open_templates(self, keys: Collection[EntryKey] | None = None) -> Iterator[StoredTemplates]: ...

    def open_all_templates(self, processes: int) -> Generator[TemplateColumns]: ...


@dataclass(frozen=True, slots=True)
class _Selection:
    """What one set of classes lets a search look at, in one version of the gallery."""

    visible: VisibleMembers
    faces: FaceSelection
    fingers: FingerSelection
    strange_faces: bool
    unreadable: bool

    def holds(self, now: float) -> bool:
        return self.visible.since <= now < self.visible.until


class LocalGallery(Follower):
    """All active entries in the memory of this process.

    Faces are compared exhaustively, fingers as `FingerIndex.compare` says.

    Locks: `catch_up` reads and opens what has changed without one, then takes the lock alone to bring it in and to
    move `sequence` with it. A search shares the lock from beginning to end. So every search sees one version and names
    its sequence, searches run side by side, and a withdrawal is in force when `catch_up` returns.

    Args:
        source: where the entries are.
        space: the embedding of the face templates; others are not comparable.
        finger_calibration: from the similarity of two fingers to a score.
        threads: how many compare fingers, for all searches together; None for one a core, and four at most.
    """

    def __init__(
        self,
        source: TemplateSource,
        space: EmbeddingSpace,
        finger_calibration: ScoreCalibration = calibration.FINGER,
        *,
        threads: int | None = None,
    ) -> None:
        super().__init__(source.log)
        self._source = source
        self._space = space
        self._one_face = OneFace(space.model, space.dimension)
        self._lock = SharedLock()
        self._sequence = 0
        self._roster = Roster()
        self._faces = FaceIndex(space.dimension)
        self._fingers = FingerIndex(finger_calibration, threads=threads or min(_MOST_THREADS, _cores()))
        self._remembering = threading.Lock()
        self._selections: dict[frozenset[VisibilityClass], _Selection] = {}

    @property
    def sequence(self) -> int:
        return self._sequence

    @property
    def entries(self) -> int:
        """Number of entries in here."""
        return len(self._roster)

    @property
    def templates(self) -> int:
        """Number of templates that can be compared."""
        return len(self._faces) + len(self._fingers)

    @property
    def unreadable(self) -> int:
        """Number of entries whose templates could not be opened: searches that may see them are incomplete."""
        with self._lock.shared():
            return self._roster.unreadable

    def classes(self) -> frozenset[VisibilityClass]:
        with self._lock.shared():
            return self._roster.classes

    def load(self, progress: Callable[[int, int], None] | None = None, *, processes: int = 0) -> None:
        """Bring in everything there is, at start.

        Args:
            progress: is told how many entries of how many are in.
            processes: how many to start for it, which opens templates faster; 0 to do it in this one.

        Raises:
            OpenersEnded: one of the processes ended before its time.
        """
        choosing.warm_up()
        with self._following:
            # Read before the entries: what is written meanwhile is brought in a second time, and nothing is missed.
            reached = self._log.last_sequence()
            total = self._source.entry_count()
            with closing(self._source.open_all_templates(processes)) as batches:  # at once, whatever happens here
                for batch in batches:
                    self._bring_in((), batch, since=reached, reached=self._sequence)
                    if progress is not None:
                        progress(len(self._roster), total)
            self._sequence = reached

    def follow(self, new: Sequence[Change]) -> None:
        """Bring in the present state of all entries that changed, and with it the sequence."""
        changed = {change.key for change in new}
        fresh = TemplateColumns.of(list(self._source.open_templates(changed)))
        self._bring_in(changed, fresh, since=new[0].sequence, reached=new[-1].sequence)

    def search(
        self,
        probe: Templates,
        visible: Collection[VisibilityClass],
        *,
        considered: Collection[VisibilityClass],
        target_fpir: float,
        now: datetime,
    ) -> SearchResult:
        """Do as `Gallery.search` says; exact, but for the shortlist of fingers in large galleries (`FingerIndex`).

        Raises:
            ValueError: the probe has no template.
        """
        if not probe.faces and not probe.fingers:
            raise ValueError("a search needs at least one template")
        vectors = self._vectors(probe)
        with self._lock.shared():
            selection = self._select(frozenset(visible), now.timestamp())
            fingers = self._fingers.compare(probe.fingers, selection.fingers, self._roster.size)
            face_comparisons = selection.faces.count * len(vectors)
            threshold = scores.flag_threshold(target_fpir, face_comparisons + fingers.chances)
            found = self._promising(threshold, vectors, fingers, selection)
            compared_at = time.perf_counter()
            scored = ((self._score(number, vectors, fingers), fingers.best(number)) for number in found)
            candidates = [candidate for candidate, finger in scored if _flagged(candidate, finger, threshold)]
            return SearchResult(
                complete=_complete(probe, vectors, selection),
                sequence=self._honest_sequence(considered),
                candidates=tuple(sorted(candidates, key=lambda candidate: (-candidate.score, candidate.key))),
                compared_templates=face_comparisons + fingers.comparisons,
                threshold=threshold,
                compared_at=compared_at,
            )

    def _promising(
        self, threshold: float, vectors: NDArray[np.float32], fingers: FingerScores, selection: _Selection
    ) -> set[int]:
        """Return the numbers of all entries that may reach the threshold.

        A fusion never exceeds the sum of its scores, so one of two modalities must reach half of what the fusion does.
        """
        share = threshold / 2 if len(vectors) and fingers.comparisons else threshold
        found = fingers.at_least(share)
        if len(vectors):
            found |= self._faces.at_least(self._space.calibration.similarity(share), vectors, selection.faces)
        return found

    def _score(self, number: int, vectors: NDArray[np.float32], fingers: FingerScores) -> Candidate:
        member = self._roster[number]
        face = None
        if len(vectors) and member.places.face_slots:
            face = self._space.calibration.score(self._faces.best(member.places.face_slots, vectors))
        finger = fingers.of(number)
        score = scores.match_score(face, finger).value
        return Candidate(member.key, member.klass, member.sequence, score, face, finger)

    def _select(self, visible: frozenset[VisibilityClass], now: float) -> _Selection:
        known = self._selections.get(visible)
        if known is not None and known.holds(now):
            return known
        members = self._roster.visible(visible, now)
        selection = _Selection(
            visible=members,
            faces=self._faces.select(members.numbers),
            fingers=self._fingers.select(members.numbers),
            strange_faces=self._roster.any_strange(members),
            unreadable=self._roster.any_unreadable(members),
        )
        with self._remembering:
            if len(self._selections) >= _REMEMBERED:
                self._selections.clear()
            self._selections[visible] = selection
        return selection

    def _vectors(self, probe: Templates) -> NDArray[np.float32]:
        """Return the comparable faces of the probe, (q, dimension)."""
        comparable = [face.vector for face in probe.faces if self._comparable(face)]
        return np.array(comparable, np.float32).reshape(-1, self._space.dimension)

    def _comparable(self, face: FaceTemplate) -> bool:
        return self._of_our_space(face) and bool(np.isfinite(face.vector).all())

    def _of_our_space(self, face: FaceTemplate) -> bool:
        return face.model == self._space.model and face.vector.shape == (self._space.dimension,)

    def _honest_sequence(self, considered: Collection[VisibilityClass]) -> int:
        unconsidered = self._roster.first_since(considered)
        return self._sequence if unconsidered is None else min(self._sequence, unconsidered - 1)

    def _bring_in(self, gone: Collection[EntryKey], fresh: TemplateColumns, *, since: int, reached: int) -> None:
        """Take out entries that are gone, bring in others as they are now, and move the sequence, in one step."""
        with self._lock.exclusive():
            _each(self._remove, gone)
            self._add(fresh, since)
            self._sequence = reached
            self._selections = {}

    def _add(self, fresh: TemplateColumns, since: int) -> None:
        numbers, replaced = self._roster.put(fresh, since)
        _each(self._take_out, replaced)
        alone, vectors = self._single_faces(fresh)
        self._roster.place_faces(numbers[alone], self._add_faces(vectors, numbers[alone]))
        others = np.flatnonzero(~alone)
        self._add_others(numbers[others].tolist(), fresh.packed_of(others))

    def _single_faces(self, fresh: TemplateColumns) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return which entries (n,) have one face of our embedding and nothing else, and the vectors of these."""
        alone = fresh.sizes == self._one_face.size
        packed = fresh.packed if alone.all() else b"".join(filter(None, fresh.packed_of(np.flatnonzero(alone))))
        faces, vectors = self._one_face.vectors_in(packed)
        alone[alone] = faces
        return alone, vectors

    def _add_others(self, numbers: Sequence[int], packed: Sequence[bytes | None]) -> None:
        """Bring in what entries have beside or in place of one face, packed; None for what could not be opened."""
        opened = {number: unpacked(each) for number, each in zip(numbers, packed, strict=True)}
        known = {number: templates for number, templates in opened.items() if templates is not None}
        _each(self._roster.mark_unreadable, opened.keys() - known.keys())
        faces = [(n, face) for n, templates in known.items() for face in templates.faces if self._of_our_space(face)]
        vectors = np.array([face.vector for _, face in faces], np.float32).reshape(-1, self._space.dimension)
        owners = np.array([number for number, _ in faces], np.intp)
        face_slots: dict[int, list[int]] = {number: [] for number in known}
        for (number, _), slot in zip(faces, self._add_faces(vectors, owners).tolist(), strict=True):
            if slot != NO_SLOT:
                face_slots[number].append(slot)
        for number, templates in known.items():
            rows = tuple([self._fingers.add(finger, number) for finger in templates.fingers])
            strange = len(face_slots[number]) < len(templates.faces)
            self._roster.place(number, Places(tuple(face_slots[number]), rows), strange_faces=strange)

    def _add_faces(self, vectors: NDArray[np.float32], numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """Add vectors (n, dimension), each of the entry of its number; return the slots, or `NO_SLOT`."""
        # One that is too long would be like everybody; and the index allows for the rounding of its longest vector.
        usable = np.einsum("ij,ij->i", vectors, vectors) <= _LONGEST**2
        slots = np.full(len(vectors), NO_SLOT, np.intp)
        slots[usable] = self._faces.add(vectors[usable], numbers[usable])
        return slots

    def _remove(self, key: EntryKey) -> None:
        places = self._roster.remove(key)
        if places is not None:
            self._take_out(places)

    def _take_out(self, places: Places) -> None:
        _each(self._faces.remove, places.face_slots)
        _each(self._fingers.remove, places.finger_rows)


def _flagged(candidate: Candidate, best_finger: float, threshold: float) -> bool:
    """Whether it reaches the threshold, or a single comparison is at the top of the scale.

    What a score pays for further looks can take it below the threshold of a very large gallery even then; such a
    comparison is never passed over in silence.
    """
    return candidate.score >= threshold or max(candidate.face or 0.0, best_finger) >= calibration.SCORE_CAP


def _complete(probe: Templates, vectors: NDArray[np.float32], selection: _Selection) -> bool:
    """Whether all that was visible of the probe's modalities was compared."""
    if selection.unreadable:
        return False
    if not probe.faces:
        return True
    strange_probe = len(vectors) < len(probe.faces) and selection.faces.count > 0
    return not strange_probe and not selection.strange_faces


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _each(remove: Callable[[Place], None], places: Iterable[Place]) -> None:
    for place in places:
        remove(place)
