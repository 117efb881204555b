"""What a check needs before anything is searched: justification, emergency, authorisations, quotas.

All of it is decided on the agreements, on what came with the request and on what partners have granted or declared.
Nothing depends on any entry, so the terminal may be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.api.messages import MatchRequest
from service.authorisations import Authorisations, Case
from service.emergencies import Emergencies
from service.errors import EmergencyNotActive, JustificationMissing
from service.identity import Caller
from service.quotas import QuotaLeft, Quotas
from watchlists.agreements import Demand, Request, RuleBook, Terms


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found before the search.

    Args:
        asked: the request as rules read it.
        quotas: what is left of the quotas that this check has spent.
        log_terms: what is to be logged of the search, and for how long.
    """

    asked: Request
    quotas: tuple[QuotaLeft, ...]
    log_terms: Terms


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Gathers them, once for each check."""

    authorisations: Authorisations
    emergencies: Emergencies
    quotas: Quotas

    def gather(self, caller: Caller, request: MatchRequest, rules: RuleBook, now: datetime) -> Gathered:
        """Return what the search is to be decided on, and spend one search of each quota.

        Raises:
            EmergencyNotActive: the request names an emergency that is not declared, or has ended.
            JustificationMissing: an agreement asks for a case reference or a justification that did not come.
        """
        # 1. An emergency is one only while it lasts; a check in the name of another is refused, not downgraded.
        asked = replace(request_of(caller, request), emergency=self._in_emergency(caller, request, now))
        # 2. Which owners have authorised this purpose for this case?
        case = Case(caller.partner, request.purpose, request.case_reference or "", exercise=request.exercise)
        named = "case-reference" in asked.justified
        if named:
            asked = replace(asked, authorised_by=self.authorisations.granted(case, now))
        # 3. What do the agreements ask for, whatever entries there are?
        standing = rules.standing(asked, now)
        # 4. A justification can be given at once; so the check is refused, and says which.
        if standing.missing:
            raise _justification_missing(standing.missing)
        # 5. An authorisation cannot: the owner is asked, and until it grants, what needs it is not searched.
        if named and standing.owners_to_ask:
            self.authorisations.request(caller, case, standing.owners_to_ask, now, standing.log_terms)
        # 6. Last, so that what is refused costs nothing: one search of each quota.
        spent = self.quotas.spend(caller.partner, standing.quotas, now, exercise=request.exercise)
        return Gathered(replace(asked, exhausted=spent.exhausted), spent.left, standing.log_terms)

    def _in_emergency(self, caller: Caller, request: MatchRequest, now: datetime) -> bool:
        if request.emergency is None:
            return False
        if not self.emergencies.active(caller.partner, request.emergency, now):
            raise EmergencyNotActive
        return True


def request_of(caller: Caller, request: MatchRequest) -> Request:
    """Return who asks what, with what came along; a justification of blanks alone is none."""
    given = {"case-reference": request.case_reference, "justification": request.justification}
    return Request(
        partner=caller.partner,
        role=caller.role,
        purpose=request.purpose,
        case_reference=request.case_reference,
        checkpoint=request.checkpoint,
        country=caller.country,
        authority=caller.authority,
        justified=frozenset(name for name, text in given.items() if text and text.strip()),
        exercise=request.exercise,
    )


def _justification_missing(missing: Sequence[Demand]) -> JustificationMissing:
    fields = dict.fromkeys(demand.field.replace("-", "_") for demand in missing)
    clauses = dict.fromkeys(
        f"{demand.clause.agreement} version {demand.clause.version}, clause {demand.clause.clause}"
        for demand in missing
    )
    return JustificationMissing(tuple(fields), tuple(clauses))
