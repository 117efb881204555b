"""The simulated partner behind a real HTTP server, which can be made to answer anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.watchlists.feed.simulator import PartnerSimulator

TOKEN = "xck_of-xa-at-xb"

Answer = bytes | int | Callable[[BaseHTTPRequestHandler], None] | None
"""A message, a status without one, whatever a function sends, or 204."""


@dataclass
class FeedServer:
    """Serves a partner's feed. `timestamp` and `page` can be replaced by what a bad partner would answer."""

    partner: PartnerSimulator
    url: str = ""
    asked: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    signed: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.be_honest()

    def be_honest(self) -> None:
        partner = self.partner
        self.root: Callable[[int], Answer] = lambda version: _at(partner.root_messages, version - 1)
        self.timestamp: Callable[[], Answer] = partner.timestamp
        self.page: Callable[[int], Answer] = lambda number: (
            partner.page(number) if number <= len(partner.pages) else None
        )

    def _page(self, number: int) -> bytes | None:
        return self.partner.page(number) if number <= len(self.partner.pages) else None

    def answer(self, target: str) -> Answer:
        parts = urlsplit(target)
        last = parts.path.removeprefix(f"/v1/watchlists/{self.partner.feed.watchlist}/changes")
        if not last:
            return self.page(int(parse_qs(parts.query)["after"][0]) + 1)
        return self.timestamp() if last == "/timestamp" else self.root(int(last.removeprefix("/roots/")))


def _at(messages: list[bytes], position: int) -> bytes | None:
    return messages[position] if position < len(messages) else None


@contextmanager
def serving(partner: PartnerSimulator) -> Iterator[FeedServer]:
    """Serve a partner's feed on a port of its own for the length of the block."""
    served = FeedServer(partner)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.asked.append(self.path)
            served.tokens.add(self.headers["Authorization"])
            served.signed.append(self.headers["Signature-Input"] is not None)
            answer = served.answer(self.path)
            if callable(answer):
                answer(self)
                return
            message = answer if isinstance(answer, bytes) else b""
            self.send_response(answer if isinstance(answer, int) else 200 if isinstance(answer, bytes) else 204)
            self.send_header("Content-Length", str(len(message)))
            self.end_headers()
            self.wfile.write(message)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
