"""The calls of a partner's node that follows a watchlist: signed messages, each as the owner's node has signed it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.watchlists import WatchlistId
from watchlists.feed.messages import PageMessage, RootMessage, TimestampMessage

MEDIA_TYPE = "application/json"
MOST = 2**53 - 1
PROBLEMS = problems(401, 403, 404, 422, 503)

router = APIRouter(prefix="/v1/watchlists/{watchlist}/changes", tags=["feed"], dependencies=AUTHENTICATED)


def _nothing(description: str) -> dict[int | str, dict[str, Any]]:
    return {204: {"description": description}}


def _answer(message: bytes | None) -> Response:
    # As it was signed, byte for byte: receivers refuse any other form of the same message.
    return Response(status_code=204) if message is None else Response(message, media_type=MEDIA_TYPE)


@router.get(
    "",
    response_class=Response,
    responses={200: {"model": PageMessage}, **_nothing("There is no such page yet"), **PROBLEMS},
)
async def next_page(
    watchlist: WatchlistId,
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    after: Annotated[int, Query(ge=0, lt=MOST, description="Number of the last page that was taken over")] = 0,
) -> Response:
    """Return the page that follows: changes of a watchlist that is published to the caller's partner, sealed to it."""
    return _answer(await runtime.owner_work.run(runtime.feeds.page, caller, watchlist, after))


@router.get("/timestamp", response_class=Response, responses={200: {"model": TimestampMessage}, **PROBLEMS})
async def newest_timestamp(watchlist: WatchlistId, caller: CurrentCaller, runtime: CurrentRuntime) -> Response:
    """Return up to where the feed goes now, and until when to believe that."""
    return _answer(await runtime.owner_work.run(runtime.feeds.timestamp, caller, watchlist))


@router.get(
    "/roots/{version}",
    response_class=Response,
    responses={200: {"model": RootMessage}, **_nothing("That version does not exist yet"), **PROBLEMS},
)
async def root_of_version(
    watchlist: WatchlistId,
    version: Annotated[int, Path(ge=1, lt=2**31, examples=[2])],
    caller: CurrentCaller,
    runtime: CurrentRuntime,
) -> Response:
    """Return the keys of the owner, in one of their versions, signed by those of the version before."""
    return _answer(await runtime.owner_work.run(runtime.feeds.root, caller, watchlist, version))
