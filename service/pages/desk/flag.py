"""A flag: what was found beside what was sent, as far as this reviewer may see it."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.errors import UnknownFlag
from service.pages.desk.comparing import as_shown
from service.pages.desk.words import VERDICT_MEANINGS, word
from service.pages.forms import Form
from service.pages.rendering import page, translate
from service.pages.session import CurrentReviewer, SignedIn
from service.pages.work import work
from service.review.comparison import Cut, Side
from service.review.views import CandidateView, FlagView
from service.runtime import Runtime
from watchlists.agreements.release import VerdictKind

router = APIRouter(include_in_schema=False)


@router.get("/review/flags/{flag_id}")
async def show_flag(
    flag_id: UUID,
    request: Request,
    reviewer: CurrentReviewer,
    runtime: CurrentRuntime,
    candidate: UUID | None = None,
) -> Response:
    """Show a flag, and one of its candidates beside what was sent."""
    return await flag_page(request, runtime, reviewer, flag_id, candidate)


@router.get("/review/flags/{flag_id}/candidates/{candidate_id}/pictures/{side}/{number}/{cut}")
async def show_picture(
    candidate_id: UUID, side: Side, number: int, cut: Cut, reviewer: CurrentReviewer, runtime: CurrentRuntime
) -> Response:
    """Return one picture of a candidate or of the probe."""
    looked = runtime.comparisons.picture
    picture = await work(runtime, looked, reviewer.caller, candidate_id, side, number, cut)
    return Response(picture.content, media_type=picture.media_type)


async def flag_page(
    request: Request,
    runtime: Runtime,
    reviewer: SignedIn,
    flag_id: UUID,
    candidate_id: UUID | None,
    form: Form = Form(),  # noqa: B008 -- frozen
) -> Response:
    """Return the page of a flag, with `form` as far as it was filled in.

    Raises:
        UnknownFlag: the desk of the reviewer has no such flag, or it has no such candidate.
    """
    flag = await work(runtime, runtime.review.showing.flag, reviewer.caller, flag_id)
    chosen = choose(flag, candidate_id)
    values: dict[str, object] = {
        "flag": flag,
        "candidate": chosen,
        "numbers": {each.id: number for number, each in enumerate(flag.candidates, 1)},
        "now": runtime.checks.clock(),
        "form": form,
        "kinds": [(kind.value, *(translate(request, text) for text in _texts(kind))) for kind in VerdictKind],
    }
    if chosen is not None:
        compared = await work(runtime, runtime.comparisons.look, reviewer.caller, chosen.id)
        values["compared"] = as_shown(compared)
    return page(request, "review/flag.html", values, status=422 if form.errors else 200)


async def candidate_of(runtime: Runtime, reviewer: SignedIn, flag_id: UUID, candidate_id: UUID) -> CandidateView:
    """Return a candidate as the reviewer may see it now.

    Raises:
        UnknownFlag: the desk of the reviewer has no such flag, or it has no such candidate.
    """
    flag = await work(runtime, runtime.review.showing.flag, reviewer.caller, flag_id)
    found = choose(flag, candidate_id)
    if found is None:
        raise UnknownFlag
    return found


def choose(flag: FlagView, candidate_id: UUID | None) -> CandidateView | None:
    """Return the candidate that is asked for; without a wish the first that waits for the reader, else the first.

    Raises:
        UnknownFlag: there is none of that id.
    """
    if candidate_id is None:
        return next((each for each in flag.candidates if each.why_not is None), next(iter(flag.candidates), None))
    found = next((each for each in flag.candidates if each.id == candidate_id), None)
    if found is None:
        raise UnknownFlag
    return found


def _texts(kind: VerdictKind) -> tuple[str, str]:
    return word(kind), VERDICT_MEANINGS[kind]
