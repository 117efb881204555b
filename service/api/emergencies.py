"""The supervisor's emergencies: declared with a justification, for hours, in the sight of the other partners."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.messages import Message, Moment, Text

router = APIRouter(prefix="/v1/emergencies", tags=["desk"], dependencies=AUTHENTICATED)


class EmergencyBody(Message):
    justification: Text = Field(repr=False, description="The partners that are told read it; otherwise it is sealed")
    until: Moment = Field(examples=["2026-11-22T11:30:00Z"])


class EmergencyMessage(BaseModel):
    emergency: UUID = Field(description="To be named by every check that belongs to it")
    declared_at: AwareDatetime
    until: AwareDatetime


@router.put("/{emergency}", responses={201: {"model": EmergencyMessage}, **problems(400, 401, 403, 409, 413, 422, 503)})
async def put_emergency(
    emergency: UUID, body: EmergencyBody, caller: CurrentCaller, runtime: CurrentRuntime, response: Response
) -> EmergencyMessage:
    """Declare an emergency. Every partner with an agreement that speaks of emergencies is told at once."""
    declare = runtime.emergencies.declare
    declared, is_new = await runtime.owner_work.run(declare, caller, emergency, body.justification, body.until)
    response.status_code = 201 if is_new else 200
    return EmergencyMessage(emergency=emergency, declared_at=declared.declared_at, until=declared.until)


@router.delete("/{emergency}", status_code=204, responses=problems(401, 403, 404, 422, 503))
async def end_emergency(emergency: UUID, caller: CurrentCaller, runtime: CurrentRuntime) -> None:
    """End an emergency before its time; the next check is no longer in it."""
    await runtime.owner_work.run(runtime.emergencies.end, caller, emergency)
