"""The owner's authorisations: which partner may search for which purpose in which case, and until when."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.messages import Message, Moment, Slug, Text
from service.authorisations import Case

router = APIRouter(prefix="/v1/authorisations", tags=["owner partner"], dependencies=AUTHENTICATED)


class AuthorisationBody(Message):
    partner: Slug = Field(examples=["xa"])
    purpose: Slug = Field(examples=["asylum"])
    case_reference: Text = Field(
        repr=False, description="Exactly as the partner gave it; the notice of its request says it"
    )
    exercise: bool = Field(default=False, description="It holds in exercises, and only there, as the notice says")
    until: Moment = Field(examples=["2026-12-22T09:30:00Z"], description="At most a year from now")


class AuthorisationMessage(BaseModel):
    authorisation: UUID
    partner: str
    purpose: str
    exercise: bool
    until: AwareDatetime


@router.put(
    "/{authorisation}", responses={201: {"model": AuthorisationMessage}, **problems(400, 401, 403, 413, 422, 503)}
)
async def put_authorisation(
    authorisation: UUID, body: AuthorisationBody, caller: CurrentCaller, runtime: CurrentRuntime, response: Response
) -> AuthorisationMessage:
    """Authorise a partner to search the caller's entries for a purpose, for one case. Replaces a grant of this id."""
    case = Case(body.partner, body.purpose, body.case_reference, exercise=body.exercise)
    is_new = await runtime.owner_work.run(runtime.authorisations.grant, caller, authorisation, case, body.until)
    response.status_code = 201 if is_new else 200
    return AuthorisationMessage(
        authorisation=authorisation,
        partner=body.partner,
        purpose=body.purpose,
        exercise=body.exercise,
        until=body.until,
    )


@router.delete("/{authorisation}", status_code=204, responses=problems(401, 403, 404, 422, 503))
async def withdraw_authorisation(authorisation: UUID, caller: CurrentCaller, runtime: CurrentRuntime) -> None:
    """Withdraw an authorisation; the next check no longer has it."""
    await runtime.owner_work.run(runtime.authorisations.withdraw, caller, authorisation)
