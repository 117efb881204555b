"""The payload of an event: who and what, as one text that the log commits to and that can be deleted all the same.

The text is canonical JSON that begins with 32 random bytes, filled up with blanks to one of few sizes. The log holds
its SHA-256. As long as the text is there, it is proved word for word; once it is gone, nobody can find it again by
guessing, for nobody guesses the random bytes, and nobody can put another one in its place.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from service.audit.events import Event
from watchlists.feed.signing import canonical

STEP: Final = 256
"""Bytes: payloads are multiples of that, so that their sizes tell little."""
_SALT_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class Payload:
    """What an event says. `at` is by the clock of whoever did it; the log's own time may be a little later."""

    actor: str
    at: datetime
    details: Mapping[str, Any]


def packed(event: Event) -> bytes:
    """Return the text of an event's payload; it is different each time."""
    salt = secrets.token_hex(_SALT_SIZE)
    at = event.at.isoformat()
    plain = canonical({"_": salt, "actor": event.actor, "at": at, "details": dict(event.details)})
    return plain.ljust(-(-len(plain) // STEP) * STEP)


def unpacked(text: bytes) -> Payload:
    """Read what `packed` gave.

    Raises:
        ValueError: it is no payload.
    """
    try:
        content = json.loads(text)
        return Payload(content["actor"], datetime.fromisoformat(content["at"]), content["details"])
    except (KeyError, TypeError):
        raise ValueError("a payload lacks a part") from None


def commitment_to(text: bytes) -> bytes:
    """Return what the log holds of a payload."""
    return sha256(text).digest()
