"""The owner partner's calls: its watchlists and their entries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.api.ndjson import MEDIA_TYPE, DuplexResponse, read_batches
from service.api.owner_messages import (
    EntryBody,
    EntryMessage,
    PurposeAnswer,
    QuarantinedMessage,
    QuarantineMessage,
    WatchlistBody,
    WatchlistMessage,
    WatchlistsMessage,
    WriteAnswer,
)
from service.entries import message_of, written_message
from service.import_lines import result_line
from service.runtime import Runtime
from watchlists.records import EntryKey
from watchlists.store import Outcome

IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
WatchlistId = Annotated[str, Path(pattern=IDENTIFIER, max_length=64, examples=["xb-wanted"])]
EntryId = Annotated[str, Path(pattern=IDENTIFIER, max_length=64, examples=["E-2026-0017"])]


async def _written_here(watchlist: WatchlistId, caller: CurrentCaller, runtime: CurrentRuntime) -> None:
    """Refuse to write to a list of the caller's that a feed writes; of others' lists nothing is told."""
    await runtime.owner_work.run(runtime.feeds.require_home, caller, watchlist)


WRITTEN_HERE = [Depends(_written_here)]

router = APIRouter(prefix="/v1/watchlists", tags=["owner partner"], dependencies=AUTHENTICATED)


@router.get("", responses=problems(401, 403, 503))
async def list_watchlists(caller: CurrentCaller, runtime: CurrentRuntime) -> WatchlistsMessage:
    """List the watchlists of the caller's partner."""
    own_watchlists = await runtime.owner_work.run(runtime.enrolment.own_watchlists, caller)
    return WatchlistsMessage(
        watchlists=[
            WatchlistMessage(watchlist=own.id, owner=own.owner, title=own.title, entries=count)
            for own, count in own_watchlists
        ]
    )


@router.put(
    "/{watchlist}",
    dependencies=WRITTEN_HERE,
    responses={201: {"model": WatchlistMessage}, **problems(400, 401, 403, 409, 413, 422, 503)},
)
async def put_watchlist(
    watchlist: WatchlistId, body: WatchlistBody, caller: CurrentCaller, runtime: CurrentRuntime, response: Response
) -> WatchlistMessage:
    """Make a watchlist of the caller's partner, or give it another title."""
    put = runtime.enrolment.put_watchlist
    outcome, count = await runtime.owner_work.run(put, caller, watchlist, body.title)
    response.status_code = 201 if outcome is Outcome.CREATED else 200
    return WatchlistMessage(watchlist=watchlist, owner=caller.partner, title=body.title, entries=count)


@router.put(
    "/{watchlist}/entries/{entry}",
    dependencies=WRITTEN_HERE,
    responses={201: {"model": WriteAnswer}, **problems(400, 401, 403, 404, 409, 413, 422, 503)},
)
async def put_entry(
    watchlist: WatchlistId,
    entry: EntryId,
    body: EntryBody,
    caller: CurrentCaller,
    runtime: CurrentRuntime,
    response: Response,
) -> WriteAnswer:
    """Write an entry, new or in place of what was there. Once this is answered, searches include it.

    One that is like far too many people is stored in quarantine instead: `quarantined` says why.
    """
    written = await runtime.owner_work.run(runtime.enrolment.put, caller, EntryKey(watchlist, entry), body)
    response.status_code = 201 if written.result.outcome is Outcome.CREATED else 200
    return written_message(entry, written)


@router.get("/{watchlist}/quarantine", responses=problems(401, 403, 404, 422, 503))
async def get_quarantine(watchlist: WatchlistId, caller: CurrentCaller, runtime: CurrentRuntime) -> QuarantineMessage:
    """List the entries of one of the caller's watchlists that are stored and not searched, each with the reason."""
    found = await runtime.owner_work.run(runtime.enrolment.quarantined, caller, watchlist)
    return QuarantineMessage(
        entries=[QuarantinedMessage(entry_id=key.entry, quarantined=reason) for key, reason in found]
    )


@router.get("/{watchlist}/entries/{entry}", responses=problems(401, 403, 404, 422, 503))
async def get_entry(
    watchlist: WatchlistId, entry: EntryId, caller: CurrentCaller, runtime: CurrentRuntime
) -> EntryMessage:
    """Read back one of the caller's own entries. Templates never leave."""
    return message_of(await runtime.owner_work.run(runtime.enrolment.read, caller, EntryKey(watchlist, entry)))


@router.post(
    "/{watchlist}/entries/{entry}/purpose-achieved",
    dependencies=WRITTEN_HERE,
    responses=problems(401, 403, 404, 409, 422, 503),
)
async def achieve_purpose(
    watchlist: WatchlistId, entry: EntryId, caller: CurrentCaller, runtime: CurrentRuntime
) -> PurposeAnswer:
    """Say that an entry has served its purpose: it ends after the time that the agreements give, or at once.

    Saying it again changes nothing.
    """
    achieve = runtime.purposes.achieve
    expires_at = await runtime.owner_work.run(achieve, caller, EntryKey(watchlist, entry))
    return PurposeAnswer(entry_id=entry, expires_at=expires_at)


@router.delete(
    "/{watchlist}/entries/{entry}",
    status_code=204,
    dependencies=WRITTEN_HERE,
    responses=problems(401, 403, 404, 409, 422, 503),
)
async def withdraw_entry(
    watchlist: WatchlistId, entry: EntryId, caller: CurrentCaller, runtime: CurrentRuntime
) -> None:
    """Withdraw an entry: the next search no longer includes it, and its key is destroyed."""
    await runtime.owner_work.run(runtime.enrolment.withdraw, caller, EntryKey(watchlist, entry))


@router.post(
    "/{watchlist}/entries:import",
    dependencies=WRITTEN_HERE,
    response_class=DuplexResponse,
    responses={
        200: {
            "description": "One result for each input line, as it is written: `line`, `status` (created, replaced, "
            "unchanged, refused), then `entry_id` and `sequence`, and what else a single write is answered, or the "
            "`problem`.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        **problems(401, 403, 404, 409, 422, 503),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "NDJSON: one entry a line, each with its `entry_id`. Any content type is taken. "
            "Read results while sending, or send no more than 10,000 lines at once.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
async def import_entries(
    watchlist: WatchlistId, request: Request, caller: CurrentCaller, runtime: CurrentRuntime
) -> DuplexResponse:
    """Write many entries. Good lines are kept, bad lines named; a line that was answered is durable."""
    await runtime.owner_work.run(runtime.enrolment.own_watchlist, caller, watchlist)
    return DuplexResponse(_import_results(watchlist, request, runtime))


async def _import_results(watchlist: str, request: Request, runtime: Runtime) -> AsyncIterator[bytes]:
    line = 1
    async for lines in read_batches(request, runtime.settings.max_body):
        # A token or key that is revoked while an import runs ends it.
        caller = await runtime.authenticating.run(runtime.authentication.still, request.state.recognised)
        put = runtime.enrolment.put_lines
        for result in await runtime.owner_work.run(put, caller, watchlist, line, lines, runtime.importers):
            yield result_line(result)
        line += len(lines)
