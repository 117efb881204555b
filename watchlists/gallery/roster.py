"""Who is in the gallery: entries by number, their visibility classes and expiry."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchlists.gallery.choosing import chosen
from watchlists.records import EntryKey, VisibilityClass

MANY_CLASSES = 2000
"""Above so many visibility classes there is a warning: the rules are evaluated on each of them."""
_NO_CLASS = -1

logger = logging.getLogger(__name__)


class Member(NamedTuple):
    """An entry in the gallery; a tuple, because there are very many.

    Args:
        sequence: of the change that wrote it.
        face_slots, finger_rows: where its templates are.
        strange_faces: it has face templates of another embedding, which cannot be compared here.
        readable: False if its templates could not be opened.
    """

    key: EntryKey
    klass: VisibilityClass
    sequence: int
    face_slots: tuple[int, ...]
    finger_rows: tuple[int, ...]
    strange_faces: bool
    readable: bool


@dataclass(slots=True)
class _ClassState:
    id: int
    members: int
    since: int  # the first change that may have brought it


@dataclass(frozen=True, slots=True)
class VisibleMembers:
    """The numbers a search may look at, and from when to when (POSIX seconds) that stays so without a change."""

    numbers: NDArray[np.bool_]
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class _Expired:
    """The numbers of members that have expired, and from when to when (POSIX seconds) there are no others."""

    numbers: NDArray[np.intp]
    since: float
    until: float


_UNKNOWN = _Expired(np.empty(0, np.intp), since=np.inf, until=-np.inf)


class Roster:
    """Members by number and key. Numbers of removed members are used again. Not thread-safe."""

    def __init__(self) -> None:
        self._numbers: dict[EntryKey, int] = {}
        self._members: list[Member | None] = []
        self._free: list[int] = []
        self._class_of = np.full(1024, _NO_CLASS, np.int32)
        self._expiry = np.full(1024, np.inf)
        self._expired = _UNKNOWN
        self._classes: dict[VisibilityClass, _ClassState] = {}
        self._free_class_ids: list[int] = []
        self._shown_classes = frozenset[VisibilityClass]()
        self._classes_changed = False
        self._warned = False
        self._uncomparable: set[int] = set()

    def __len__(self) -> int:
        """Number of members."""
        return len(self._numbers)

    @property
    def size(self) -> int:
        """All numbers are below this."""
        return len(self._members)

    @property
    def classes(self) -> frozenset[VisibilityClass]:
        """The classes of all members: one and the same object until they change."""
        if self._classes_changed:
            classes = frozenset(self._classes)
            if classes != self._shown_classes:  # a class that left and came back is no change
                self._shown_classes = classes
            self._classes_changed = False  # last: a reader beside this one builds it again rather than take the old one
        return self._shown_classes

    @property
    def unreadable(self) -> int:
        return sum(not self[number].readable for number in self._uncomparable)

    def __getitem__(self, number: int) -> Member:
        member = self._members[number]
        if member is None:
            raise KeyError(number)
        return member

    def reserve(self) -> int:
        """Return a number for a member that is about to be added."""
        if self._free:
            return self._free.pop()
        self._members.append(None)
        if len(self._members) > len(self._class_of):
            self._class_of = np.concatenate([self._class_of, np.full_like(self._class_of, _NO_CLASS)])
            self._expiry = np.concatenate([self._expiry, np.full_like(self._expiry, np.inf)])
        return len(self._members) - 1

    def add(self, number: int, member: Member, expires_at: datetime | None, since: int) -> None:
        """Add a member under a reserved number; `since` is the first change that may have brought its class."""
        state = self._classes.get(member.klass)
        if state is None:
            state = self._add_class(member.klass, since)
        state.members += 1
        self._numbers[member.key] = number
        self._members[number] = member
        self._class_of[number] = state.id
        self._set_expiry(number, np.inf if expires_at is None else expires_at.timestamp())
        if member.strange_faces or not member.readable:
            self._uncomparable.add(number)

    def remove(self, key: EntryKey) -> Member | None:
        """Remove a member and free its number; return it, None if there is none of that key."""
        number = self._numbers.pop(key, None)
        if number is None:
            return None
        member = self[number]
        self._members[number] = None
        self._class_of[number] = _NO_CLASS
        self._set_expiry(number, np.inf)
        self._uncomparable.discard(number)
        self._free.append(number)
        state = self._classes[member.klass]
        state.members -= 1
        if not state.members:
            del self._classes[member.klass]
            self._free_class_ids.append(state.id)
            self._classes_changed = True
        return member

    def visible(self, classes: Collection[VisibilityClass], now: float) -> VisibleMembers:
        """Return the members of `classes` that have not expired at `now` (POSIX seconds)."""
        expired = self._expired
        if not expired.since <= now < expired.until:
            expired = self._expired = self._expired_at(now)
        shown = np.zeros(len(self._classes) + len(self._free_class_ids), np.bool_)
        shown[[state.id for state in map(self._classes.get, classes) if state is not None]] = True
        numbers = chosen(shown, self._class_of[: self.size])
        numbers[expired.numbers] = False
        return VisibleMembers(numbers, expired.since, expired.until)

    def uncomparable(self, visible: VisibleMembers) -> list[Member]:
        """Return the visible members that have templates which cannot be compared here."""
        return [self[number] for number in self._uncomparable if visible.numbers[number]]

    def first_since(self, considered: Collection[VisibilityClass]) -> int | None:
        """Return the first change that may have brought a class that is not among `considered`, None if none has."""
        return min((state.since for klass, state in self._classes.items() if klass not in considered), default=None)

    def _expired_at(self, now: float) -> _Expired:
        expiry = self._expiry[: self.size]
        passed = expiry <= now
        return _Expired(np.flatnonzero(passed), since=now, until=float(expiry.min(where=~passed, initial=np.inf)))

    def _set_expiry(self, number: int, moment: float) -> None:
        """Note when a member expires; a change of what has expired, or of what is next to, is looked for anew."""
        if self._expiry[number] <= self._expired.since or moment < self._expired.until:
            self._expired = _UNKNOWN
        self._expiry[number] = moment

    def _add_class(self, klass: VisibilityClass, since: int) -> _ClassState:
        class_id = self._free_class_ids.pop() if self._free_class_ids else len(self._classes)
        state = self._classes[klass] = _ClassState(class_id, 0, since)
        self._classes_changed = True
        if len(self._classes) > MANY_CLASSES and not self._warned:
            self._warned = True
            logger.warning("there are more than %d visibility classes: checks become slow", MANY_CLASSES)
        return state
