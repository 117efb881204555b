"""The queue of flags: what waits for people, the most urgent first."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.pages.rendering import page
from service.pages.session import CurrentReviewer, SignedIn, WatchingUser
from service.pages.work import work
from service.review.views import FlagState, QueueFilter
from service.roles import Role
from service.runtime import Runtime

PAGE: Final = 25
JITTER: Final = 2000
"""Milliseconds over which the pages that hear of a change spread their questions."""
HTMX: Final = json.dumps(
    {
        "allowEval": False,
        "allowScriptTags": False,
        "historyEnabled": False,  # it would keep copies of pages in the storage of the browser
        "includeIndicatorStyles": False,
        "selfRequestsOnly": True,
    }
)

router = APIRouter(include_in_schema=False)


After = Annotated[str | None, Query(max_length=200)]


@router.get("/review")
async def show_queue(
    request: Request, reviewer: CurrentReviewer, runtime: CurrentRuntime, after: After = None
) -> Response:
    """List flags, a page at a time."""
    return await _queue(request, runtime, reviewer, after)


@router.get("/review/list")
async def follow_queue(
    request: Request, watching: WatchingUser, runtime: CurrentRuntime, after: After = None
) -> Response:
    """List the same again for a page that has heard of a change: nobody asked, so no session is kept alive by it."""
    return await _queue(request, runtime, watching.acting_as(Role.REVIEWER), after)


async def _queue(request: Request, runtime: Runtime, reviewer: SignedIn, after: str | None) -> Response:
    wanted = read_filter(request.query_params)
    found = await work(runtime, runtime.review.queue.page, reviewer.caller, wanted, after, PAGE)
    query = _query(wanted)
    values = {
        "items": found.items,
        "following": _address("/review", query | {"after": found.following}) if found.following else None,
        "here": _address("/review/list", query | ({"after": after} if after else {})),
        "wanted": wanted,
        "filtered": wanted != QueueFilter(),
        "states": list(FlagState),
        "purposes": sorted({each for agreement in runtime.rules.current.agreements for each in agreement.purposes}),
        "now": runtime.checks.clock(),
        "jitter": secrets.randbelow(JITTER),
        "htmx_config": HTMX,
    }
    return page(request, "review/queue.html", values)


def read_filter(unverified: Mapping[str, str]) -> QueueFilter:
    """Return what the form of the queue asks for; what it cannot ask for counts as not asked."""
    state = unverified.get("state", "")
    return QueueFilter(
        state=FlagState(state) if state in set(FlagState) else FlagState.OPEN,
        purpose=unverified.get("purpose", "").strip()[:64] or None,
        checkpoint=unverified.get("checkpoint", "").strip()[:64] or None,
        exercise=unverified.get("exercise") == "yes",
        mine=unverified.get("mine") == "yes",
    )


def _query(wanted: QueueFilter) -> dict[str, str]:
    """Return `wanted` as the form sends it, without what is so anyway."""
    given = {
        "state": "" if wanted.state is FlagState.OPEN else wanted.state.value,
        "purpose": wanted.purpose or "",
        "checkpoint": wanted.checkpoint or "",
        "exercise": "yes" if wanted.exercise else "",
        "mine": "yes" if wanted.mine else "",
    }
    return {name: value for name, value in given.items() if value}


def _address(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
