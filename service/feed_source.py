"""Fetches the messages of a feed from its owner's node over HTTP. Nothing that comes is believed here.

The other node may be hostile or broken: bodies are read up to the cap of their kind and no further, and for so long;
there is no redirect to follow, no compression to blow up, no cookie to keep.
"""

from __future__ import annotations

import ssl
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import httpx2

from models.errors import CrosscheckError
from service.deadline import Deadline
from service.machines.errors import KeyUnusable
from service.machines.keys import read_key_file
from service.machines.signing import RequestSigner, SignedBy
from service.trust import trusting
from watchlists.exchange import Subscription
from watchlists.exchange.errors import FeedUnreachable
from watchlists.feed import FeedId
from watchlists.feed.errors import FeedOversize
from watchlists.feed.messages import PAGE_CAP, ROOT_CAP, TIMESTAMP_CAP

TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)
"""Seconds for a connection, and for each pause within an answer."""
LONGEST: Final = 60.0
"""Seconds that one whole exchange may take, from the connection to the last byte of the answer."""


class FeedUrlInvalid(CrosscheckError):
    slug = "feed-url-invalid"
    hint = "Give the address of the other node as https://host or https://host:port; http is for this machine alone."


def require_url(url: str) -> str:
    """Return the address of a node, without a slash at its end.

    Raises:
        FeedUrlInvalid: it is none, or would send the token in clear.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise FeedUrlInvalid("this is no address") from None
    if parsed.userinfo or parsed.query or parsed.fragment or not parsed.host:
        raise FeedUrlInvalid("the address has to be that of a node, and no more")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and _is_this_machine(parsed.host)):
        raise FeedUrlInvalid("the token would go over the network in clear")
    return url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tls(authorities: Path | None, certificate: Path | None) -> ssl.SSLContext:
    """Return how other nodes are known, and how this one makes itself known to a proxy that asks for a certificate.

    Args:
        authorities: certificates of those that sign for other nodes (PEM); None for those of the system.
        certificate: of this node, with its key (PEM); None if there is none.

    Raises:
        FeedCertificateUnusable: a file cannot be read as such.
    """
    try:
        if certificate is None:
            return trusting(authorities)
        context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
        context.load_cert_chain(certificate)
    except OSError as error:
        raise FeedCertificateUnusable(f"a certificate cannot be read: {type(error).__name__}") from None
    return context


class FeedCertificateUnusable(CrosscheckError):
    slug = "feed-certificate"
    hint = "Check the files that CROSSCHECK_FEED_AUTHORITIES and CROSSCHECK_FEED_CERTIFICATE name: PEM, readable."


class TokenFileUnusable(FeedUnreachable):
    slug = "feed-token-file"
    hint = (
        "Put the key that `crosscheck terminal key` made, or the token that the other node's operator issued, into "
        "that file, readable by this user alone (chmod 600)."
    )


class HttpSource:
    """One node, asked for one feed. Use it as a context manager, from one thread."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._deadline = Deadline(LONGEST)

    def root(self, feed: FeedId, version: int) -> bytes | None:
        return self._get(f"{_path(feed)}/roots/{version}", ROOT_CAP)

    def timestamp(self, feed: FeedId) -> bytes:
        message = self._get(f"{_path(feed)}/timestamp", TIMESTAMP_CAP)
        if message is None:
            raise FeedUnreachable("the other node has no timestamp")
        return message

    def page(self, feed: FeedId, after: int) -> bytes | None:
        return self._get(f"{_path(feed)}?after={after}", PAGE_CAP)

    def _get(self, path: str, cap: int) -> bytes | None:
        try:
            extensions = {"trace": self._deadline.notice}
            with self._deadline.running(), self._client.stream("GET", path, extensions=extensions) as response:
                if response.status_code == 204:
                    return None
                if response.status_code != 200:
                    raise FeedUnreachable(f"the other node answered {response.status_code}", hint=_hint(response))
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise FeedUnreachable("the other node answered compressed, unasked")
                return _body(response, cap)
        except httpx2.HTTPError as error:
            raise FeedUnreachable(f"no answer from {self._client.base_url} ({type(error).__name__})") from None


@contextmanager
def http_source(subscription: Subscription, context: ssl.SSLContext) -> Iterator[HttpSource]:
    """Open a connection to the node that a feed comes from.

    What this node is known by there is in the file that the subscription names: a private key, by which every request
    is signed, or a token. Without a file it is the certificate of `context` alone.

    Raises:
        TokenFileUnusable: the file holds neither, or others can read it.
    """
    identity = _identity(Path(subscription.token_file)) if subscription.token_file else None
    with httpx2.Client(
        base_url=subscription.url,
        headers={"Accept-Encoding": "identity"},
        auth=identity,
        timeout=TIMEOUT,
        verify=context,
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield HttpSource(client)


class _Bearer(httpx2.Auth):
    """Sends a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _identity(file: Path) -> httpx2.Auth:
    try:
        mode, content = file.stat().st_mode, file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenFileUnusable(f"{file} cannot be read: {type(error).__name__}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise TokenFileUnusable(f"other users can read {file}")
    if content.startswith("-----BEGIN"):
        try:
            return SignedBy(RequestSigner(read_key_file(file)))
        except KeyUnusable as error:
            raise TokenFileUnusable(error.detail) from None
    if not content or any(character.isspace() for character in content):
        raise TokenFileUnusable(f"{file} holds neither a private key nor one token")
    return _Bearer(content)


def _body(response: httpx2.Response, cap: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > cap:
            raise FeedOversize(f"a message is over the cap of {cap} bytes")
    return bytes(body)


def _path(feed: FeedId) -> str:
    return f"/v1/watchlists/{feed.watchlist}/changes"


def _hint(response: httpx2.Response) -> str | None:
    if response.status_code in {401, 403}:
        return "Ask the operator of the other node to register this node's key for this partner, with the role sync."
    if response.status_code == 404:
        return "Ask the operator of the other node to allow this feed: `crosscheck feed allow`."
    return None
