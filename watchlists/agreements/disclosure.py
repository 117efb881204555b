"""How much of an alert is disclosed: the ladder of levels, and the mask that cuts a candidate down to one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import floor, isfinite
from types import MappingProxyType
from typing import Any, Final, TypedDict


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


FIELD_LEVEL: Final[Mapping[str, Level]] = MappingProxyType(
    {
        "band": Level.BAND,
        "score": Level.SCORE,
        "reference": Level.REFERENCE,
        "alert": Level.ALERT,
        "subject": Level.BIOGRAPHICS,
    }
)
"""The lowest level that discloses each field of a candidate. A field that is not in this table is never disclosed."""


@dataclass(frozen=True, slots=True, order=True)
class Clause:
    """A clause that decided: the `@id` of a rule in one version of an agreement, and the article it cites, if any."""

    agreement: str
    version: int
    clause: str
    cites: str | None = None


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What the asking partner may see of one candidate, how it must be handled, and which clauses said so."""

    level: Level
    handling: tuple[str, ...] = ()
    decided_by: tuple[Clause, ...] = ()


NOTHING: Final = Disclosure(Level.NONE)


@dataclass(frozen=True, slots=True)
class FullCandidate:
    """Everything that is known of a candidate before the rules are applied. Never leaves the service as it is.

    Args:
        score: match score, -log10(FMR).
        band: the score in a word.
        reference: the owner's identifier of the entry.
        category, action: the alert: what it is about, and what the owner asks for.
        subject: biographic fields by name.
    """

    score: float
    band: str
    reference: str
    category: str
    action: str
    subject: Mapping[str, Any]


class MaskedCandidate(TypedDict):
    """What the asking partner gets; `None` where the level hides a field."""

    level: str
    band: str | None
    score: float | None
    reference: str | None
    alert: dict[str, str] | None
    subject: dict[str, Any] | None
    handling: list[str]
    decided_by: list[dict[str, str | int | None]]


def tenths(score: float) -> int:
    """Cut a match score (-log10 FMR) to whole tenths, at least 0: rules read, and answers show, the same figure.

    Cut and not rounded, so that a rule that asks for 4.0 is not met by 3.96. Fine steps of a raw score would let
    somebody climb towards a match, one small change of the probe at a time.

    Raises:
        ValueError: the score is not a finite number.
    """
    if not isfinite(score):
        raise ValueError("a match score must be a finite number")
    return max(0, floor(score * 10 + 1e-6))


def mask(disclosure: Disclosure, candidate: FullCandidate) -> MaskedCandidate:
    """Keep of a candidate what the disclosure's level shows, by the table `FIELD_LEVEL`.

    Raises:
        ValueError: the level is `NONE`; such a candidate is left out of the answer, not shown empty.
    """
    level = disclosure.level
    if level is Level.NONE:
        raise ValueError("a candidate of level none is left out, not masked")

    def seen(field: str) -> bool:
        return level >= FIELD_LEVEL[field]

    return MaskedCandidate(
        level=level.word,
        band=candidate.band if seen("band") else None,
        score=tenths(candidate.score) / 10 if seen("score") else None,
        reference=candidate.reference if seen("reference") else None,
        alert={"category": candidate.category, "action": candidate.action} if seen("alert") else None,
        subject=dict(candidate.subject) if seen("subject") else None,
        handling=list(disclosure.handling),
        decided_by=[
            {"agreement": by.agreement, "version": by.version, "clause": by.clause, "cites": by.cites}
            for by in disclosure.decided_by
        ],
    )
