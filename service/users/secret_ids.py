"""What a browser holds and we do not: random ids, of which only a digest is stored.

256 random bits are not guessed, so a plain SHA-256 hides them well enough; a stolen database opens no door.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_CSRF = b"crosscheck csrf 1"


def new_secret() -> str:
    """Return 256 random bits, as text that can stand in a cookie or a link."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret (32 bytes)."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_token(secret: str) -> str:
    """Return the token that forms carry. It follows from the secret of the cookie, which no other site can read."""
    mac = hmac.digest(secret.encode(), _CSRF, "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def is_csrf_token(secret: str, unverified_token: str) -> bool:
    """Whether the token belongs to the secret; takes the same time for any token."""
    return hmac.compare_digest(csrf_token(secret).encode(), unverified_token.encode())
