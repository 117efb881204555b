"""Connections of uvicorn's server with httptools, each bounded in what it may take.

uvicorn closes a connection that is idle after an answer, and holds back what it writes while a client does not read.
It waits for ever for a first request, for the end of a head, and for a client that reads nothing; and it takes heads
and requests that come ahead of their turn in whatever number and length. So here:

1. A head arrives within `HEAD_WITHIN` of its connection, or of its first byte. (Bodies: `service.bodies`.)
2. A head, and what may follow a body as trailer, has `MOST_HEAD` bytes; trailers are passed over.
3. A request is of HTTP/1.1 and names its host once (RFC 9112, section 3.2), or of HTTP/1.0 and may leave that out; it
   names a path, and not another server; and its body comes as it is, or in chunks.
4. An offer of another protocol is passed over.
5. `MOST_AHEAD` requests wait for their turn on one connection. What is wrong with one is answered with 400; while one
   before it is at work, the connection is dropped, so that no answer is taken for that of another.
6. A client reads what it was answered: none of it may lie here for longer than `READ_WITHIN`.
7. Over the cap on connections a request is answered 503 with Retry-After, and its connection closed; over twice the
   cap a connection is closed at once.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from models.errors import CrosscheckError
from service import errors

HEAD_WITHIN: Final = 10.0
READ_WITHIN: Final = 20.0
MOST_HEAD: Final = 2**15
"""Bytes of the largest head."""
MOST_AHEAD: Final = 8
_VERSIONS: Final = {"1.0": (0, 1), "1.1": (1,)}
"""How often a request of each version may name its host."""
LINGER: Final = 1.0
"""Seconds that a client whose head is too long has to read so."""


class BoundedConnection(HttpToolsProtocol):
    """One connection of a process that has `most` of them at most, which is set once, before it serves."""

    most: ClassVar = 1000
    _head: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _in_head = False
    _is_long = False  # a head that is complete
    _refused = False  # what still arrives is not read any more
    _pending = 0  # bytes that have arrived since a head, a part of a body or a message was complete
    _at_work: RequestResponseCycle | None = None  # the request that was begun last; `cycle` is the one read last

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > 2 * self.most:
            transport.abort()
            return
        if len(self.connections) > self.most:
            self.app = _refuse
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._pending += len(data)
        self._read(data)
        if self._pending > MOST_HEAD and not self.transport.is_closing():
            self._refuse_head()
        elif self._in_request():
            self._stop_expecting()
        elif self._head is None:
            self._expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else it is of a trailer: it must not be taken for what the head said
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        self._in_head, self._pending = False, 0
        if len(self.pipeline) >= MOST_AHEAD:
            raise ValueError("too many requests came ahead of their turn")
        self._require_plain()
        if not self.parser.should_upgrade():  # else the head is read once more, without the offer
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._at_work = cycle
        super()._start_asgi_task(cycle, app)

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
        if self._at_work is not None and not self._at_work.response_complete:
            self._at_work.disconnected = True
            self._at_work.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)
        if self._reading is not None:
            self._reading.cancel()

    def _read(self, data: bytes) -> None:
        """Read what has arrived."""
        self._unset_keepalive_if_required()
        try:
            while data:
                data = self._read_to_offer(data)
        except httptools.HttpParserError:
            if self._is_long:
                self._refuse_head()
            elif self._may_refuse():
                self.send_400_response("Invalid HTTP request received.")
            else:
                self.transport.abort()

    def _read_to_offer(self, data: bytes) -> bytes:
        """Read a request, or several, up to one that offers another protocol; return that one without its offer.

        By RFC 9110, section 7.8, an offer may be passed over; the parser would pass over the body.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            version = self.parser.get_http_version().encode()
            fields = [b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade"]
            first = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, version)
            self.parser = httptools.HttpRequestParser(self)  # after an offer, the old one may read nothing any more
            return b"".join((first, *fields, b"\r\n", data[offer.args[0] :]))
        return b""

    def _require_plain(self) -> None:
        """Raise ValueError for a head that is too long, or that may be read in two ways: rules 2 and 3."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD:
            self._is_long = True
            raise ValueError("the head is too long")
        version, hosts = self.parser.get_http_version(), sum(name == b"host" for name, _ in self.headers)
        if version not in _VERSIONS or hosts not in _VERSIONS[version]:
            raise ValueError("the request does not name its host once, or is of another version")
        if self.parser.get_method() == b"CONNECT" or not self.url.startswith(b"/"):
            raise ValueError("the request is to another server")
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            raise ValueError("the body comes in another way")

    def _may_refuse(self) -> bool:
        """Whether an answer that is given now is to what was read last, and to nothing that is at work."""
        if self._at_work is None or self._at_work.response_complete:
            return True
        is_of_this = self._at_work is self.cycle and self.cycle.more_body
        return is_of_this and not self.cycle.response_started

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

    def _refuse_head(self) -> None:
        """Answer that the head is too long, unless an answer is under way; the client has a moment to read that."""
        self._refused = True
        if self._in_request() or not self.transport.can_write_eof():
            self.transport.abort()
            return
        status, fields, body = _problem(errors.HeadTooLarge(f"the head of the request is over {MOST_HEAD} bytes"))
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in fields.items())
        self.transport.write("\r\n".join((*head, "", "")).encode() + body)
        self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.abort)  # closed at once, it would lose the answer on its way


async def _refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    status, fields, body = _problem(errors.Overloaded(retry_after=1))
    raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _problem(error: CrosscheckError) -> tuple[int, dict[str, str], bytes]:
    """Return status, header fields and body of an answer after which the connection is closed."""
    problem: dict[str, Any] = errors.problem_of(error).model_dump(exclude_none=True)
    body = json.dumps(problem).encode()
    own = {"Content-Type": errors.MEDIA_TYPE, "Content-Length": str(len(body)), "Connection": "close"}
    return problem["status"], dict(errors.headers_of(error)) | own, body
