"""From the rungs that rules permit to what is disclosed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from watchlists.agreements.actions import SEARCH, SEE, Deed, Extra
from watchlists.agreements.disclosure import NO_ACTION, NOTHING, Clause, Disclosure, Later
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Facts
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.panel import Panel, Permits
from watchlists.agreements.policies import Policy
from watchlists.agreements.terms import NO_TERMS, Terms, strictest
from watchlists.records import VisibilityClass

Counts = Callable[[Agreement, Policy], bool]
"""Whether what a permit asks of the request beforehand is there."""

_WAITING: Final = frozenset({Obligation.REVIEWERS, Obligation.RELEASE_BY_OWNER})
"""What has to happen before anything is seen by a permit that asks for it."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One level, or the search (`Level.NONE`), with the permits of the agreements that permit the search as well."""

    level: Level
    permits: Permits

    @property
    def waits(self) -> bool:
        """Whether people must act before this is seen: if any rule that permits it says so, the strictest wins."""
        return any(duty.obligation in _WAITING for policy in self.policies for duty in policy.duties)

    @property
    def policies(self) -> list[Policy]:
        return [policy for matched in self.permits.values() for policy in matched]


def climb(panel: Panel, facts: Facts, counts: Counts) -> Iterator[Rung]:
    """Climb the levels, lowest first, until one is vetoed. The first rung is the search; nothing without it.

    Rungs that no agreement permits together with the search are left out.
    """
    search = panel.ask(SEARCH, facts)
    searching = {agreement: _counting(agreement, matched, counts) for agreement, matched in search.permits.items()}
    searching = {agreement: matched for agreement, matched in searching.items() if matched}
    if search.vetoed or not searching:
        return
    yield Rung(Level.NONE, searching)
    for level, action in SEE.items():
        verdict = panel.ask(action, facts)
        if verdict.vetoed:
            return
        if both := {agreement: matched for agreement, matched in verdict.permits.items() if agreement in searching}:
            yield Rung(level, both)


def conclude(rungs: Sequence[Rung], panel: Panel, facts: Facts, klass: VisibilityClass) -> Disclosure:
    """What the rungs disclose of an alert: at once up to the first that waits, the others later."""
    if len(rungs) < 2:
        return NOTHING
    at_once = list(takewhile(lambda rung: not rung.waits, rungs))
    everything = _joined(rungs, panel, facts, klass)
    now = _joined(at_once, panel, facts, klass) if len(at_once) > 1 else None
    return Disclosure(
        level=now.level if now else Level.NONE,
        handling=now.handling if now else (),
        decided_by=now.decided_by if now else (),
        terms=now.terms if now else NO_TERMS,
        later=everything if len(at_once) < len(rungs) else None,
        silent=everything.terms.has(Obligation.SILENT_ALARM),
        action=_action(panel, facts, klass, everything) if everything.level >= Level.ALERT else NO_ACTION,
        extras=now.extras if now else frozenset(),
        priority=_priority(rungs[0], klass),
    )


def _counting(agreement: Agreement, matched: tuple[Policy, ...], counts: Counts) -> tuple[Policy, ...]:
    return tuple(policy for policy in matched if counts(agreement, policy))


def _joined(rungs: Sequence[Rung], panel: Panel, facts: Facts, klass: VisibilityClass) -> Later:
    """What is seen with these rungs, by which clauses, on whose terms."""
    search, highest = rungs[0], rungs[-1]
    extras = _extras(panel, facts, search) if highest.level >= Level.ALERT else {}
    policies = [policy for rung in rungs for policy in rung.policies]
    policies += [policy for matched in extras.values() for policy in matched]
    terms = Terms.merge(duty for policy in policies for duty in policy.duties)
    handling = strictest((*klass.handling, *terms.codes))
    return Later(highest.level, handling, _clauses(search, highest), terms, frozenset(extras))


def _extras(panel: Panel, facts: Facts, search: Rung) -> dict[Extra, tuple[Policy, ...]]:
    """What may be seen beside the levels, and by which permits."""
    found = {}
    for extra in Extra:
        permits = panel.ask(extra.action, facts).permits
        if policies := tuple(
            policy for agreement in permits if agreement in search.permits for policy in permits[agreement]
        ):
            found[extra] = policies
    return found


def _action(panel: Panel, facts: Facts, klass: VisibilityClass, seen: Later) -> str:
    """The first action of the chain, from the owner's on, that no rule forbids to carry out here."""
    chain = seen.terms.words(Obligation.DOWNGRADE)
    steps = chain[chain.index(klass.action) :] if klass.action in chain else (klass.action,)
    for step in steps:
        if not panel.ask(Deed.TAKE_ACTION, facts, {"action": step}).vetoed:
            return step
    return NO_ACTION


def _priority(search: Rung, klass: VisibilityClass) -> int:
    orders = (agreement.priority for agreement in search.permits)
    return min((order.index(klass.category) for order in orders if klass.category in order), default=0)


def _clauses(search: Rung, deciding: Rung) -> tuple[Clause, ...]:
    """The clauses of the agreements that allow the level: those that permit the search, then those that permit it."""
    matched = [
        (agreement, policy)
        for agreement in deciding.permits
        for policy in (*search.permits[agreement], *deciding.permits[agreement])
    ]
    return tuple(dict.fromkeys(clause_of(agreement, policy) for agreement, policy in matched))


def clause_of(agreement: Agreement, policy: Policy) -> Clause:
    return Clause(agreement.id, agreement.version, policy.id, policy.cites)
