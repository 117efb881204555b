"""What the reader's partner is asked for: to release more of its entries, to authorise searches, to have some of what
it has seen authorised afterwards.
"""  # noqa: D205

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.errors import UnknownRelease
from service.pages.desk.confirming import Question, ask, confirmed
from service.pages.desk.words import LEVELS
from service.pages.flashes import Flash
from service.pages.forms import MalformedForm
from service.pages.rendering import page, see_other, translate
from service.pages.session import CurrentReviewer, UserForm
from service.pages.translation import marked
from service.pages.work import work
from service.review.views import ReleaseRequest

PLACE: Final = "/review/requests"

router = APIRouter(include_in_schema=False)


@router.get(PLACE)
async def show_requests(request: Request, reviewer: CurrentReviewer, runtime: CurrentRuntime) -> Response:
    """List what the reader's partner is asked for."""
    inbox = await work(runtime, runtime.review.inbox.of, reviewer.caller)
    return page(request, "review/requests.html", {"inbox": inbox, "now": runtime.checks.clock()})


@router.post(PLACE + "/releases/{candidate_id}")
async def take_release(
    candidate_id: UUID, request: Request, fields: UserForm, reviewer: CurrentReviewer, runtime: CurrentRuntime
) -> Response:
    """Read a decision on a release back; confirmed, take it."""
    decision = fields.get("decision")
    if decision not in ("grant", "refuse"):
        raise MalformedForm("the form does not say what was decided")
    granted = decision == "grant"
    if not confirmed(fields):
        inbox = await work(runtime, runtime.review.inbox.of, reviewer.caller)
        asked = next((each for each in inbox.releases if each.candidate == candidate_id), None)
        if asked is None:
            raise UnknownRelease
        return ask(request, _question(request, asked, granted=granted))
    await work(runtime, runtime.review.releases.decide, reviewer.caller, candidate_id, granted=granted)
    return see_other(PLACE, Flash.RELEASE_GRANTED if granted else Flash.RELEASE_REFUSED)


def _question(request: Request, asked: ReleaseRequest, *, granted: bool) -> Question:
    said = (
        (marked("Partner that asks"), asked.partner.upper()),
        (marked("Purpose"), asked.purpose),
        (marked("Your entry"), f"{asked.watchlist}/{asked.entry}"),
        (marked("What it would see"), translate(request, LEVELS[asked.level])),
    )
    heading, consequence, button = (
        (
            marked("Release this?"),
            marked(
                "It is shown to the partner that asks once its own reviewers have confirmed. It cannot be taken back."
            ),
            marked("Release it"),
        )
        if granted
        else (
            marked("Refuse to release this?"),
            marked("The partner that asks sees no more of the entry because of this flag."),
            marked("Refuse"),
        )
    )
    fields = {"decision": "grant" if granted else "refuse"}
    return Question(heading, said, consequence, button, PLACE, fields)
