"""What receivers know us by: secrets of an endpoint, and signatures by Standard Webhooks 1.0.0 ("Signature scheme").

https://www.standardwebhooks.com. HMAC-SHA256 is what every receiver's library verifies; with Ed25519 the receiver holds
nothing that could sign, and nothing secret has to be brought to it.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_HMAC_KEY_SIZE: Final = 32


class Scheme(StrEnum):
    """How a signature is made, by the word that it begins with."""

    HMAC = "v1"
    ED25519 = "v1a"


class WebhookSecret(Protocol):
    """Signs for one endpoint."""

    @property
    def scheme(self) -> Scheme: ...

    def raw(self) -> bytes:
        """Return what is sealed."""
        ...

    def for_receiver(self) -> str:
        """Return what the receiver verifies with, in the form of the specification. With HMAC that is secret."""
        ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class HmacSecret:
    """A secret that both sides know."""

    key: bytes = field(repr=False)
    scheme = Scheme.HMAC

    @classmethod
    def make(cls) -> HmacSecret:
        return cls(secrets.token_bytes(_HMAC_KEY_SIZE))

    def raw(self) -> bytes:
        return self.key

    def for_receiver(self) -> str:
        return "whsec_" + _text(self.key)

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self.key, message, "sha256")


@dataclass(frozen=True, slots=True)
class Ed25519Secret:
    """A key of which the receiver has the public half alone."""

    key: Ed25519PrivateKey = field(repr=False)
    scheme = Scheme.ED25519

    @classmethod
    def make(cls) -> Ed25519Secret:
        return cls(Ed25519PrivateKey.generate())

    def raw(self) -> bytes:
        return self.key.private_bytes_raw()

    def for_receiver(self) -> str:
        return "whpk_" + _text(self.key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


def new_secret(scheme: Scheme) -> WebhookSecret:
    """Make a secret."""
    return HmacSecret.make() if scheme is Scheme.HMAC else Ed25519Secret.make()


def read_secret(scheme: Scheme, raw: bytes) -> WebhookSecret:
    """Return the secret that `raw` was given by."""
    return HmacSecret(raw) if scheme is Scheme.HMAC else Ed25519Secret(Ed25519PrivateKey.from_private_bytes(raw))


def signed_headers(message_id: str, at: datetime, body: bytes, keys: Iterable[WebhookSecret]) -> dict[str, str]:
    """Return the headers of one try, with a signature for each secret that is in force.

    Args:
        message_id: the same at each try; without a full stop, which separates what is signed.
        at: of this try; aware.
        body: exactly as it is sent.
        keys: several while one replaces another, so that the receiver can change over when it likes.
    """
    seconds = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), seconds.encode(), body))
    signatures = [f"{key.scheme},{_text(key.sign(signed))}" for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": " ".join(signatures)}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
