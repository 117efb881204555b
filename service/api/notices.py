"""The partner's own notices: what it is told without having asked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.notices import Notice, NoticeKind

MOST_AT_ONCE = 500

router = APIRouter(prefix="/v1/notices", tags=["desk"], dependencies=AUTHENTICATED)


class NoticeMessage(BaseModel):
    number: int = Field(examples=[17], description="Of the partner's notices, from 1 and without gaps")
    kind: NoticeKind
    at: AwareDatetime
    details: dict[str, str | int | bool | None] = Field(examples=[{"partner": "xa", "purpose": "asylum"}])
    text: str | None = Field(
        description="A case reference or a justification, for the recipient alone; null once it was kept long enough"
    )


class NoticesMessage(BaseModel):
    notices: list[NoticeMessage]


@router.get("", responses=problems(401, 403, 422, 503))
async def list_notices(
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    after: Annotated[int, Query(ge=0, lt=2**31, description="Number of the last notice that is known")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 100,
) -> NoticesMessage:
    """List what the caller's partner was told, in order. Ask again with the last number until the list is empty."""
    found = await runtime.owner_work.run(runtime.notices.of, caller, after, limit, runtime.checks.clock())
    return NoticesMessage(notices=[_message(notice) for notice in found])


def _message(notice: Notice) -> NoticeMessage:
    return NoticeMessage(
        number=notice.number, kind=notice.kind, at=notice.at, details=dict(notice.details), text=notice.text
    )
