"""Doing without the second reviewer, where the agreement lets the law say so: the ground is written down."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.errors import NotAskedFor
from service.pages.desk.confirming import Question, ask, confirmed
from service.pages.desk.flag import candidate_of
from service.pages.flashes import Flash
from service.pages.forms import Form
from service.pages.rendering import page, see_other, translate
from service.pages.session import CurrentReviewer, SignedIn, UserForm
from service.pages.translation import marked
from service.pages.work import work
from service.runtime import Runtime

PATH: Final = "/review/flags/{flag_id}/candidates/{candidate_id}/waiver"
LONGEST: Final = 500

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def ask_for_ground(
    flag_id: UUID, candidate_id: UUID, request: Request, reviewer: CurrentReviewer, runtime: CurrentRuntime
) -> Response:
    """Ask which law allows it."""
    await _require_asked(runtime, reviewer, flag_id, candidate_id)
    return _form(request, flag_id, candidate_id, Form())


@router.post(PATH)
async def take_waiver(
    flag_id: UUID,
    candidate_id: UUID,
    request: Request,
    fields: UserForm,
    reviewer: CurrentReviewer,
    runtime: CurrentRuntime,
) -> Response:
    """Read the ground back; confirmed, waive the second reviewer."""
    if not confirmed(fields):
        await _require_asked(runtime, reviewer, flag_id, candidate_id)
    ground = fields.get("ground", "").strip()
    if not 0 < len(ground) <= LONGEST:
        wrong = translate(request, marked("Name the law, in at most 500 characters."))
        return _form(request, flag_id, candidate_id, Form({"ground": ground}, {"ground": wrong}))
    back = f"/review/flags/{flag_id}?candidate={candidate_id}"
    if not confirmed(fields):
        question = Question(
            heading=marked("Do without the second reviewer?"),
            said=((marked("Legal ground"), ground),),
            consequence=marked("One verdict then decides. The ground is kept with the flag, under your name."),
            button=marked("Do without the second reviewer"),
            back=back,
            fields={"ground": ground},
        )
        return ask(request, question)
    await work(runtime, runtime.review.waivers.waive, reviewer.caller, flag_id, candidate_id, ground)
    return see_other(back, Flash.WAIVED)


async def _require_asked(runtime: Runtime, reviewer: SignedIn, flag_id: UUID, candidate_id: UUID) -> None:
    """Look before anything is filled in.

    Raises:
        UnknownFlag: the desk of the reviewer has no such candidate.
        NotAskedFor: it is not asked for of this candidate.
    """
    if not (await candidate_of(runtime, reviewer, flag_id, candidate_id)).may_waive:
        raise NotAskedFor("no second reviewer is asked for here who may be done without")


def _form(request: Request, flag_id: UUID, candidate_id: UUID, form: Form) -> Response:
    values = {"form": form, "back": f"/review/flags/{flag_id}?candidate={candidate_id}"}
    return page(request, "review/waiver.html", values, status=422 if form.errors else 200)
