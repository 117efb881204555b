"""The reviewers' calls: the queue, a flag, and what is said of its candidates."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.messages import Identifier, Slug
from service.api.review_messages import (
    AuthorisationAfterwardsBody,
    FlagMessage,
    QueueMessage,
    VerdictBody,
    WaiverBody,
)
from service.review.afterwards import Answer
from service.review.verdicts import Given
from service.review.views import FlagState, QueueFilter

MOST_AT_ONCE = 200

router = APIRouter(prefix="/v1/flags", tags=["desk"], dependencies=AUTHENTICATED)


@router.get("", responses=problems(401, 403, 422, 503))
async def list_flags(
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    state: FlagState = FlagState.OPEN,
    purpose: Slug | None = None,
    checkpoint: Identifier | None = None,
    exercise: Annotated[bool, Query(description="Flags of exercises, and only those")] = False,
    mine: Annotated[bool, Query(description="Only those that wait for a verdict of yours")] = False,
    after: Annotated[str | None, Query(max_length=200, description="`following` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 50,
) -> QueueMessage:
    """List flags of the caller's desks: the most urgent first, then by deadline; what is over, the latest first."""
    wanted = QueueFilter(state, purpose, checkpoint, exercise=exercise, mine=mine)
    page = await runtime.owner_work.run(runtime.review.queue.page, caller, wanted, after, limit)
    return QueueMessage.of(page)


@router.get("/{flag_id}", responses=problems(401, 403, 404, 422, 503))
async def get_flag(flag_id: UUID, caller: CurrentCaller, runtime: CurrentRuntime) -> FlagMessage:
    """Show a flag, as far as the rules let this reviewer see it now. The log says who has looked."""
    return FlagMessage.of(await runtime.owner_work.run(runtime.review.showing.flag, caller, flag_id))


@router.post(
    "/{flag_id}/verdicts",
    status_code=201,
    responses={200: {"model": FlagMessage}, **problems(400, 401, 403, 404, 409, 413, 422, 503)},
)
async def give_verdict(
    flag_id: UUID, body: VerdictBody, caller: CurrentCaller, runtime: CurrentRuntime, response: Response
) -> FlagMessage:
    """Say of a candidate whether it is the person who was checked. One verdict of each reviewer, and it stays.

    The same again answers 200 and changes nothing; another verdict answers 409. Nobody sees what others have said
    before as many are in as are needed.
    """
    given = Given(body.candidate_id, body.verdict, body.reason)
    is_new = await runtime.owner_work.run(runtime.review.verdicts.give, caller, flag_id, given)
    response.status_code = 201 if is_new else 200
    return FlagMessage.of(await runtime.owner_work.run(runtime.review.showing.flag, caller, flag_id))


@router.post(
    "/{flag_id}/waivers",
    status_code=201,
    responses={200: {"model": FlagMessage}, **problems(400, 401, 403, 404, 409, 413, 422, 503)},
)
async def waive_reviewer(
    flag_id: UUID, body: WaiverBody, caller: CurrentCaller, runtime: CurrentRuntime, response: Response
) -> FlagMessage:
    """Do without the second reviewer of a candidate, where the agreements allow it, on a legal ground."""
    waive = runtime.review.waivers.waive
    is_new = await runtime.owner_work.run(waive, caller, flag_id, body.candidate_id, body.ground)
    response.status_code = 201 if is_new else 200
    return FlagMessage.of(await runtime.owner_work.run(runtime.review.showing.flag, caller, flag_id))


@router.post(
    "/{flag_id}/authorisations",
    status_code=201,
    responses={200: {"model": FlagMessage}, **problems(400, 401, 403, 404, 409, 413, 422, 503)},
)
async def authorise_afterwards(
    flag_id: UUID,
    body: AuthorisationAfterwardsBody,
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    response: Response,
) -> FlagMessage:
    """Write down that an authority has authorised afterwards what was seen, or has refused to: that purges it."""
    answer = Answer(body.candidate_id, body.granted, body.decision)
    is_new = await runtime.owner_work.run(runtime.review.afterwards.answer, caller, flag_id, answer)
    response.status_code = 201 if is_new else 200
    return FlagMessage.of(await runtime.owner_work.run(runtime.review.showing.flag, caller, flag_id))
