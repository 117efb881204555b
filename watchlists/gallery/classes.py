"""The visibility classes of a gallery: their ids, how many members each has, and since when it is here."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchlists.records import VisibilityClass

MANY_CLASSES = 2000
"""Above so many visibility classes there is a warning: the rules are evaluated on each of them."""
NO_CLASS = 0
"""The id of none."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _State:
    id: int
    members: int
    since: int  # the first change that may have brought it


class Classes:
    """Visibility classes by id, as long as they have members. Ids are used again. Not thread-safe."""

    def __init__(self) -> None:
        self._states: dict[VisibilityClass, _State] = {}
        self._by_id: list[VisibilityClass | None] = [None]
        self._free: list[int] = []
        self._shown = frozenset[VisibilityClass]()
        self._changed = False
        self._warned = False

    def __getitem__(self, class_id: int) -> VisibilityClass:
        klass = self._by_id[class_id]
        if klass is None:
            raise KeyError(class_id)
        return klass

    @property
    def all(self) -> frozenset[VisibilityClass]:
        """The classes that have members: one and the same object until they change."""
        if self._changed:
            classes = frozenset(self._states)
            if classes != self._shown:  # a class that left and came back is no change
                self._shown = classes
            self._changed = False  # last: a reader beside this one builds it again rather than take the old one
        return self._shown

    def among(self, classes: Collection[VisibilityClass]) -> NDArray[np.bool_]:
        """Return which ids, from that of none on, are those of some classes."""
        shown = np.zeros(len(self._by_id), np.bool_)
        shown[[self._states[klass].id for klass in classes if klass in self._states]] = True
        return shown

    def first_since(self, considered: Collection[VisibilityClass]) -> int | None:
        """Return the first change that may have brought a class that is not among `considered`, None if none has."""
        return min((state.since for klass, state in self._states.items() if klass not in considered), default=None)

    def count_in(
        self, klasses: Sequence[VisibilityClass], class_of: NDArray[np.intp], since: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """Count members in their classes, and return the ids of these (n,).

        Args:
            klasses: classes; each has a member here.
            class_of: (n,), which of them is that of each member.
            since: (n,), the first change that may have brought the class of each.
        """
        ids = np.zeros(len(klasses), np.intp)
        for which, (klass, members) in enumerate(zip(klasses, np.bincount(class_of).tolist(), strict=True)):
            state = self._states.get(klass)
            if state is None:
                state = self._add(klass, int(since[class_of == which].min()))
            state.members += members
            ids[which] = state.id
        return ids[class_of]

    def count_out(self, class_id: int) -> None:
        """Count a member out of its class; without members there is no class."""
        klass = self[class_id]
        state = self._states[klass]
        state.members -= 1
        if not state.members:
            del self._states[klass]
            self._by_id[class_id] = None
            self._free.append(class_id)
            self._changed = True

    def _add(self, klass: VisibilityClass, since: int) -> _State:
        if not self._free:
            self._free.append(len(self._by_id))
            self._by_id.append(None)
        class_id = self._free.pop()
        self._by_id[class_id] = klass
        state = self._states[klass] = _State(class_id, 0, since)
        self._changed = True
        if len(self._states) > MANY_CLASSES and not self._warned:
            self._warned = True
            logger.warning("there are more than %d visibility classes: checks become slow", MANY_CLASSES)
        return state
