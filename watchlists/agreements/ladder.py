"""From the rungs that rules permit to what is disclosed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from watchlists.agreements.actions import SEARCH, SEE, Deed, Extra
from watchlists.agreements.disclosure import NO_ACTION, NOTHING, Clause, Disclosure, Later
from watchlists.agreements.duties import Duty, Obligation
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


OPENING: Final = WAITING | {Obligation.CONFIRM_WITHIN}
"""What means nothing of a level that is not to be had: there is nothing to open."""


@dataclass(frozen=True, slots=True)
class Support:
    """The permits that speak for one thing.

    A permit to see something speaks for it if its agreement permits the search as well.

    Args:
        permits: those that help. With none, the thing is not to be had.
        binding: those, and what would help if nothing were missing beforehand: they give nothing, and bind all the
            same. A quota that is used up must not lift a silent alarm, a mask, or the wait for reviewers.
    """

    permits: Permits
    binding: Permits

    @property
    def policies(self) -> list[Policy]:
        """The permits whose duties count."""
        return [policy for matched in self.binding.values() for policy in matched]

    @property
    def waits(self) -> bool:
        """Whether people must act before this is seen: if any rule that speaks for it says so, the strictest wins."""
        return any(duty.obligation in WAITING for policy in self.policies for duty in policy.duties)

    def within(self, matched: Permits) -> Support:
        """Of the permits that match another question, those of the agreements that speak for this."""
        return Support(_only(matched, self.permits), _only(matched, self.binding))


@dataclass(frozen=True, slots=True)
class Rung(Support):
    """One level, or the search (`Level.NONE`): what the rules say of it, and the permits that speak for it."""

    level: Level
    verdict: Verdict


def climb(panel: Panel, facts: Facts, counts: Counts) -> Iterator[Rung]:
    """Climb the levels, lowest first: the rungs for which any permit speaks, be it to bind alone.

    The first is the search; nothing without it.
    """
    return (rung for rung in ask_upwards(panel, facts, counts, panel.highest) if rung.binding)


def ask_upwards(panel: Panel, facts: Facts, counts: Counts, upto: Level = Level.BIOGRAPHICS) -> Iterator[Rung]:
    """Ask for the search, then for each level, until one is vetoed; also yields the rungs that do not hold."""
    verdict = panel.ask(SEARCH, facts)
    search = Rung(_counting(verdict.permits, counts), verdict.permits, Level.NONE, verdict)
    yield search
    if not search.permits:
        return
    for level, action in SEE.items():
        if level > upto:
            return
        verdict = panel.ask(action, facts)
        support = search.within(verdict.permits)
        yield Rung(support.permits, support.binding, level, verdict)
        if verdict.vetoed:
            return


def holding(rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """Those of the rungs that hold."""
    return tuple(rung for rung in rungs if rung.permits)


def conclude(rungs: Sequence[Rung], panel: Panel, facts: Facts, klass: VisibilityClass) -> Disclosure:
    """What the rungs disclose of an alert, but for its action: at once up to the first that waits, the others later.

    Of the facts nothing counts but what the panel says of them, and of the class its handling codes and its category.
    """
    if len(holding(rungs)) < 2:
        return NOTHING
    extras = extras_of(panel, facts, rungs[0]) if rungs[-1].level >= Level.ALERT else {}
    at_once = list(takewhile(lambda rung: not rung.waits, rungs))
    ready = {extra: support for extra, support in extras.items() if not support.waits}
    everything = _joined(rungs, extras, klass)
    now = _joined(at_once, ready, klass) if len(holding(at_once)) > 1 else None
    if now is not None and (now.level, now.extras) == (everything.level, everything.extras):
        now = everything  # nothing is left for later, so all terms count now
    return Disclosure(
        level=now.level if now else Level.NONE,
        handling=now.handling if now else (),
        decided_by=now.decided_by if now else (),
        terms=now.terms if now else NO_TERMS,
        later=everything if now is not everything else None,
        silent=everything.terms.has(Obligation.SILENT_ALARM),
        extras=now.extras if now else frozenset(),
        priority=_priority(rungs[0], klass),
    )


def with_action(seen: Disclosure, panel: Panel, facts: Facts, klass: VisibilityClass) -> Disclosure:
    """The same with the action that the asking side is to carry out, if it may ever know of the alert so much."""
    if max(seen.level, seen.later.level if seen.later else Level.NONE) < Level.ALERT:
        return seen
    steps = action_steps(panel, facts, klass, seen.duties)
    return replace(seen, action=next((step for step, verdict in steps if not verdict.vetoed), NO_ACTION))


def _counting(matched: Permits, counts: Counts) -> Permits:
    counting = {
        agreement: tuple(policy for policy in policies if counts(agreement, policy))
        for agreement, policies in matched.items()
    }
    return {agreement: policies for agreement, policies in counting.items() if policies}


def _only(matched: Permits, agreements: Container[Agreement]) -> Permits:
    return {agreement: policies for agreement, policies in matched.items() if agreement in agreements}


def _joined(rungs: Sequence[Rung], extras: Mapping[Extra, Support], klass: VisibilityClass) -> Later:
    """What is seen with these rungs, and of `extras` where they reach that far: by which clauses, on whose terms."""
    search, highest = rungs[0], holding(rungs)[-1]
    beside = extras if rungs[-1].level >= Level.ALERT else {}
    seen = {extra: each.permits for extra, each in beside.items() if each.permits and highest.level >= Level.ALERT}
    terms = Terms.merge(_binding(rungs, beside, highest.level))
    handling = strictest((*klass.handling, *terms.codes))
    decided_by = _clauses(search, (highest.permits, *seen.values()))
    return Later(highest.level, handling, decided_by, terms, frozenset(seen))


def _binding(rungs: Iterable[Rung], extras: Mapping[Extra, Support], reached: Level) -> Iterator[Duty]:
    """The duties of every permit that binds, helpful or not; of what is not to be had, without what would open it."""
    supports = [(rung, rung.level <= reached) for rung in rungs]
    for support, to_be_had in (*supports, *((extra, bool(extra.permits)) for extra in extras.values())):
        for policy in support.policies:
            yield from (duty for duty in policy.duties if to_be_had or duty.obligation not in OPENING)


def extras_of(panel: Panel, facts: Facts, search: Rung) -> dict[Extra, Support]:
    """What may be seen beside the levels, and by which permits; also what permits bind that give nothing."""
    supports = {extra: search.within(panel.ask(extra.action, facts).permits) for extra in Extra}
    return {extra: support for extra, support in supports.items() if support.binding}


def action_steps(panel: Panel, facts: Facts, klass: VisibilityClass, terms: Terms) -> Iterator[tuple[str, Verdict]]:
    """The actions of the chain, from the owner's on, up to the first that no rule forbids to carry out here."""
    chain = terms.words(Obligation.DOWNGRADE)
    for step in chain[chain.index(klass.action) :] if klass.action in chain else (klass.action,):
        verdict = panel.ask(Deed.TAKE_ACTION, facts, {"action": step})
        yield step, verdict
        if not verdict.vetoed:
            return


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


def clauses_of(permits: Permits) -> tuple[Clause, ...]:
    return tuple(clause_of(agreement, policy) for agreement, policies in permits.items() for policy in policies)


def clause_of(agreement: Agreement, policy: Policy) -> Clause:
    return Clause(agreement.id, agreement.version, policy.id, policy.cites)
