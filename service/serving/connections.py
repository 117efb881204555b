"""Connections of uvicorn's h11 server, each bounded in what it may take.

uvicorn closes a connection that is idle after an answer, and holds back what it writes while a client does not read.
It waits for ever for a first request, for the end of a head, and for a client that reads nothing. So here:

1. A head arrives within `HEAD_WITHIN` of its connection, or of its first byte. (Bodies: `service.bodies`.)
2. A client reads what it was answered: none of it may lie here for longer than `READ_WITHIN`.
3. Over the cap on connections a request is answered 503 with Retry-After, and its connection closed; over twice the
   cap a connection is closed at once.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar, Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from service import errors

HEAD_WITHIN: Final = 10.0
READ_WITHIN: Final = 20.0
MOST_HEAD: Final = 2**15
"""Bytes of the largest head."""


class BoundedConnection(H11Protocol):
    """One connection of a process that has `most` of them at most, which is set once, before it serves."""

    most: ClassVar = 1000
    _head: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > 2 * self.most:
            transport.abort()
            return
        if len(self.connections) > self.most:
            self.app = _refuse
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_request():
            self._stop_expecting()
        elif self._head is None:
            self._expect_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_request():  # the next one had arrived already
            self._stop_expecting()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._expect_reading()  # it closes when all that was written is read

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._expect_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_expecting()
        super().connection_lost(exc)
        if self._reading is not None:
            self._reading.cancel()

    def _in_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head = self.loop.call_later(HEAD_WITHIN, self.transport.abort)

    def _stop_expecting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _expect_reading(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(READ_WITHIN, self.transport.abort)


async def _refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    error = errors.Overloaded(retry_after=1)
    problem: dict[str, Any] = errors.problem_of(error).model_dump(exclude_none=True)
    headers = errors.headers_of(error) | {"Content-Type": errors.MEDIA_TYPE, "Connection": "close"}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 503, "headers": raw})
    await send({"type": "http.response.body", "body": json.dumps(problem).encode()})
