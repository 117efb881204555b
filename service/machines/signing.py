"""The other side: what a machine does to sign a request."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Generator, Mapping
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.machines.arrived import Arrived
from service.machines.digests import content_digest
from service.machines.keys import PublicKey
from service.machines.signatures import ALWAYS, TAG, WITH_BODY, input_of, signature_base


class RequestSigner:
    """Signs requests with one key. Thread-safe."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey.of(key.public_key())

    def headers(self, method: str, url: str, fields: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Return the header fields that are to be added to a request.

        Args:
            method: in upper case.
            url: as it is sent.
            fields: Content-Type, if there is a body; and Host if it is not that of `url`.
            body: all of it.
        """
        added = {"content-digest": content_digest(body)} if body else {}
        return added | self.signature(method, url, {**fields, **added})

    def signature(self, method: str, url: str, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the header fields that sign a request, which has a body if `fields` have its Content-Digest."""
        parts = urlsplit(url)
        all_fields = {"host": parts.netloc} | {name.lower(): value for name, value in fields.items()}
        arrived = Arrived(method, parts.path, parts.query, all_fields, peer="")
        covered = (*ALWAYS, *(WITH_BODY if "content-digest" in all_fields else ()))
        components: list[tuple[str, dict[str, str]]] = [(name, {}) for name in covered]
        parameters = {
            "created": int(time.time()),
            "keyid": self.public.keyid,
            "nonce": secrets.token_urlsafe(16),
            "tag": TAG,
        }
        signature = self._key.sign(signature_base(arrived, components, parameters))
        return {
            "signature-input": f"sig={input_of(components, parameters)}",
            "signature": f"sig=:{base64.b64encode(signature).decode()}:",
        }


class SignedBy(httpx2.Auth):
    """Signs what an httpx2 client sends."""

    requires_request_body = True

    def __init__(self, signer: RequestSigner) -> None:
        self._signer = signer

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        fields = {name: request.headers[name] for name in ("host", "content-type") if name in request.headers}
        request.headers.update(self._signer.headers(request.method, str(request.url), fields, request.content))
        yield request
