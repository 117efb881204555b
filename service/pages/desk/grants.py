"""Authorising a partner, before it searches, for another purpose in one case. What is not granted is not searched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.authorisations import Case
from service.pages.desk.confirming import Question, ask, confirmed
from service.pages.flashes import Flash
from service.pages.forms import MalformedForm
from service.pages.rendering import see_other
from service.pages.session import CurrentReviewer, UserForm
from service.pages.translation import marked
from service.pages.work import work
from service.review.views import AuthorisationRequest, Inbox

PLACE: Final = "/review/requests"
MOST_DAYS: Final = 365

router = APIRouter(include_in_schema=False)


@router.post(PLACE + "/authorisations")
async def take_grant(
    request: Request, fields: UserForm, reviewer: CurrentReviewer, runtime: CurrentRuntime
) -> Response:
    """Read a grant back; confirmed, make it. Only what a partner has asked for can be granted here."""
    asked = _asked(await work(runtime, runtime.review.inbox.of, reviewer.caller), fields)
    days = fields.get("days", "")
    if not (days.isdecimal() and 1 <= int(days) <= MOST_DAYS):
        raise MalformedForm(f"an authorisation lasts for 1 to {MOST_DAYS} days")
    if not confirmed(fields):
        return ask(request, _question(asked, fields, days))
    case = Case(asked.partner, asked.purpose, asked.case_reference or "", exercise=asked.exercise)
    until = runtime.checks.clock() + timedelta(days=int(days))
    await work(runtime, runtime.authorisations.grant, reviewer.caller, _id_of(fields), case, until)
    return see_other(PLACE, Flash.AUTHORISATION_GRANTED)


def _asked(inbox: Inbox, fields: Mapping[str, str]) -> AuthorisationRequest:
    wanted = fields.get("partner"), fields.get("purpose"), fields.get("case_reference"), fields.get("exercise") == "yes"
    for each in inbox.authorisations:
        if (each.partner, each.purpose, each.case_reference or "", each.exercise) == wanted:
            return each
    raise MalformedForm("nobody asks for this authorisation, or not any more")


def _id_of(fields: Mapping[str, str]) -> UUID:
    try:
        return UUID(fields.get("authorisation", ""))
    except ValueError:
        raise MalformedForm("the form has no authorisation id") from None


def _question(asked: AuthorisationRequest, fields: Mapping[str, str], days: str) -> Question:
    names = ("partner", "purpose", "case_reference", "exercise", "days")
    return Question(
        heading=marked("Authorise these searches?"),
        said=(
            (marked("Partner that asks"), asked.partner.upper()),
            (marked("Purpose"), asked.purpose),
            (marked("Case reference"), asked.case_reference or ""),
            (marked("For so many days"), days),
        ),
        consequence=marked("The partner can search your watchlists for this purpose, in this case alone."),
        button=marked("Authorise"),
        back=PLACE,
        # The id is chosen once, so that the same form sent twice makes one grant.
        fields={name: fields.get(name, "") for name in names} | {"authorisation": str(uuid4())},
    )
