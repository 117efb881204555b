"""The stream by which an open page hears that the queue has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from service.api.dependencies import CurrentRuntime
from service.identity import require
from service.pages import cookies
from service.pages.desk.changes import Changes, stream
from service.pages.session import CurrentPlace, WatchingUser
from service.review.access import desks_of
from service.roles import Role

router = APIRouter(include_in_schema=False)


@router.get("/review/changes")
async def watch(
    request: Request, watching: WatchingUser, place: CurrentPlace, runtime: CurrentRuntime
) -> StreamingResponse:
    """Say "changed" whenever a queue of the reader has. It keeps no session alive."""
    reviewer = watching.acting_as(Role.REVIEWER)
    require(reviewer.caller, Role.REVIEWER)
    changes = cast("Changes", request.app.state.changes)
    changes.require_room()
    desks = desks_of(reviewer.caller.partner, runtime.rules.current.in_force(runtime.checks.clock()))
    secret = cookies.read(request, place, cookies.SESSION)

    def still_signed_in() -> bool:
        return runtime.people.sessions.recognise(secret, use=False) is not None

    async def events() -> AsyncIterator[str]:
        with changes.listening(desks) as listener:
            async for event in stream(changes, listener, still_signed_in):
                yield event

    return StreamingResponse(events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
