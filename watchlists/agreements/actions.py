"""What rules permit or forbid: the actions of the Cedar schema, by the door at which they are asked.

Two kinds. What concerns another's data (search, see, copy, transfer, keep, compare, report, answer) needs a permit:
default deny. What a partner does with its own (enter an alert, carry out an action on its territory, look at the
samples of its own alert) needs none: a forbid stops it, and a permit only adds obligations.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from watchlists.agreements.levels import Level

SEARCH: Final = "search"
SEE: Final[Mapping[Level, str]] = MappingProxyType(
    {level: f"see {level.word}" for level in Level if level is not Level.NONE}
)
"""The action that asks for each level, lowest first."""


class Extra(StrEnum):
    """What is seen beside the levels, each by a permit of its own, and of nobody below level `alert`."""

    LINKS = "links"
    MISUSED_IDENTITY = "misused identity"

    @property
    def action(self) -> str:
        return f"see {self.value}"


SEE_EXTRA: Final = tuple(extra.action for extra in Extra)
SEEN: Final = (*SEE.values(), *SEE_EXTRA)
CHECKED: Final = frozenset((SEARCH, *SEEN))
"""Everything that a check asks."""

CHECK: Final = "check"
"""The group of these in the schema."""


class Deed(StrEnum):
    """What is done with data other than to search and see it."""

    ENTER = "enter"
    TAKE_ACTION = "take action"
    COPY = "copy"
    TRANSFER = "transfer"
    KEEP_PROBE = "keep probe"
    COMPARE_FACE = "compare face"
    COMPARE_FINGERS = "compare fingers"
    REPORT_ERROR = "report error"
    ANSWER_SUBJECT = "answer subject"


WITHOUT_PERMIT: Final = frozenset({Deed.ENTER, Deed.TAKE_ACTION})
"""What needs no permit: it is done to the doer's own entries, or by its own law."""

OF_OWN_WITHOUT_PERMIT: Final = frozenset({Deed.COMPARE_FACE, Deed.COMPARE_FINGERS})
"""What needs no permit of whoever owns the alert."""

OF_A_CHECK: Final = frozenset({Deed.KEEP_PROBE, Deed.COMPARE_FACE, Deed.COMPARE_FINGERS})
"""Deeds that follow a check, and are asked about with what the check said of itself."""

WITHOUT_PURPOSE: Final = frozenset({Deed.ENTER, Deed.COPY, Deed.REPORT_ERROR, Deed.ANSWER_SUBJECT})
"""Deeds outside any check, to which purposes do not apply."""

ACTIONS: Final = (SEARCH, *SEE.values(), *SEE_EXTRA, *(deed.value for deed in Deed))
