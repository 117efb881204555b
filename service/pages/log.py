"""The part of the audit log that concerns the reader's partner: its entries, each with what proves it."""

from __future__ import annotations

import json
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.audit.entries import Entry
from service.audit.errors import HeadUnknown
from service.audit.parts import ProvedPart
from service.identity import Caller
from service.pages.rendering import page
from service.pages.session import CurrentAuditor
from service.pages.work import work
from service.runtime import Runtime

PLACE: Final = "/review/log"
PAGE: Final = 50

router = APIRouter(include_in_schema=False)


@router.get(PLACE)
async def show_log(
    request: Request,
    auditor: CurrentAuditor,
    runtime: CurrentRuntime,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """List entries in their order, a page at a time; with the newest head, and what it says of the part."""
    caller, now = auditor.caller, runtime.checks.clock()
    part = await work(runtime, _part, runtime, caller)
    found = await work(runtime, runtime.audit.desk.entries, caller, after, PAGE, now)
    following = f"{PLACE}?after={found[-1].leaf.number}" if len(found) == PAGE else None
    values = {"entries": found, "part": part, "following": following, "told_by": told_by}
    return page(request, "review/log.html", {**values, "first": after == 0})


def _part(runtime: Runtime, caller: Caller) -> ProvedPart | None:
    try:
        return runtime.audit.heads.part(caller.partner)
    except HeadUnknown:
        return None


def told_by(entry: Entry) -> tuple[str, str] | None:
    """Return who did it and the details of an entry, as text; None where there are none to show."""
    payload = entry.payload
    return None if payload is None else (payload.actor, json.dumps(payload.details, ensure_ascii=False, indent=1))
