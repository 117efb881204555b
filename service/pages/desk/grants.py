"""Authorising a partner, before it searches, for another purpose in one case, or declining it. What is not granted is
not searched.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.authorisations import Case
from service.identity import Caller
from service.pages.desk.confirming import Question, ask, confirmed
from service.pages.flashes import Flash
from service.pages.forms import MalformedForm
from service.pages.rendering import see_other
from service.pages.session import CurrentReviewer, UserForm
from service.pages.translation import marked
from service.pages.work import work
from service.review.views import AuthorisationRequest, Inbox
from service.runtime import Runtime

PLACE: Final = "/review/requests"
MOST_DAYS: Final = 365

router = APIRouter(include_in_schema=False)


@router.post(PLACE + "/authorisations")
async def take_decision(
    request: Request, fields: UserForm, reviewer: CurrentReviewer, runtime: CurrentRuntime
) -> Response:
    """Read a decision back; confirmed, take it. Only what a partner has asked for is decided here."""
    asked = _asked(await work(runtime, runtime.review.inbox.of, reviewer.caller), fields)
    case = Case(asked.partner, asked.purpose, asked.case_reference or "", exercise=asked.exercise)
    match fields.get("decision"):
        case "grant":
            days = _days_of(fields)
            if not confirmed(fields):
                return ask(request, _to_grant(asked, fields, days))
            return await _grant(runtime, reviewer.caller, _id_of(fields), case, int(days))
        case "decline":
            if not confirmed(fields):
                return ask(request, _to_decline(asked, fields))
            return await _decline(runtime, reviewer.caller, case)
    raise MalformedForm("the form does not say what was decided")


async def _grant(runtime: Runtime, caller: Caller, identifier: UUID, case: Case, days: int) -> Response:
    until = runtime.checks.clock() + timedelta(days=days)
    await work(runtime, runtime.authorisations.grant, caller, identifier, case, until)
    return see_other(PLACE, Flash.AUTHORISATION_GRANTED)


async def _decline(runtime: Runtime, caller: Caller, case: Case) -> Response:
    await work(runtime, runtime.authorisations.decline, caller, case)
    return see_other(PLACE, Flash.AUTHORISATION_DECLINED)


def _asked(inbox: Inbox, fields: Mapping[str, str]) -> AuthorisationRequest:
    wanted = fields.get("partner"), fields.get("purpose"), fields.get("case_reference"), fields.get("exercise") == "yes"
    for each in inbox.authorisations:
        if (each.partner, each.purpose, each.case_reference or "", each.exercise) == wanted:
            return each
    raise MalformedForm("nobody asks for this authorisation, or not any more")


def _days_of(fields: Mapping[str, str]) -> str:
    days = fields.get("days", "")
    if not (days.isdecimal() and 1 <= int(days) <= MOST_DAYS):
        raise MalformedForm(f"an authorisation lasts for 1 to {MOST_DAYS} days")
    return days


def _id_of(fields: Mapping[str, str]) -> UUID:
    try:
        return UUID(fields.get("authorisation", ""))
    except ValueError:
        raise MalformedForm("the form has no authorisation id") from None


def _to_grant(asked: AuthorisationRequest, fields: Mapping[str, str], days: str) -> Question:
    return Question(
        heading=marked("Authorise these searches?"),
        said=(*_said(asked), (marked("For so many days"), days)),
        consequence=marked("The partner can search your watchlists for this purpose, in this case alone."),
        button=marked("Authorise"),
        back=PLACE,
        # The id is chosen once, so that the same form sent twice makes one grant.
        fields=_named(fields, "days") | {"authorisation": str(uuid4())},
    )


def _to_decline(asked: AuthorisationRequest, fields: Mapping[str, str]) -> Question:
    return Question(
        heading=marked("Decline these searches?"),
        said=_said(asked),
        consequence=marked("Your watchlists are not searched for this purpose in this case. The partner is told."),
        button=marked("Decline"),
        back=PLACE,
        fields=_named(fields),
    )


def _said(asked: AuthorisationRequest) -> tuple[tuple[str, str], ...]:
    return (
        (marked("Partner that asks"), asked.partner.upper()),
        (marked("Purpose"), asked.purpose),
        (marked("Case reference"), asked.case_reference or ""),
    )


def _named(fields: Mapping[str, str], *more: str) -> dict[str, str]:
    names = ("partner", "purpose", "case_reference", "exercise", "decision", *more)
    return {name: fields.get(name, "") for name in names}
