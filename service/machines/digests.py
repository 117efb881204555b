"""Digests of bodies (RFC 9530): what a signature covers of a body, which is signed before it is read."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Final

import http_sf

from service.machines.errors import DigestMalformed, DigestMismatch

ALGORITHM: Final = "sha-256"


def content_digest(body: bytes) -> str:
    """Return the Content-Digest field of a body."""
    return field_of(sha256(body).digest())


def field_of(digest: bytes) -> str:
    """Return the Content-Digest field of a body with that SHA-256."""
    return f"{ALGORITHM}=:{base64.b64encode(digest).decode()}:"


def body_digest(unverified_field: str) -> bytes:
    """Return the SHA-256 in a Content-Digest field; digests of other algorithms beside it are not looked at.

    Raises:
        DigestMalformed: there is none.
    """
    try:
        parsed = http_sf.parse(unverified_field.encode(), tltype="dictionary")
    except (http_sf.StructuredFieldError, ValueError):
        raise DigestMalformed("Content-Digest is no structured field") from None
    member = parsed.get(ALGORITHM) if isinstance(parsed, dict) else None
    if not isinstance(member, tuple) or not isinstance(member[0], bytes) or len(member[0]) != sha256().digest_size:
        raise DigestMalformed(f"Content-Digest has no {ALGORITHM}")
    return member[0]


def require_digest(body: bytes, digest: bytes) -> None:
    """Check that a body is the one that was signed.

    Raises:
        DigestMismatch: it is not.
    """
    if not hmac.compare_digest(sha256(body).digest(), digest):
        raise DigestMismatch("the body is not the one whose digest was signed")
