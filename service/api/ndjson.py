"""NDJSON both ways: result lines leave while entry lines still arrive, so an import of any size needs little memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import takewhile

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/x-ndjson"


class LineTooLong(Exception):
    """A line passed the cap; what follows it cannot be told apart, so reading ends there."""


async def read_batches(request: Request, max_line: int) -> AsyncIterator[list[bytes]]:
    """Yield the lines of the request body as they arrive, those of one network read together, blank ones included.

    Ends early when the client goes away: the lines that came whole have then been yielded.

    Raises:
        LineTooLong: a line is longer than `max_line` bytes.
    """
    rest = bytearray()
    try:
        async for chunk in request.stream():
            rest += chunk
            if b"\n" in chunk:
                *lines, tail = bytes(rest).split(b"\n")
                rest = bytearray(tail)
                good = list(takewhile(lambda line: len(line) <= max_line, lines))
                yield good
                if len(good) < len(lines):
                    raise LineTooLong
            if len(rest) > max_line:
                raise LineTooLong
    except ClientDisconnect:
        return
    if rest:
        yield [bytes(rest)]


class DuplexResponse(StreamingResponse):
    """A streaming response whose body is made from the request's body while that still arrives.

    Starlette's own would watch for a disconnect by reading, and so swallow, the rest of the request.
    """

    media_type = MEDIA_TYPE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- the request reads
        await self.stream_response(send)
