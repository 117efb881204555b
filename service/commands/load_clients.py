"""Terminals that put load on a service: as many at once as answer, or as many a second as are asked for.

Bodies are made of prepared pieces, which are hashed once and sent one after the other, and connections are kept: so the
clients need little of the machine that they share.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import uuid4

from service.machines.digests import field_of
from service.machines.signing import RequestSigner

PATH = "/v1/match"
TIMEOUT = 30.0
NO_ANSWER = 0
"""Status of a request that was not answered with one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: how long it took, its status, and whether it said when to retry."""

    seconds: float
    status: int
    retry_after: bool


class _Probe:
    """The first part of a body, with the image, and what SHA-256 makes of that."""

    def __init__(self, image: bytes) -> None:
        self._first = b'{"face":{"image":"%s"},' % base64.b64encode(image)
        self._hashed = sha256(self._first)

    def body(self) -> tuple[tuple[bytes, bytes], bytes]:
        """Return the parts of a body of a new check, and its digest."""
        rest = (
            f'"check_id":"{uuid4()}","purpose":"border-check","checkpoint":"BENCH",'
            f'"captured_at":"{datetime.now(UTC).isoformat()}"}}'
        ).encode()
        hashed = self._hashed.copy()
        hashed.update(rest)
        return (self._first, rest), hashed.digest()


class LoadClients:
    """Terminals that check the people of `portraits` in turn."""

    def __init__(self, url: str, portraits: Sequence[bytes], signer: RequestSigner) -> None:
        self._url = url
        self._place = urlsplit(url).netloc
        self._signer = signer
        self._probes = itertools.cycle([_Probe(image) for image in portraits])
        self._local = threading.local()

    def check(self) -> Outcome:
        """Send one check on the connection of this thread."""
        parts, digest = next(self._probes).body()
        begun = time.perf_counter()
        status, retry_after = self._send(parts, digest)
        return Outcome(time.perf_counter() - begun, status, retry_after)

    def at_once(self, clients: int, seconds: float) -> list[Outcome]:
        """Keep so many checks under way for so long; each client sends its next when it has its answer."""
        until = time.perf_counter() + seconds

        def run(_number: int) -> list[Outcome]:
            outcomes = []
            while time.perf_counter() < until:
                outcomes.append(self.check())
            return outcomes

        with ThreadPoolExecutor(clients) as threads:
            return list(itertools.chain.from_iterable(threads.map(run, range(clients))))

    def at_rate(self, per_second: float, seconds: float, clients: int) -> list[Outcome]:
        """Send so many checks a second for so long, whether or not earlier ones are answered; `clients` at most."""
        begun = time.perf_counter()
        with ThreadPoolExecutor(clients) as threads:
            sent = []
            for number in range(round(per_second * seconds)):
                time.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
                sent.append(threads.submit(self.check))
            return [each.result() for each in sent]

    def _headers(self, digest: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Content-Digest": field_of(digest)}
        return headers | self._signer.signature("POST", self._url + PATH, headers)

    def _send(self, parts: tuple[bytes, ...], digest: bytes) -> tuple[int, bool]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection(self._place, timeout=TIMEOUT)
        kept = connection.sock is not None
        headers = self._headers(digest) | {"Content-Length": str(sum(map(len, parts)))}
        try:
            connection.request("POST", PATH, parts, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            # A connection that was kept may be closed just as it is used again: RFC 9112, section 9.3.1.
            if kept and isinstance(error, ConnectionError):
                return self._send(parts, digest)
            return NO_ANSWER, False
        return answer.status, answer.headers.get("Retry-After") is not None
