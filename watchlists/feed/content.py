"""An entry on its way: packed whole, and sealed to the receiving partner with HPKE.

RFC 9180 in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305. Who sealed it, the signature
of the page says. What it belongs to goes in as `info`, which the key depends on: for a single message that binds as
associated data does (RFC 9180, 8.1). So a content opens as that entry of that list of that owner, under that number,
for that receiver, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import AwareDatetime

from models.errors import CrosscheckError
from watchlists.feed.errors import FeedContentUnreadable
from watchlists.feed.messages import FeedId, Part
from watchlists.records import Entry, Templates, VisibilityClass
from watchlists.sealing import binding
from watchlists.store.conditions import pack_conditions, unpack_conditions
from watchlists.templates import Details, pack_details, pack_templates, unpack_details, unpack_templates

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class EntryCopy:
    """An entry as it travels.

    Args:
        until: when the copy must be gone from the receiver's node, by the agreement under which it was sent; None if
            it may live as long as the entry.
    """

    entry: Entry
    templates: Templates = field(repr=False)
    until: datetime | None


class _Clear(Part):
    """What rules and clean-up read. Owner and watchlist are those of the feed, which the seal is tied to."""

    category: str
    action: str
    handling: tuple[str, ...]
    conditions: dict[str, Any]
    review_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    until: AwareDatetime | None


def receiving_key_id(key: X25519PublicKey) -> str:
    """Return the id of a receiver's key: SHA-256 of its 32 bytes, in hexadecimal."""
    return sha256(key.public_bytes_raw()).hexdigest()


def seal_copy(copy: EntryCopy, feed: FeedId, sequence: int, to: X25519PublicKey) -> bytes:
    """Return the copy sealed to its receiver; every time different."""
    return _SUITE.encrypt(_pack(copy), to, _bound(feed, copy.entry.id, sequence))


def open_copy(sealed: bytes, feed: FeedId, entry: str, sequence: int, key: X25519PrivateKey) -> EntryCopy:
    """Open a copy.

    Raises:
        FeedContentUnreadable: it was sealed for another place or key, or is no entry.
    """
    try:
        packed = _SUITE.decrypt(sealed, key, _bound(feed, entry, sequence))
    except InvalidTag:
        raise FeedContentUnreadable(f"the content of change {sequence} was sealed for another place or key") from None
    try:
        return _unpack(packed, feed, entry)
    except (ValueError, KeyError, TypeError, AttributeError, CrosscheckError) as error:
        reason = type(error).__name__
        raise FeedContentUnreadable(f"the content of change {sequence} is no entry: {reason}") from None


def _bound(feed: FeedId, entry: str, sequence: int) -> bytes:
    return binding("feed entry", feed.owner, feed.watchlist, entry, str(sequence), feed.receiver)


def _pack(copy: EntryCopy) -> bytes:
    entry, klass = copy.entry, copy.entry.klass
    clear = _Clear(
        category=klass.category,
        action=klass.action,
        handling=klass.handling,
        conditions=pack_conditions(klass.conditions),
        review_at=entry.review_at,
        expires_at=entry.expires_at,
        until=copy.until,
    )
    details = pack_details(Details(entry.subject, entry.links, entry.misused_identity))
    parts = (clear.model_dump_json().encode(), details, pack_templates(copy.templates))
    return b"".join(len(part).to_bytes(_LENGTH, "little") + part for part in parts)


def _unpack(packed: bytes, feed: FeedId, entry: str) -> EntryCopy:
    clear_part, details_part, templates_part = _split(packed)
    clear, details = _Clear.model_validate_json(clear_part), unpack_details(details_part)
    conditions = unpack_conditions(clear.conditions)
    if pack_conditions(conditions) != clear.conditions:
        raise ValueError("conditions that this version does not know")
    klass = VisibilityClass(feed.owner, feed.watchlist, clear.category, clear.action, clear.handling, conditions)
    dates = (clear.review_at, clear.expires_at)
    found = Entry(entry, klass, details.subject, *dates, details.links, details.misused_identity)
    return EntryCopy(found, _comparable(unpack_templates(templates_part)), clear.until)


def _comparable(templates: Templates) -> Templates:
    # A longer vector would be like everybody, and make the gallery look at every face twice.
    if not all(face.has_unit_length for face in templates.faces):
        raise ValueError("a face whose vector is not of length 1")
    return templates


def _split(packed: bytes) -> tuple[bytes, bytes, bytes]:
    parts = []
    position = 0
    while position < len(packed):
        start = position + _LENGTH
        position = start + int.from_bytes(packed[position:start], "little")
        parts.append(packed[start:position])
    if position != len(packed) or len(parts) != 3:
        raise ValueError("the parts of an entry do not fit")
    return parts[0], parts[1], parts[2]
