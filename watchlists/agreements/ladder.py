"""From the rungs that rules permit to what is disclosed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from watchlists.agreements.actions import SEARCH, SEE, Deed, Extra
from watchlists.agreements.disclosure import NO_ACTION, NOTHING, Clause, Disclosure, Later
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Facts
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.panel import Panel, Permits, Verdict
from watchlists.agreements.policies import Policy
from watchlists.agreements.terms import NO_TERMS, Terms, strictest
from watchlists.records import VisibilityClass

Counts = Callable[[Agreement, Policy], bool]
"""Whether what a permit asks of the request beforehand is there."""

WAITING: Final = frozenset({Obligation.REVIEWERS, Obligation.RELEASE_BY_OWNER})
"""What has to happen before anything is seen by a permit that asks for it."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One level, or the search (`Level.NONE`): what the rules say of it, and the permits that help.

    A permit to a level helps if its agreement permits the search as well. With none, the rung does not hold.
    """

    level: Level
    verdict: Verdict
    permits: Permits

    @property
    def waits(self) -> bool:
        return waits(self.permits)

    @property
    def policies(self) -> list[Policy]:
        return [policy for matched in self.permits.values() for policy in matched]


def waits(permits: Permits) -> bool:
    """Whether people must act before this is seen: if any rule that permits it says so, the strictest wins."""
    return any(
        duty.obligation in WAITING for matched in permits.values() for policy in matched for duty in policy.duties
    )


def climb(panel: Panel, facts: Facts, counts: Counts) -> Iterator[Rung]:
    """Climb the levels, lowest first: the rungs that hold. The first is the search; nothing without it."""
    return (rung for rung in ask_upwards(panel, facts, counts, panel.highest) if rung.permits)


def ask_upwards(panel: Panel, facts: Facts, counts: Counts, upto: Level = Level.BIOGRAPHICS) -> Iterator[Rung]:
    """Ask for the search, then for each level, until one is vetoed; also yields the rungs that do not hold."""
    search = panel.ask(SEARCH, facts)
    counting = {agreement: _counting(agreement, matched, counts) for agreement, matched in search.permits.items()}
    searching = {agreement: matched for agreement, matched in counting.items() if matched}
    yield Rung(Level.NONE, search, searching)
    if not searching:
        return
    for level, action in SEE.items():
        if level > upto:
            return
        verdict = panel.ask(action, facts)
        yield Rung(
            level, verdict, {agreement: found for agreement, found in verdict.permits.items() if agreement in searching}
        )
        if verdict.vetoed:
            return


def conclude(rungs: Sequence[Rung], panel: Panel, facts: Facts, klass: VisibilityClass) -> Disclosure:
    """What the rungs disclose of an alert: at once up to the first that waits, the others later."""
    if len(rungs) < 2:
        return NOTHING
    extras = extras_of(panel, facts, rungs[0]) if rungs[-1].level >= Level.ALERT else {}
    at_once = list(takewhile(lambda rung: not rung.waits, rungs))
    ready = {extra: permits for extra, permits in extras.items() if not waits(permits)}
    everything = _joined(rungs, extras, klass)
    now = _joined(at_once, ready, klass) if len(at_once) > 1 else None
    return Disclosure(
        level=now.level if now else Level.NONE,
        handling=now.handling if now else (),
        decided_by=now.decided_by if now else (),
        terms=now.terms if now else NO_TERMS,
        later=everything if len(at_once) < len(rungs) or len(ready) < len(extras) else None,
        silent=everything.terms.has(Obligation.SILENT_ALARM),
        action=_action(panel, facts, klass, everything) if everything.level >= Level.ALERT else NO_ACTION,
        extras=now.extras if now else frozenset(),
        priority=_priority(rungs[0], klass),
    )


def _counting(agreement: Agreement, matched: tuple[Policy, ...], counts: Counts) -> tuple[Policy, ...]:
    return tuple(policy for policy in matched if counts(agreement, policy))


def _joined(rungs: Sequence[Rung], extras: Mapping[Extra, Permits], klass: VisibilityClass) -> Later:
    """What is seen with these rungs, and of `extras` where they reach that far: by which clauses, on whose terms."""
    search, highest = rungs[0], rungs[-1]
    extras = extras if highest.level >= Level.ALERT else {}
    policies = [policy for rung in rungs for policy in rung.policies]
    policies += [policy for permits in extras.values() for matched in permits.values() for policy in matched]
    terms = Terms.merge(duty for policy in policies for duty in policy.duties)
    handling = strictest((*klass.handling, *terms.codes))
    decided_by = _clauses(search, (highest.permits, *extras.values()))
    return Later(highest.level, handling, decided_by, terms, frozenset(extras))


def extras_of(panel: Panel, facts: Facts, search: Rung) -> dict[Extra, Permits]:
    """What may be seen beside the levels, and by which permits."""
    found: dict[Extra, Permits] = {}
    for extra in Extra:
        permits = panel.ask(extra.action, facts).permits
        if helping := {agreement: permits[agreement] for agreement in permits if agreement in search.permits}:
            found[extra] = helping
    return found


def action_steps(panel: Panel, facts: Facts, klass: VisibilityClass, terms: Terms) -> Iterator[tuple[str, Verdict]]:
    """The actions of the chain, from the owner's on, up to the first that no rule forbids to carry out here."""
    chain = terms.words(Obligation.DOWNGRADE)
    for step in chain[chain.index(klass.action) :] if klass.action in chain else (klass.action,):
        verdict = panel.ask(Deed.TAKE_ACTION, facts, {"action": step})
        yield step, verdict
        if not verdict.vetoed:
            return


def _action(panel: Panel, facts: Facts, klass: VisibilityClass, seen: Later) -> str:
    steps = action_steps(panel, facts, klass, seen.terms)
    return next((step for step, verdict in steps if not verdict.vetoed), NO_ACTION)


def _priority(search: Rung, klass: VisibilityClass) -> int:
    """The rank of the category where the agreements order any: those that they leave out come last."""
    orders = (agreement.priority for agreement in search.permits if agreement.priority)
    category = klass.category
    return min((order.index(category) if category in order else len(order) for order in orders), default=0)


def _clauses(search: Rung, deciding: Iterable[Permits]) -> tuple[Clause, ...]:
    """The clauses that allow the level, then what is beside it; of each agreement those for the search come first."""
    matched = [
        (agreement, policy)
        for permits in deciding
        for agreement in permits
        for policy in (*search.permits[agreement], *permits[agreement])
    ]
    return tuple(dict.fromkeys(clause_of(agreement, policy) for agreement, policy in matched))


def clause_of(agreement: Agreement, policy: Policy) -> Clause:
    return Clause(agreement.id, agreement.version, policy.id, policy.cites)
