"""The terminal's calls: check one person against the watchlists, or compare two samples."""

from __future__ import annotations

from fastapi import APIRouter

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.messages import MatchAnswer, MatchRequest, VerifyAnswer, VerifyRequest

router = APIRouter(prefix="/v1", tags=["terminal"], dependencies=AUTHENTICATED)


@router.post("/match", responses=problems(400, 401, 403, 409, 413, 422, 429, 503))
async def match(request: MatchRequest, caller: CurrentCaller, runtime: CurrentRuntime) -> MatchAnswer:
    """Check one person against everything that the caller's partner may search for this purpose.

    A candidate is a lead for people to decide on, not an identification. `complete: false` means that not everything
    could be searched, for example because one of the samples is unusable: it never means "no match".
    """
    return await runtime.admission.run(runtime.checks.check, caller, request)


@router.post("/verify", responses=problems(400, 401, 403, 413, 422, 429, 503))
async def verify(request: VerifyRequest, caller: CurrentCaller, runtime: CurrentRuntime) -> VerifyAnswer:
    """Compare two samples of one modality, as a gate compares a passport's portrait with the live face."""
    return await runtime.admission.run(runtime.verifications.verify, caller, request)
