"""What the rules cost: a decision, memoised and not, and the visibility of a large gallery."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice, product
from pathlib import Path
from time import thread_time_ns

import numpy as np
from rich.progress import Progress

from watchlists.agreements import Request, RuleBook, load_agreements
from watchlists.gallery.faces import FaceIndex
from watchlists.gallery.roster import Roster
from watchlists.records import Age, Conditions, EntryKey, VisibilityClass
from watchlists.store import StoredTemplates, TemplateColumns

PARTNERS = 10
CATEGORIES = ("wanted", "missing-person", "discreet-check", "refuse-entry", "stolen-identity")
_ROUNDS = 30
_AT_ONCE = 1000
_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_DIMENSION = 4  # to choose slots costs the same whatever the vectors hold

_PARTICULARS = """id = "many"
title = "Agreement among many"
parties = [{parties}]
version = 1
in_force_from = 2026-01-01T00:00:00Z
purposes = ["border-check", "asylum"]
categories = [{categories}]
actions = ["arrest", "locate", "inform-officer", "discreet-check"]
handling = ["tlp-red"]
authorities = ["border-guard"]
"""

_RULES = """
@id("border-search")
@cites("Art. 3(1)")
@obligations("quota(100000), log-for(3 y)")
permit (principal, action == Action::"search", resource)
when {{ context.purpose == "border-check" && principal.role == "terminal" && principal.partner != resource.owner }};

@id("asylum-search")
@cites("Art. 3(2)")
@obligations("justify(case-reference)")
permit (principal, action == Action::"search", resource)
when {{
  context.purpose == "asylum" && resource.category == "wanted" && resource has gravity && resource.gravity >= 36
}};

@id("no-children")
@cites("Art. 4")
forbid (principal, action, resource)
when {{ resource.age == "under-12" && !resource.in_child_interest }};

@id("red")
@cites("Art. 5(1)")
forbid (principal, action in [Action::"see reference", Action::"see alert", Action::"see biographics"], resource)
when {{ resource.handling.contains("tlp-red") && principal.authority != "border-guard" }};

@id("score")
@cites("Art. 5(2)")
@obligations("tlp-amber, score-form(halves), candidates(5)")
permit (principal, action == Action::"see score", resource)
when {{ context.score.greaterThanOrEqual(decimal("4.0")) }};

@id("alert")
@cites("Art. 5(3)")
@obligations("reviewers(2 waivable), confirm-within(12 h), downgrade(arrest locate)")
permit (principal, action == Action::"see alert", resource)
unless {{ resource.contested }};

@id("flagged")
@cites("Art. 6")
forbid (principal, action == Action::"take action", resource)
when {{ resource.flagged_by.contains(principal.partner) && context.action == "arrest" }};
"""


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """What `bench rules` prints.

    Args:
        warm_us: microseconds of a remembered decision on what is seen of a hit.
        cold_us: of one that is made anew: the slower of what is visible and what is seen, each the median of classes.
        first_us: the same with everything forgotten before each class, also what rules said of others: as it is for the
            first few after a change of the agreements.
        visibility_ms: milliseconds from the rule book to the slots that a search may look at, nothing remembered of the
            gallery but all decisions, as after every change.
        entries, classes: of the gallery.
    """

    warm_us: float
    cold_us: float
    first_us: float
    visibility_ms: float
    entries: int
    classes: int


def measure_rules(entries: int, classes: int, progress: Progress) -> RuleFigures:
    """Measure on one thread, with an agreement among ten partners and generated visibility classes."""
    every = list(islice(_classes(), classes))
    asked = Request("p0", "terminal", "border-check", None, "GATE-1", authority="border-guard")
    book = _book()
    warm, cold = _decisions(book, asked, every)
    first = _first_decisions(book, asked, every)
    return RuleFigures(
        warm_us=warm,
        cold_us=cold,
        first_us=first,
        visibility_ms=_visibility(book, asked, every, entries, progress),
        entries=entries,
        classes=classes,
    )


def _book() -> RuleBook:
    with tempfile.TemporaryDirectory() as folder:
        agreement = Path(folder) / "many"
        agreement.mkdir()
        parties = ", ".join(f'"p{number}"' for number in range(PARTNERS))
        categories = ", ".join(f'"{category}"' for category in CATEGORIES)
        (agreement / "agreement.toml").write_text(_PARTICULARS.format(parties=parties, categories=categories), "utf-8")
        (agreement / "rules.cedar").write_text(_RULES.format(), "utf-8")
        return RuleBook(load_agreements(Path(folder)))


def _classes() -> Iterator[VisibilityClass]:
    """Generate classes without end: every combination of what alerts have, on more and more lists."""
    conditions = [
        Conditions(age=age, gravity=gravity, contested=contested, flagged_by=("p0",) if contested else ())
        for age, gravity, contested in product((Age.ADULT, Age.MINOR, Age.UNDER_12), (None, 60), (False, True))
    ]
    owners = [f"p{number}" for number in range(1, PARTNERS)]
    for number in cycle(range(1_000_000)):
        for owner, category, condition in product(owners, CATEGORIES, conditions):
            handling = ("tlp-red",) if number % 2 else ("tlp-green",)
            yield VisibilityClass(owner, f"{owner}-list-{number}", category, "arrest", handling, condition)


def _decisions(book: RuleBook, asked: Request, classes: Sequence[VisibilityClass]) -> tuple[float, float]:
    """Microseconds of a decision: remembered, and made anew."""
    book.disclosure(asked, classes[0], 5.0, _NOW)  # the rules of the parties are parsed once, with the first question
    visible = [_microseconds(partial(book.visible, asked, [klass], _NOW)) for klass in classes]
    seen = [_microseconds(partial(book.disclosure, asked, klass, 6.0, _NOW)) for klass in classes]
    again = [_microseconds(partial(book.disclosure, asked, klass, 6.0, _NOW)) for klass in classes]
    return statistics.median(again), max(statistics.median(visible), statistics.median(seen))


def _first_decisions(book: RuleBook, asked: Request, classes: Sequence[VisibilityClass]) -> float:
    """Microseconds of a decision where nothing is remembered but the parsed rules; a check asks for both in turn."""
    visible, seen = [], []
    for klass in classes:
        book.forget()
        visible.append(_microseconds(partial(book.visible, asked, [klass], _NOW)))
        seen.append(_microseconds(partial(book.disclosure, asked, klass, 6.0, _NOW)))
    return max(statistics.median(visible), statistics.median(seen))


def _visibility(
    book: RuleBook, asked: Request, classes: Sequence[VisibilityClass], entries: int, progress: Progress
) -> float:
    roster, faces = Roster(), FaceIndex(_DIMENSION)
    some = cycle(classes)
    for first in progress.track(range(0, entries, _AT_ONCE), description="entries"):
        stored = [_stored(number, next(some)) for number in range(first, min(first + _AT_ONCE, entries))]
        numbers, _ = roster.put(TemplateColumns.of(stored), 1)
        slots = faces.add(np.ones((len(stored), _DIMENSION), np.float32), numbers)
        roster.place_faces(numbers, np.array(slots))
    every = roster.classes

    def choose() -> None:
        faces.select(roster.visible(book.visible(asked, every, _NOW), _NOW.timestamp()).numbers)

    choose()
    return statistics.median(_microseconds(choose) for _ in range(_ROUNDS)) / 1000


def _stored(number: int, klass: VisibilityClass) -> StoredTemplates:
    expires_at = _NOW + timedelta(days=1 + number % 1000)
    return StoredTemplates(EntryKey(klass.watchlist, str(number)), klass, expires_at, 1, b"")


def _microseconds(act: Callable[[], object]) -> float:
    """Time of this thread alone, so that other work on the machine does not count."""
    start = thread_time_ns()
    act()
    return (thread_time_ns() - start) / 1000
