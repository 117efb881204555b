"""Who is in the gallery: entries by number, their visibility classes and expiry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchlists.gallery.choosing import chosen
from watchlists.gallery.classes import NO_CLASS, Classes
from watchlists.gallery.column import Column
from watchlists.gallery.faces import NO_SLOT
from watchlists.records import EntryKey, VisibilityClass
from watchlists.store import TemplateColumns


class Places(NamedTuple):
    """Where the templates of an entry are: slots of faces, rows of fingers."""

    face_slots: tuple[int, ...] = ()
    finger_rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """An entry in the gallery, as it is put together when somebody asks for it.

    Args:
        sequence: of the change that wrote it.
        strange_faces: it has face templates that cannot be compared here: of another embedding, or of no such length.
        readable: False if its templates could not be opened.
    """

    key: EntryKey
    klass: VisibilityClass
    sequence: int
    places: Places
    strange_faces: bool
    readable: bool


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
    """Members by number and key. Numbers of removed members are used again. Not thread-safe.

    By column, and no object a member but its name and its number: there are very many.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = {}  # by watchlist and entry
        self._entries: list[str | None] = []
        self._free: list[int] = []
        self._class_of = Column(np.int32, NO_CLASS)
        self._expiry = Column(np.float64, np.inf)
        self._sequence = Column(np.int64, 0)
        self._face = Column(np.int32, NO_SLOT)  # the slot of those that have one face and no finger, as most have
        self._others: dict[int, Places] = {}  # where the templates of the others are
        self._expired = _UNKNOWN
        self._classes = Classes()
        self._strange: set[int] = set()
        self._unreadable: set[int] = set()

    def __len__(self) -> int:
        """Number of members."""
        return len(self._entries) - len(self._free)

    @property
    def size(self) -> int:
        """All numbers are below this."""
        return len(self._entries)

    @property
    def classes(self) -> frozenset[VisibilityClass]:
        """The classes of all members: one and the same object until they change."""
        return self._classes.all

    @property
    def unreadable(self) -> int:
        return len(self._unreadable)

    def __getitem__(self, number: int) -> Member:
        entry = self._entries[number]
        if entry is None:
            raise KeyError(number)
        klass = self._classes[self._class_of.values[number]]
        return Member(
            key=EntryKey(klass.watchlist, entry),
            klass=klass,
            sequence=int(self._sequence.values[number]),
            places=self._places(number),
            strange_faces=number in self._strange,
            readable=number not in self._unreadable,
        )

    def put(self, columns: TemplateColumns, since: int) -> tuple[NDArray[np.intp], list[Places]]:
        """Add members, in the place of those of the same keys.

        Where their templates are is to be said afterwards.

        Args:
            columns: what there is of them; what is packed is not looked at.
            since: the first change that may have brought their classes.

        Returns:
            The numbers of the new members, and where the templates of those that they replace are.
        """
        numbers = self._take_numbers(columns.entries)
        first = np.minimum(columns.sequences, since)
        self._class_of.values[numbers] = self._classes.count_in(columns.klasses, columns.class_of, first)
        self._sequence.values[numbers] = columns.sequences
        self._set_expiry(numbers, columns.expiries)
        names = [self._numbers.setdefault(klass.watchlist, {}) for klass in columns.klasses]
        replaced: list[Places] = []
        for which, entry, number in zip(columns.class_of.tolist(), columns.entries, numbers.tolist(), strict=True):
            old = names[which].setdefault(entry, number)
            if old != number:
                names[which][entry] = number
                replaced.append(self._leave(old))
        return numbers, replaced

    def place_faces(self, numbers: NDArray[np.intp], slots: NDArray[np.integer]) -> None:
        """Note the slots (n,) of members that have one face each and no finger; -1 where it cannot be compared here."""
        self._face.values[numbers] = slots
        self._strange.update(numbers[slots == NO_SLOT].tolist())

    def place(self, number: int, places: Places, *, strange_faces: bool) -> None:
        """Note where the templates of any other member are; `strange_faces` if there are others, as of `Member`."""
        self._others[number] = places
        if strange_faces:
            self._strange.add(number)

    def mark_unreadable(self, number: int) -> None:
        """Note that the templates of a member could not be opened."""
        self._unreadable.add(number)

    def remove(self, key: EntryKey) -> Places | None:
        """Remove a member and free its number; return where its templates are, None if there is none of that key."""
        of_list = self._numbers.get(key.watchlist, {})
        number = of_list.pop(key.entry, None)
        if number is None:
            return None
        if not of_list:
            del self._numbers[key.watchlist]
        return self._leave(number)

    def visible(self, classes: Collection[VisibilityClass], now: float) -> VisibleMembers:
        """Return the members of `classes` that have not expired at `now` (POSIX seconds)."""
        expired = self._expired
        if not expired.since <= now < expired.until:
            expired = self._expired = self._expired_at(now)
        numbers = chosen(self._classes.among(classes), self._class_of.values[: self.size])
        numbers[expired.numbers] = False
        return VisibleMembers(numbers, expired.since, expired.until)

    def any_strange(self, visible: VisibleMembers) -> bool:
        """Whether a visible member has faces that cannot be compared here."""
        return any(visible.numbers[number] for number in self._strange)

    def any_unreadable(self, visible: VisibleMembers) -> bool:
        """Whether the templates of a visible member could not be opened."""
        return any(visible.numbers[number] for number in self._unreadable)

    def first_since(self, considered: Collection[VisibilityClass]) -> int | None:
        """Return the first change that may have brought a class that is not among `considered`, None if none has."""
        return self._classes.first_since(considered)

    def _places(self, number: int) -> Places:
        slot = int(self._face.values[number])
        return Places((slot,)) if slot != NO_SLOT else self._others.get(number, Places())

    def _leave(self, number: int) -> Places:
        """Free a number; return where the templates of the member that had it are."""
        places = self._places(number)
        self._entries[number] = None
        self._classes.count_out(self._class_of.values[number])
        for column in (self._class_of, self._sequence, self._face):
            column.clear(number)
        self._set_expiry(np.array([number]), np.array([np.inf]))
        self._others.pop(number, None)
        self._strange.discard(number)
        self._unreadable.discard(number)
        self._free.append(number)
        return places

    def _take_numbers(self, entries: Sequence[str]) -> NDArray[np.intp]:
        """Give entries numbers: those that are free first."""
        count = min(len(entries), len(self._free))
        again = [self._free.pop() for _ in range(count)]
        numbers = np.fromiter(chain(again, range(self.size, self.size + len(entries) - count)), np.intp)
        for number, entry in zip(again, entries, strict=False):
            self._entries[number] = entry
        self._entries.extend(entries[count:])
        for column in (self._class_of, self._expiry, self._sequence, self._face):
            column.reserve(self.size)
        return numbers

    def _expired_at(self, now: float) -> _Expired:
        expiry = self._expiry.values[: self.size]
        passed = expiry <= now
        return _Expired(np.flatnonzero(passed), since=now, until=float(expiry.min(where=~passed, initial=np.inf)))

    def _set_expiry(self, numbers: NDArray[np.intp], moments: NDArray[np.float64]) -> None:
        """Note when members expire; a change of what has expired, or of what is next to, is looked for anew."""
        expiry = self._expiry.values
        had_expired = (expiry[numbers] <= self._expired.since).any()
        if had_expired or (moments < self._expired.until).any():
            self._expired = _UNKNOWN
        expiry[numbers] = moments
