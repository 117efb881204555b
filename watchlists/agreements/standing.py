"""What agreements ask of a request before anything is searched, whatever alerts there are. Pure.

Answers that depend on it can be told to the terminal: they say nothing about any watchlist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from watchlists.agreements.actions import SEARCH
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.duties import Duty, Obligation
from watchlists.agreements.facts import Request
from watchlists.agreements.ladder import clause_of
from watchlists.agreements.load import Agreement
from watchlists.agreements.policies import Policy
from watchlists.agreements.terms import Terms


@dataclass(frozen=True, slots=True)
class Demand:
    """A justification that a clause asks for and that did not come with the request."""

    field: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class Quota:
    """Searches that a partner may make in a day by one agreement."""

    agreement: str
    limit: int
    clause: Clause


@dataclass(frozen=True, slots=True)
class Standing:
    """What the request still owes, or has to reckon with.

    Args:
        missing: justifications; without them the permits that ask for them do not count.
        quotas: one at most for each agreement, the smallest.
        owners_to_ask: parties whose prior authorisation a permit asks for and who have not given it.
        log_terms: what is to be logged of the search, for how long, and how often the log is reviewed.
    """

    missing: tuple[Demand, ...]
    quotas: tuple[Quota, ...]
    owners_to_ask: frozenset[str]
    log_terms: Terms


def standing(in_force: Iterable[Agreement], request: Request) -> Standing:
    """Read the permits to search that may count for the request, without their conditions on alerts."""
    permits = list(_search_permits(in_force, request))
    return Standing(
        missing=tuple(_missing(permits, request)),
        quotas=tuple(_quotas(permits)),
        owners_to_ask=_owners_to_ask(permits, request),
        log_terms=Terms.merge(
            duty for _, policy in permits for duty in policy.duties if duty.obligation.startswith("log-")
        ),
    )


class Precondition(StrEnum):
    """What a permit to search may ask of the request beforehand."""

    QUOTA = "quota"
    JUSTIFICATION = "justification"
    AUTHORISATION = "authorisation"


def counts(request: Request, owner: str, agreement: Agreement, policy: Policy) -> bool:
    """Whether what a permit to search asks of the request beforehand is there."""
    return next(unmet(request, owner, agreement, policy), None) is None


def given(request: Request, owner: str) -> tuple[frozenset[str], frozenset[str], bool]:
    """All that `unmet` looks at beside the permit: for whom it is the same, the same permits count."""
    return request.exhausted, request.justified, owner in request.authorised_by


def unmet(request: Request, owner: str, agreement: Agreement, policy: Policy) -> Iterator[Precondition]:
    """What a permit to search asks of the request beforehand and is not there."""
    if agreement.id in request.exhausted and _duty(policy, Obligation.QUOTA) is not None:
        yield Precondition.QUOTA
    for duty in policy.duties:
        if duty.obligation is Obligation.JUSTIFY and not request.justified.issuperset(_words(duty)):
            yield Precondition.JUSTIFICATION
        if duty.obligation is Obligation.OWNER_AUTHORISATION and owner not in request.authorised_by:
            yield Precondition.AUTHORISATION


def _search_permits(in_force: Iterable[Agreement], request: Request) -> Iterator[tuple[Agreement, Policy]]:
    for agreement in in_force:
        if request.partner in agreement.parties and request.purpose in agreement.purposes:
            for policy in agreement.policies:
                for_purpose = policy.purposes is None or request.purpose in policy.purposes
                if policy.permits and SEARCH in policy.actions and for_purpose:
                    yield agreement, policy


def _missing(permits: list[tuple[Agreement, Policy]], request: Request) -> Iterator[Demand]:
    for agreement, policy in permits:
        for word in _words(_duty(policy, Obligation.JUSTIFY)):
            if word not in request.justified:
                yield Demand(word, clause_of(agreement, policy))


def _quotas(permits: list[tuple[Agreement, Policy]]) -> Iterator[Quota]:
    smallest: dict[str, Quota] = {}
    for agreement, policy in permits:
        duty = _duty(policy, Obligation.QUOTA)
        if duty is not None and isinstance(duty.value, int):
            quota = Quota(agreement.id, duty.value, clause_of(agreement, policy))
            known = smallest.setdefault(agreement.id, quota)
            smallest[agreement.id] = min(known, quota, key=lambda each: each.limit)
    yield from smallest.values()


def _owners_to_ask(permits: list[tuple[Agreement, Policy]], request: Request) -> frozenset[str]:
    asking = (agreement for agreement, policy in permits if _duty(policy, Obligation.OWNER_AUTHORISATION))
    owners = frozenset[str]().union(*(agreement.parties for agreement in asking))
    return owners - {request.partner} - request.authorised_by


def _duty(policy: Policy, obligation: Obligation) -> Duty | None:
    return next((duty for duty in policy.duties if duty.obligation is obligation), None)


def _words(duty: Duty | None) -> tuple[str, ...]:
    return duty.value if duty is not None and isinstance(duty.value, tuple) else ()
