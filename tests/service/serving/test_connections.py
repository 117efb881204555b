"""What a connection takes, and what it does not: a small application behind the real server, and its clients."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service.serving import connections
from service.serving.connections import MOST_AHEAD, MOST_HEAD, BoundedConnection

PATIENCE = 20.0
GONE = threading.Event()
"""Set once somebody learns that the client has gone."""
HEAD = b"POST /here?and=there HTTP/1.1\r\nHost: node\r\n"


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what has arrived."""
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["path"] == "/until-gone":
        assert (await receive())["type"] == "http.disconnect"
        GONE.set()
        return
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}
    arrived = {"path": scope["path"], "query": scope["query_string"].decode(), "fields": fields, "body": body.decode()}
    content = json.dumps(arrived).encode()
    length = str(len(content)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    settings = uvicorn.Config(tell, port=0, http=BoundedConnection, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join(PATIENCE)


class Client:
    """One connection."""

    def __init__(self, opened: socket.socket) -> None:
        self._opened = opened
        self._arrived = b""

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._opened.sendall(piece)

    def answer(self) -> tuple[int, dict[str, object]]:
        """Return status and content of the next answer."""
        head = self._until(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        while len(self._arrived) < int(fields[b"content-length"]):
            self._read()
        length = int(fields[b"content-length"])
        content, self._arrived = self._arrived[:length], self._arrived[length:]
        return int(head.split()[1]), json.loads(content) if content.startswith(b"{") else {}

    def is_dropped(self) -> bool:
        """Wait until nothing comes any more; return whether nothing came that was an answer."""
        try:
            while piece := self._opened.recv(2**16):
                self._arrived += piece
        except ConnectionResetError:
            pass
        return b"HTTP/1.1 200" not in self._arrived

    def ends(self) -> bool:
        """Wait for the end of the connection; return whether nothing more came."""
        return self._arrived + self._opened.recv(2**16) == b""

    def said_nothing(self) -> bool:
        return self._arrived == b""

    def _until(self, end: bytes) -> bytes:
        while end not in self._arrived:
            self._read()
        found, _, self._arrived = self._arrived.partition(end)
        return found

    def _read(self) -> None:
        piece = self._opened.recv(2**16)
        assert piece, f"the connection ended after {self._arrived!r}"
        self._arrived += piece


@contextmanager
def client(address: tuple[str, int]) -> Iterator[Client]:
    with socket.create_connection(address, timeout=PATIENCE) as opened:
        yield Client(opened)


def test_requests_follow_each_other_on_one_connection(address: tuple[str, int]) -> None:
    with client(address) as one:
        for body in ("first", "second", ""):
            one.send(HEAD + f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            status, arrived = one.answer()
            assert (status, arrived["path"], arrived["query"]) == (200, "/here", "and=there")
            assert arrived["body"] == body


def test_a_head_may_come_byte_by_byte_and_a_body_in_chunks(address: tuple[str, int]) -> None:
    with client(address) as slow:
        slow.send(*(bytes([byte]) for byte in HEAD + b"Transfer-Encoding: chunked\r\n\r\n"))
        slow.send(b"3\r\none\r\n", b"4;note=1\r\n two\r\n", b"0\r\n\r\n")
        assert slow.answer()[1]["body"] == "one two"


def test_requests_that_come_at_once_are_answered_in_their_order(address: tuple[str, int]) -> None:
    with client(address) as hasty:
        hasty.send(b"".join(HEAD + b"Content-Length: 1\r\n\r\n%d" % number for number in range(MOST_AHEAD)))
        assert [hasty.answer()[1]["body"] for _ in range(MOST_AHEAD)] == [str(n) for n in range(MOST_AHEAD)]


def test_too_many_requests_ahead_of_their_turn_are_dropped(address: tuple[str, int]) -> None:
    with client(address) as flood:
        flood.send((HEAD + b"\r\n") * 5000)
        assert flood.is_dropped()


@pytest.mark.parametrize("pieces", [1, 40])
def test_a_head_that_does_not_end_is_refused(address: tuple[str, int], pieces: int) -> None:
    with client(address) as endless:
        endless.send(HEAD + b"X-Long: ", *[b"x" * (2 * MOST_HEAD // pieces)] * pieces)
        status, problem = endless.answer()
        assert (status, problem["type"]) == (431, "urn:crosscheck:problem:head-too-large")


def test_a_head_of_many_fields_that_does_not_end_is_refused(address: tuple[str, int]) -> None:
    with client(address) as endless:
        endless.send(HEAD, b"X-Field: x\r\n" * (MOST_HEAD // 10))
        assert endless.answer()[0] == 431


def test_a_head_that_is_too_long_as_a_whole_is_refused(address: tuple[str, int]) -> None:
    with client(address) as long:
        long.send(b"GET /" + b"x" * MOST_HEAD + b" HTTP/1.1\r\nHost: node\r\n\r\n")
        assert long.answer()[0] == 431


def test_who_looks_with_an_old_version_and_without_a_host_is_answered(address: tuple[str, int]) -> None:
    """As proxies do who look whether somebody is there."""
    with client(address) as old:
        old.send(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert old.answer()[0] == 200
        assert old.ends()


def test_blanks_around_a_value_are_not_of_it(address: tuple[str, int]) -> None:
    with client(address) as one:
        one.send(b"POST / HTTP/1.1\r\nHost: \tnode \r\nContent-Length: 1 \t\r\n\r\nx")
        assert one.answer()[1]["fields"] == {"host": "node", "content-length": "1"}


def test_what_a_trailer_says_is_passed_over(address: tuple[str, int]) -> None:
    with client(address) as one:
        trailer = b"Content-Type: text/plain\r\nAuthorization: Bearer x\r\n"
        one.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"0\r\n" + trailer + b"\r\n")
        status, arrived = one.answer()
        assert (status, arrived["body"]) == (200, "x")
        assert arrived["fields"] == {"host": "node", "transfer-encoding": "chunked"}


def test_a_trailer_that_does_not_end_is_dropped(address: tuple[str, int]) -> None:
    with client(address) as endless:
        with suppress(ConnectionError):
            endless.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ", *[b"x" * 2**20] * 20)
        assert endless.is_dropped()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: node\r\nHost: other\r\n\r\n",
        b"GET http://other/ HTTP/1.1\r\nHost: node\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: node\r\n\r\n",
        b"CONNECT other:443 HTTP/1.1\r\nHost: node\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : node\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: node\r\nHost: node\r\n\r\n",
        b"GET / HTTP/0.9\r\nHost: node\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: node\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: node\r\nX: a\0b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: node\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
    ],
    ids=lambda head: head.split(b"\r\n")[0].decode("latin-1")[:24] + str(len(head)),
)
def test_what_can_be_read_in_two_ways_or_is_no_request_is_refused(address: tuple[str, int], head: bytes) -> None:
    with client(address) as odd:
        odd.send(head)
        assert odd.answer()[0] == 400
        assert odd.is_dropped()


def test_who_offers_another_protocol_is_answered_in_this_one(address: tuple[str, int]) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    with client(address) as modern:
        modern.send(HEAD + offer + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nfir", b"st\r\n0\r\n\r\n")
        assert modern.answer()[1]["body"] == "first"
        for body in (b"second", b""):
            modern.send(HEAD + offer + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            status, arrived = modern.answer()
            assert (status, arrived["body"]) == (200, body.decode())
        modern.send(2 * (HEAD + offer + b"Content-Length: 1\r\n\r\nx"))
        assert [modern.answer()[1]["body"] for _ in range(2)] == ["x", "x"]


@pytest.mark.parametrize(
    "offer",
    [
        b"HTTP/1.1\r\nHost: node\r\nConnection: close, upgrade\r\nUpgrade: h2c",
        b"HTTP/1.1\r\nHost: node\r\nConnection: close\r\nConnection: upgrade\r\nUpgrade: h2c",
        b"HTTP/1.0\r\nHost: node\r\nConnection: upgrade\r\nUpgrade: h2c",
    ],
)
@pytest.mark.parametrize("body", [b"", b"first"])
def test_who_offers_another_protocol_and_wants_one_answer_gets_it(
    address: tuple[str, int], offer: bytes, body: bytes
) -> None:
    with client(address) as modern:
        modern.send(b"POST / %s\r\nContent-Length: %d\r\n\r\n%s" % (offer, len(body), body))
        assert modern.answer()[1]["body"] == body.decode()
        assert modern.ends()


def test_what_is_wrong_behind_a_request_that_is_at_work_gets_no_answer_in_its_place(address: tuple[str, int]) -> None:
    with client(address) as hasty:
        hasty.send(HEAD.replace(b"/here", b"/until-gone") + b"\r\n", b"bad\r\n\r\n")
        assert hasty.is_dropped()
        assert hasty.said_nothing()


def test_a_body_that_cannot_be_read_is_told_so(address: tuple[str, int]) -> None:
    with client(address) as odd:
        odd.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"no number\r\n")
        assert odd.answer()[0] == 400


def test_whoever_is_at_work_learns_that_the_client_has_gone_also_if_more_was_asked_for(
    address: tuple[str, int],
) -> None:
    for more in range(3):
        GONE.clear()
        with client(address) as leaving:
            leaving.send(HEAD.replace(b"/here", b"/until-gone") + b"\r\n" + more * (HEAD + b"\r\n"))
            time.sleep(0.2)
            assert not GONE.is_set()
        assert GONE.wait(PATIENCE)


def test_over_the_cap_connections_are_told_so_and_over_twice_the_cap_dropped(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections.BoundedConnection, "most", 1)
    with client(address) as first, client(address) as second:
        first.send(HEAD + b"\r\n")
        assert first.answer()[0] == 200
        second.send(HEAD + b"\r\n")
        status, problem = second.answer()
        assert (status, problem["type"]) == (503, "urn:crosscheck:problem:overloaded")
        assert second.is_dropped()
        with client(address) as again, client(address) as third:
            third.send(HEAD + b"\r\n")
            assert third.is_dropped()
            again.send(HEAD + b"\r\n")
            assert again.answer()[0] == 503
