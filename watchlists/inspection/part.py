"""What an inspection found of one part."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is not as it should be: what, and what to do about it. Names entries by their keys alone."""

    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what is stored.

    Args:
        what: its name.
        checked: what was looked at, in words.
        flaws: empty if it is sound.
    """

    what: str
    checked: str
    flaws: tuple[Flaw, ...] = ()
