"""The owner's decisions: whether the partner that found one of its entries sees more of it."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.messages import Message

router = APIRouter(prefix="/v1/releases", tags=["desk"], dependencies=AUTHENTICATED)


class ReleaseRequestMessage(BaseModel):
    """A find that is disclosed further only if the owner says so; nothing of the person found."""

    candidate_id: UUID
    partner: str = Field(examples=["xa"], description="Who has found the entry")
    purpose: str
    exercise: bool
    watchlist: str
    entry: str
    level: str = Field(examples=["biographics"], description="What the partner would see")
    asked_at: AwareDatetime
    due_at: AwareDatetime


class ReleaseRequestsMessage(BaseModel):
    releases: list[ReleaseRequestMessage]


class ReleaseBody(Message):
    granted: bool


class ReleaseMessage(BaseModel):
    candidate_id: UUID
    granted: bool


@router.get("", responses=problems(401, 403, 503))
async def list_releases(caller: CurrentCaller, runtime: CurrentRuntime) -> ReleaseRequestsMessage:
    """List what the caller's partner is asked to release, the nearest deadline first."""
    asked = await runtime.owner_work.run(runtime.review.releases.asked_of, caller)
    listed = [ReleaseRequestMessage(candidate_id=each.candidate, **asdict(each)) for each in asked]
    return ReleaseRequestsMessage(releases=listed)


@router.post(
    "/{candidate_id}",
    status_code=201,
    responses={200: {"model": ReleaseMessage}, **problems(400, 401, 403, 404, 409, 413, 422, 503)},
)
async def decide_release(
    candidate_id: UUID, body: ReleaseBody, caller: CurrentCaller, runtime: CurrentRuntime, response: Response
) -> ReleaseMessage:
    """Release more of a candidate, or refuse to. The same again answers 200; another decision answers 409."""
    decide = runtime.review.releases.decide
    is_new = await runtime.owner_work.run(decide, caller, candidate_id, granted=body.granted)
    response.status_code = 201 if is_new else 200
    return ReleaseMessage(candidate_id=candidate_id, granted=body.granted)
