"""What an authority has answered afterwards to a disclosure that an agreement allows on that condition."""

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
from service.review.afterwards import Answer
from service.runtime import Runtime

PATH: Final = "/review/flags/{flag_id}/candidates/{candidate_id}/authorisation"
LONGEST: Final = 500
ANSWERS: Final = {
    "yes": (marked("Authorised"), marked("What was disclosed stays.")),
    "no": (marked("Not authorised"), marked("What was disclosed is purged, now and for good.")),
}

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def ask_for_answer(
    flag_id: UUID, candidate_id: UUID, request: Request, reviewer: CurrentReviewer, runtime: CurrentRuntime
) -> Response:
    """Ask what the authority has answered."""
    await _require_asked(runtime, reviewer, flag_id, candidate_id)
    return _form(request, flag_id, candidate_id, Form())


@router.post(PATH)
async def take_answer(
    flag_id: UUID,
    candidate_id: UUID,
    request: Request,
    fields: UserForm,
    reviewer: CurrentReviewer,
    runtime: CurrentRuntime,
) -> Response:
    """Read the answer back; confirmed, write it down."""
    if not confirmed(fields):
        await _require_asked(runtime, reviewer, flag_id, candidate_id)
    granted, text = fields.get("granted", ""), fields.get("text", "").strip()
    errors = {}
    if granted not in ANSWERS:
        errors["granted"] = translate(request, marked("Choose what the authority has answered."))
    if not 0 < len(text) <= LONGEST:
        errors["text"] = translate(request, marked("Name the authority and its reference, in at most 500 characters."))
    if errors:
        return _form(request, flag_id, candidate_id, Form({"granted": granted, "text": text}, errors))
    if not confirmed(fields):
        label, consequence = ANSWERS[granted]
        said = ((marked("Answer"), translate(request, label)), (marked("Authority and reference"), text))
        question = Question(
            heading=marked("Write this answer down?"),
            said=said,
            consequence=consequence,
            button=marked("Write it down"),
            back=f"/review/flags/{flag_id}?candidate={candidate_id}",
            fields={"granted": granted, "text": text},
        )
        return ask(request, question)
    answer = Answer(candidate_id, granted == "yes", text)
    await work(runtime, runtime.review.afterwards.answer, reviewer.caller, flag_id, answer)
    return see_other("/review/requests", Flash.AUTHORISED_AFTERWARDS)


async def _require_asked(runtime: Runtime, reviewer: SignedIn, flag_id: UUID, candidate_id: UUID) -> None:
    """Look before anything is filled in.

    Raises:
        UnknownFlag: the desk of the reviewer has no such candidate.
        NotAskedFor: it is not asked for of this candidate.
    """
    if not (await candidate_of(runtime, reviewer, flag_id, candidate_id)).may_authorise:
        raise NotAskedFor("no authorisation afterwards is asked for here, or its time is over")


def _form(request: Request, flag_id: UUID, candidate_id: UUID, form: Form) -> Response:
    values = {
        "form": form,
        "back": f"/review/flags/{flag_id}?candidate={candidate_id}",
        "answers": [(key, *(translate(request, text) for text in texts)) for key, texts in ANSWERS.items()],
    }
    return page(request, "review/afterwards.html", values, status=422 if form.errors else 200)
