"""Brings one message to its receiver over HTTP, and believes nothing that comes back but the status.

The receiver may be hostile or broken: no redirect is followed, no proxy asked, no cookie kept, not one byte of the body
read; the whole exchange is broken off after a time. The connection goes to an address that was permitted, and the
certificate has to be that of the host's name.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Protocol

import httpx2

from models.errors import CrosscheckError
from service.deadline import Deadline
from service.trust import trusting
from service.webhooks.address import Address, AddressPolicy, permitted, require_url
from service.webhooks.errors import WebhookCertificateUnusable

TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)
"""Seconds for a connection, and for each pause within an answer."""
LONGEST: Final = 15.0
_FIXED: Final = {"content-type": "application/json", "user-agent": "crosscheck", "accept-encoding": "identity"}

Resolve = Callable[[str, int], Sequence[Address]]


class Outcome(StrEnum):
    """What became of one try."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """Answered with a status other than 2xx."""
    REDIRECTED = "redirected"
    GONE = "gone"
    """The receiver wants nothing any more (410)."""
    TOO_SLOW = "too-slow"
    UNREACHABLE = "unreachable"
    NOT_TRUSTED = "not-trusted"
    """TLS: the certificate is not that of the host, or nobody known has signed it."""
    ADDRESS_REFUSED = "address-refused"
    """The address leads where none may lead."""
    NOT_SIGNED = "not-signed"
    """The secret of the endpoint does not open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one try.

    Args:
        outcome: whether it arrived.
        status: of HTTP, if there was an answer.
        asked: how long the receiver wants to be left alone.
    """

    outcome: Outcome
    status: int | None = None
    asked: timedelta | None = None


class Transport(Protocol):
    """Brings messages to receivers."""

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one message; whatever comes of it is an answer."""
        ...


class HttpTransport:
    """Sends over HTTP. Thread-safe: each message has a connection of its own.

    Args:
        policy: where messages may go.
        context: whose certificates are trusted.
        resolve: asks the name server.
        longest: seconds that one whole exchange may take.
    """

    def __init__(
        self, policy: AddressPolicy, context: ssl.SSLContext, resolve: Resolve | None = None, longest: float = LONGEST
    ) -> None:
        self._policy = policy
        self._context = context
        self._resolve = resolve or addresses_of
        self._longest = longest

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one message; whatever comes of it is an answer."""
        try:
            parsed = require_url(url, self._policy)
            addresses = permitted(parsed, self._resolve(parsed.host, _port(parsed)), self._policy)
        except CrosscheckError:
            return Answer(Outcome.ADDRESS_REFUSED)
        except OSError:
            return Answer(Outcome.UNREACHABLE)
        deadline = Deadline(self._longest)
        for address in addresses:
            try:
                return self._exchange(parsed, address, headers, body, deadline)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                if _is_distrust(error):
                    return Answer(Outcome.NOT_TRUSTED)  # else nothing was sent: the next address may do
            except httpx2.HTTPError as error:
                slow = deadline.is_over or isinstance(error, httpx2.TimeoutException)
                return Answer(Outcome.TOO_SLOW if slow else Outcome.UNREACHABLE)
        return Answer(Outcome.UNREACHABLE)

    def _exchange(
        self, url: httpx2.URL, address: Address, headers: Mapping[str, str], body: bytes, deadline: Deadline
    ) -> Answer:
        extensions: dict[str, Any] = {"trace": deadline.notice, "sni_hostname": url.host}
        fixed = {**_FIXED, "host": url.netloc.decode("ascii"), **headers}
        target = url.copy_with(host=str(address))
        with (
            httpx2.Client(timeout=TIMEOUT, verify=self._context, follow_redirects=False, trust_env=False) as client,
            deadline.running(),
            client.stream("POST", target, headers=fixed, content=body, extensions=extensions) as response,
        ):
            return _answer(response)


def tls(authorities: Path | None) -> ssl.SSLContext:
    """Return how receivers are known.

    Args:
        authorities: certificates of those that sign for receivers (PEM); None for those of the system.

    Raises:
        WebhookCertificateUnusable: the file cannot be read as such.
    """
    try:
        return trusting(authorities)
    except OSError as error:
        raise WebhookCertificateUnusable(f"a certificate cannot be read: {type(error).__name__}") from None


def addresses_of(host: str, port: int) -> Sequence[Address]:
    """Ask the name server where a host is.

    Raises:
        OSError: it does not say.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def _answer(response: httpx2.Response) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        return Answer(Outcome.DELIVERED, status)
    if status == 410:
        return Answer(Outcome.GONE, status)
    if 300 <= status < 400:
        return Answer(Outcome.REDIRECTED, status)
    seconds = response.headers.get("retry-after", "")
    asked = timedelta(seconds=int(seconds)) if seconds.isdecimal() and len(seconds) <= 6 else None
    return Answer(Outcome.REFUSED, status, asked)


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _is_distrust(error: BaseException) -> bool:
    """Whether the other side, rather than the way to it, was at fault: a certificate that is not believed."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return True
        found = found.__cause__ or found.__context__
    return False
