"""An agreement at a glance: what each party's terminals see of the other's entries, by purpose and category."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import product
from typing import Final

from watchlists.agreements.actions import Deed
from watchlists.agreements.case_format import DEFAULT_ACTION
from watchlists.agreements.decide import HIGHEST_SCORE, RuleBook
from watchlists.agreements.disclosure import NOTHING, Disclosure
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Request
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.obligations import JUSTIFICATIONS
from watchlists.records import VisibilityClass

_ROLE: Final = "terminal"
_REVIEWER: Final = "reviewer"
_CASE: Final = "any"


class Mark(StrEnum):
    """What else holds for a cell of the matrix; the last two, that reviewers may compare these samples of the other."""

    SILENT = "silent"
    JUSTIFY = "justify"
    AUTHORISE = "authorise"
    QUOTA = "quota"
    FACE = "face"
    FINGERS = "fingers"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is seen at most: at once, and after a confirmation, where that is more."""

    at_once: Level
    later: Level
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class Direction:
    """Whose terminals ask about whose entries; for some authority, if the agreement tells them apart."""

    asker: str
    owner: str
    authority: str = ""

    def __str__(self) -> str:
        asker = f"{self.asker} ({self.authority})" if self.authority else self.asker
        return f"{asker} about {'its own' if self.asker == self.owner else self.owner}"


Cells = Mapping[tuple[str, str], Cell]
"""Cells by purpose and category."""


def matrix(agreement: Agreement) -> list[tuple[tuple[Direction, ...], Cells]]:
    """The cells of each direction, directions with equal cells together.

    At the highest score, for an entry without conditions, with every justification and authorisation given; by this
    agreement alone, at the first moment of its force.
    """
    book = RuleBook([agreement])
    parties = sorted(agreement.parties)
    alike: defaultdict[tuple[Cell, ...], list[Direction]] = defaultdict(list)
    words = list(product(sorted(agreement.purposes), sorted(agreement.categories)))
    for asker, owner, authority in product(parties, parties, ["", *sorted(agreement.authorities)]):
        direction = Direction(asker, owner, authority)
        alike[tuple(_cell(book, agreement, direction, *each) for each in words)].append(direction)
    return [(tuple(directions), dict(zip(words, cells, strict=True))) for cells, directions in alike.items()]


def _cell(book: RuleBook, agreement: Agreement, direction: Direction, purpose: str, category: str) -> Cell:
    klass = VisibilityClass(direction.owner, f"{direction.owner}-list", category, DEFAULT_ACTION)
    full = Request(
        partner=direction.asker,
        role=_ROLE,
        purpose=purpose,
        case_reference=_CASE,
        checkpoint=_CASE,
        authority=direction.authority,
        justified=frozenset(JUSTIFICATIONS),
        authorised_by=frozenset({direction.owner}),
    )

    def seen(request: Request) -> Disclosure:
        visible = book.visible(request, [klass], agreement.in_force_from)
        return book.disclosure(request, klass, HIGHEST_SCORE / 10, agreement.in_force_from) if visible else NOTHING

    most = seen(full)
    without = {
        Mark.JUSTIFY: seen(replace(full, case_reference=None, justified=frozenset())),
        Mark.AUTHORISE: seen(replace(full, authorised_by=frozenset())),
    }
    marks = {mark for mark, less in without.items() if _levels(less) != _levels(most)}
    marks |= {Mark.QUOTA} if most.duties.has(Obligation.QUOTA) else set()
    marks |= {Mark.SILENT} if most.silent else set()
    marks |= _compared(book, full, klass, agreement.in_force_from) if most.known else set()
    return Cell(*_levels(most), frozenset(marks))


def _compared(book: RuleBook, full: Request, klass: VisibilityClass, now: datetime) -> set[Mark]:
    reviewer = replace(full, role=_REVIEWER)
    deeds = {Mark.FACE: Deed.COMPARE_FACE, Mark.FINGERS: Deed.COMPARE_FINGERS}
    return {
        mark
        for mark, deed in deeds.items()
        if (ruling := book.ask(deed, reviewer, klass, now)).allowed and ruling.decided_by
    }


def _levels(disclosure: Disclosure) -> tuple[Level, Level]:
    return disclosure.level, disclosure.later.level if disclosure.later else disclosure.level
