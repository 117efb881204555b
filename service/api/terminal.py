"""The terminal's calls: check one person against the watchlists, or compare two samples."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from service.api.dependencies import AUTHENTICATED, BodyDigest, CurrentCaller, CurrentRuntime, problems
from service.api.json_route import JsonRoute
from service.api.messages import MatchAnswer, MatchRequest, VerifyAnswer, VerifyRequest
from service.api.review_messages import OutcomeMessage

router = APIRouter(prefix="/v1", tags=["terminal"], dependencies=AUTHENTICATED, route_class=JsonRoute)


@router.post("/match", responses=problems(400, 401, 403, 409, 413, 422, 429, 503))
async def match(
    request: MatchRequest, caller: CurrentCaller, runtime: CurrentRuntime, body_digest: BodyDigest
) -> MatchAnswer:
    """Check one person against everything that the caller's partner may search for this purpose.

    A candidate is a lead for people to decide on, not an identification. `complete: false` means that not everything
    could be searched, for example because one of the samples is unusable: it never means "no match".
    """
    return await runtime.admission.run(runtime.checks.check, caller, request, body_digest)


@router.post("/verify", responses=problems(400, 401, 403, 413, 422, 429, 503))
async def verify(request: VerifyRequest, caller: CurrentCaller, runtime: CurrentRuntime) -> VerifyAnswer:
    """Compare two samples of one modality, as a gate compares a passport's portrait with the live face."""
    return await runtime.admission.run(runtime.verifications.verify, caller, request)


@router.get("/checks/{check_id}", responses=problems(401, 403, 422, 503))
async def get_check(check_id: UUID, caller: CurrentCaller, runtime: CurrentRuntime) -> OutcomeMessage:
    """Ask what has become of a check that this terminal has made: what people have come to, and what it may see now.

    Of a check of which it may see nothing, and of one that it has not made, the answer is the same: nothing to see.
    """
    outcome = await runtime.owner_work.run(runtime.review.outcomes.of, caller, check_id)
    return OutcomeMessage.of(check_id, outcome)
