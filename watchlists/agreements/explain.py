"""Why a request sees what it sees of an entry like this, and why it sees nothing. Pure.

For people who are entitled to the agreement, at their own node: it tells apart what has to look the same from outside,
so no call that a terminal makes may reach it (a contract of the import linter).

Nothing is decided here. The outcome is the rule book's; the reasons are read off the same questions, put to the same
panel, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from watchlists.agreements.actions import Deed, Extra
from watchlists.agreements.calendar import Status
from watchlists.agreements.decide import HIGHEST_SCORE, RuleBook
from watchlists.agreements.disclosure import NOTHING, Clause, Disclosure, tenths
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Request
from watchlists.agreements.findings import (
    Finding,
    Hearing,
    Why,
    listed,
    moment,
    of_what_is_seen,
    outcome,
    spelt,
    vetoed,
)
from watchlists.agreements.ladder import Rung, action_steps, ask_upwards, clause_of, clauses_of, extras_of, holding
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.own_word import Withheld, as_of, withheld
from watchlists.agreements.policies import Policy
from watchlists.agreements.standing import Precondition, counts, unmet
from watchlists.agreements.vocabulary import decimals
from watchlists.records import VisibilityClass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a request would see of an entry, and why.

    Args:
        compared: whether the entry is compared with the probe at all; if not, nothing is disclosed.
        disclosure: what is seen, as the rule book decides it.
        findings: the reasons, for what is seen and for what is not.
        matched: every clause that matched a question, whether it made a difference or not.
    """

    request: Request
    klass: VisibilityClass
    score: float
    now: datetime
    compared: bool
    disclosure: Disclosure
    findings: tuple[Finding, ...]
    matched: frozenset[Clause]

    @property
    def outcome(self) -> str:
        return outcome(self.disclosure)

    @property
    def clauses(self) -> frozenset[Clause]:
        """The clauses that the findings name."""
        return frozenset(clause for finding in self.findings for clause in finding.clauses)


def explain(book: RuleBook, request: Request, klass: VisibilityClass, score: float, now: datetime) -> Explanation:
    """Explain what `request` would see at `now` of an entry of this class that it hits with this score.

    Args:
        book: the agreements; those that the reader of the explanation is entitled to.
        request: who asks.
        klass: what is asked for.
        score: match score, -log10(FMR).
        now: when; aware.

    Raises:
        ValueError: `now` is naive, or the score is not finite.
    """
    compared = bool(book.visible(request, [klass], now))
    disclosure = book.disclosure(request, klass, score, now) if compared else NOTHING
    hearing = _hear(book, request, klass, score, now)
    findings = [*_before_any_rule(book, request, klass, now)]
    if hearing is not None:
        findings += of_what_is_seen(hearing, disclosure, klass) if disclosure.known else ()
        findings += _compared(book, request, klass, now) if disclosure.known else ()
        findings += _on_the_way(hearing, request, klass)
        findings += () if disclosure.known else _no_level(hearing, score)
    findings += _at_higher_scores(book, request, klass, score, now) if compared else ()
    matched = hearing.matched if hearing else frozenset[Clause]()
    return Explanation(request, klass, score, now, compared, disclosure, tuple(findings), matched)


def as_if_in_force(agreement: Agreement, now: datetime) -> Agreement:
    """The agreement as it will be once it is in force, already at `now`: for explanations before its time has come."""
    return replace(agreement, in_force_from=min(agreement.in_force_from, now))


def _hear(book: RuleBook, request: Request, klass: VisibilityClass, score: float, now: datetime) -> Hearing | None:
    """Put every question; None if no rule is asked."""
    klass = as_of(klass, now)
    asked = book.put(request, klass, score, now) if withheld(request, klass) is None else None
    if asked is None:
        return None
    rungs = tuple(ask_upwards(*asked, partial(counts, request, klass.owner)))
    alert = any(rung.level >= Level.ALERT for rung in holding(rungs))
    beside = any(rung.level >= Level.ALERT for rung in rungs if rung.binding)
    terms = book.disclosure(request, klass, score, now).duties
    return Hearing(
        rungs=rungs,
        extras={extra: asked[0].ask(extra.action, asked[1]) for extra in Extra} if beside else {},
        helping=extras_of(*asked, rungs[0]) if beside else {},
        steps=tuple(action_steps(*asked, klass, terms)) if alert else (),
    )


def _before_any_rule(book: RuleBook, request: Request, klass: VisibilityClass, now: datetime) -> Iterator[Finding]:
    speaking = book.speaking(request, klass, now)
    if not speaking:
        yield Finding(Why.NO_AGREEMENT, _no_agreement(book, request, klass, now))
    applying = [agreement for agreement in speaking if agreement.lists(request.purpose, klass.category)]
    for agreement in () if applying else speaking:
        if request.purpose not in agreement.purposes:
            text = f"{agreement.name} does not list the purpose {request.purpose}"
            yield Finding(Why.PURPOSE_NOT_LISTED, text, item=request.purpose)
        if klass.category not in agreement.categories:
            text = f"{agreement.name} does not list the category {klass.category}"
            yield Finding(Why.CATEGORY_NOT_LISTED, text, item=klass.category)
    reason = withheld(request, as_of(klass, now))
    if reason is not None:
        yield _own_word(reason, request, klass)
    elif applying and book.put(request, klass, 0, now) is None:
        yield Finding(Why.UNREADABLE, "a word of the request, or of the entry, is not valid text")


def _no_agreement(book: RuleBook, request: Request, klass: VisibilityClass, now: datetime) -> str:
    parties = {request.partner, klass.owner}
    between = " and ".join(sorted(parties)) if len(parties) > 1 else f"{klass.owner} and itself"
    known = "".join(f"; {each.name} {_times(book, each, now)}" for each in book.agreements if parties <= each.parties)
    return f"no agreement between {between} is in force on {moment(now)}{known}"


def _times(book: RuleBook, agreement: Agreement, now: datetime) -> str:
    if book.status(agreement, now) is Status.FUTURE:
        return f"begins on {moment(agreement.in_force_from)}"
    until = agreement.in_force_until
    return f"ended on {moment(until)}" if until is not None and until <= now else "is superseded"


def _own_word(reason: Withheld, request: Request, klass: VisibilityClass) -> Finding:
    conditions = klass.conditions
    match reason:
        case Withheld.EXCLUDED:
            name = request.partner if request.partner in conditions.excluded else request.country
            return Finding(Why.EXCLUDED, f"the entry excludes {name}, by its owner's own word", item=name)
        case Withheld.HIDDEN:
            until = f" until {moment(conditions.hidden_until)}" if conditions.hidden_until else ""
            return Finding(Why.HIDDEN, f"the entry is still hidden{until} from everybody but its owner")
        case Withheld.QUARANTINED:
            return Finding(Why.QUARANTINED, "the entry is in quarantine: it would be found whoever is searched for")
        case Withheld.EXERCISE if conditions.exercise:
            return Finding(Why.EXERCISE, "an exercise entry, which only a request of an exercise can find")
        case _:
            return Finding(Why.EXERCISE, "a live entry, which no request of an exercise can find")


def _on_the_way(hearing: Hearing, request: Request, klass: VisibilityClass) -> Iterator[Finding]:
    """Why the search is not permitted, or the levels end where they end."""
    search, *levels = hearing.rungs
    if search.verdict.vetoed:
        yield vetoed("the search", search.verdict)
    elif not search.verdict.permits:
        yield Finding(Why.NO_SEARCH, "no clause permits the search")
    yield from _preconditions(search, request, klass)
    for rung in levels:
        if rung.verdict.vetoed:
            yield vetoed(f"{rung.level} and what is above", rung.verdict)
        elsewhere = {each: found for each, found in rung.verdict.permits.items() if each not in rung.permits}
        if elsewhere:
            by = clauses_of(elsewhere)
            text = f"{rung.level} is permitted by {listed(by)}, but not by an agreement that permits the search"
            yield Finding(Why.NO_LEVEL, text, by, rung.level.word)


def _preconditions(search: Rung, request: Request, klass: VisibilityClass) -> Iterator[Finding]:
    for agreement, policies in search.verdict.permits.items():
        for policy in policies:
            for missing in unmet(request, klass.owner, agreement, policy):
                clause = clause_of(agreement, policy)
                text = f"the search by {spelt(clause)} {_missing(missing, policy, request, klass)}"
                yield Finding(Why(missing.value), text, (clause,))


def _missing(precondition: Precondition, policy: Policy, request: Request, klass: VisibilityClass) -> str:
    match precondition:
        case Precondition.QUOTA:
            return f"is not possible: the quota of {request.partner} for the day is used up"
        case Precondition.AUTHORISATION:
            return f"needs the prior authorisation of {klass.owner} for this case"
        case Precondition.JUSTIFICATION:
            duty = next(duty for duty in policy.duties if duty.obligation is Obligation.JUSTIFY)
            wanted = duty.value if isinstance(duty.value, tuple) else ()
            return f"needs a justification: {', '.join(word for word in wanted if word not in request.justified)}"


def _compared(book: RuleBook, request: Request, klass: VisibilityClass, now: datetime) -> Iterator[Finding]:
    """What reviewers of the same partner and authority may look at, where a clause says so."""
    reviewer = replace(request, role="reviewer")
    for deed in (Deed.COMPARE_FACE, Deed.COMPARE_FINGERS):
        ruling = book.ask(deed, reviewer, klass, now)
        if ruling.decided_by:
            how = "may {}: permitted" if ruling.allowed else "may not {}: forbidden"
            text = f"reviewers {how.format(deed)} by {listed(ruling.decided_by)}"
            yield Finding(Why.COMPARE, text, ruling.decided_by, deed.value)


def _no_level(hearing: Hearing, score: float) -> Iterator[Finding]:
    if len(hearing.holding) > 1:
        yield Finding(Why.NOT_COMPARED, "the entry is not compared: at the highest score no level is permitted")
    elif hearing.holding:
        shown = min(tenths(score), HIGHEST_SCORE) / 10
        yield Finding(Why.NO_LEVEL, f"the search is permitted, but no level at a score of {shown:.1f}")


def _at_higher_scores(
    book: RuleBook, request: Request, klass: VisibilityClass, score: float, now: datetime
) -> Iterator[Finding]:
    """At which higher scores something else is seen. Decisions change only where a rule compares the score."""
    policies = [policy for agreement in book.speaking(request, klass, now) for policy in agreement.policies]
    numbers = {Decimal(number) for policy in policies for number in decimals(policy.tree)}
    marks = {int(number * 10) + step for number in numbers for step in (0, 1)}
    seen = outcome(book.disclosure(request, klass, score, now))
    for mark in sorted(mark for mark in marks if tenths(score) < mark <= HIGHEST_SCORE):
        then = outcome(book.disclosure(request, klass, mark / 10, now))
        if then != seen:
            yield Finding(Why.HIGHER_SCORE, f"from a score of {mark / 10:.1f} on: {then}", item=then)
            seen = then
