"""The ladder of levels: how much of an alert is seen."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """Each level discloses its own fields and those of every level before it. `NONE`: as if there were no alert."""

    NONE = 0
    HIT = 1
    BAND = 2
    SCORE = 3
    REFERENCE = 4
    ALERT = 5
    BIOGRAPHICS = 6

    @property
    def word(self) -> str:
        """The level as rules and answers spell it, such as "score"."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.word
