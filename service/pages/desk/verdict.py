"""A reviewer's verdict on a candidate: filled in on the page of the flag, read back, then given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.pages.desk.confirming import Question, ask, confirmed
from service.pages.desk.flag import flag_page
from service.pages.desk.words import word
from service.pages.flashes import Flash
from service.pages.forms import Form
from service.pages.rendering import see_other, translate
from service.pages.session import CurrentReviewer, UserForm
from service.pages.translation import marked
from service.pages.work import work
from service.review.verdicts import Given
from watchlists.agreements.release import VerdictKind

LONGEST: Final = 2000
"""Characters of a reason."""

router = APIRouter(include_in_schema=False)


@router.post("/review/flags/{flag_id}/candidates/{candidate_id}/verdict")
async def take_verdict(
    flag_id: UUID,
    candidate_id: UUID,
    request: Request,
    fields: UserForm,
    reviewer: CurrentReviewer,
    runtime: CurrentRuntime,
) -> Response:
    """Read a verdict back; confirmed, give it."""
    kind, reason = fields.get("kind", ""), fields.get("reason", "").strip()
    if errors := _wrong(kind, reason):
        shown = Form(
            {"kind": kind, "reason": reason}, {name: translate(request, text) for name, text in errors.items()}
        )
        return await flag_page(request, runtime, reviewer, flag_id, candidate_id, shown)
    back = f"/review/flags/{flag_id}?candidate={candidate_id}"
    given = Given(candidate_id, VerdictKind(kind), reason)
    if not confirmed(fields):
        return ask(request, _question(request, given, back))
    await work(runtime, runtime.review.verdicts.give, reviewer.caller, flag_id, given)
    return see_other(back, Flash.VERDICT_GIVEN)


def _wrong(kind: str, reason: str) -> Mapping[str, str]:
    """Return the source text of what is wrong, by field."""
    errors = {}
    if kind not in set(VerdictKind):
        errors["kind"] = marked("Choose what you say.")
    if not reason:
        errors["reason"] = marked("Say what you have seen.")
    elif len(reason) > LONGEST:
        errors["reason"] = marked("Say it in at most 2,000 characters.")
    return errors


def _question(request: Request, given: Given, back: str) -> Question:
    return Question(
        heading=marked("Give this verdict?"),
        said=((marked("You say"), translate(request, word(given.kind))), (marked("Because"), given.reason)),
        consequence=marked(
            "It counts at once and cannot be changed. Nobody who has still to say theirs independently sees it before."
        ),
        button=marked("Give the verdict"),
        back=back,
        fields={"kind": given.kind.value, "reason": given.reason},
    )
