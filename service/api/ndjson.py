"""NDJSON both ways: result lines leave while entry lines still arrive, so an import of any size needs little memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/x-ndjson"


async def read_batches(request: Request, max_line: int) -> AsyncIterator[list[bytes | None]]:
    """Yield the lines of the request body as they arrive, those of one network read together, blank ones included.

    A line longer than `max_line` bytes is passed over without being kept in memory, and yielded as None. Ends early
    when the client goes away: the lines that came whole have then been yielded.
    """
    rest = bytearray()
    overlong = False
    try:
        async for chunk in request.stream():
            rest += chunk
            if b"\n" in chunk:
                first, *others = bytes(rest).split(b"\n")
                lines = [None if overlong else first, *others]
                rest, overlong = bytearray(others[-1]), False
                yield [line if line is None or len(line) <= max_line else None for line in lines[:-1]]
            if len(rest) > max_line:
                rest.clear()
                overlong = True
    except ClientDisconnect:
        return
    if rest or overlong:
        yield [None if overlong else bytes(rest)]


class DuplexResponse(StreamingResponse):
    """A streaming response whose body is made from the request's body while that still arrives.

    Starlette's own would watch for a disconnect by reading, and so swallow, the rest of the request.
    """

    media_type = MEDIA_TYPE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- the request reads
        await self.stream_response(send)
