"""Canonical JSON, keys and thresholds: how messages of a feed are signed, and what makes a signature count.

The notions are those of The Update Framework (TUF): roles, key ids, thresholds, `signed` beside `signatures`. Its
library is not used. It knows files that are named by their newest version; a feed is a chain of numbered pages, each
for one receiver, and of the library only the root would fit, with four roles that must be there and two of them empty.
What is left of it is the arithmetic of thresholds below.

1. A message has one form in bytes: the JSON of RFC 8785, of which only objects with ASCII names, arrays, strings,
   integers, booleans and null are used. Any other form of the same message is refused.
2. What is signed is the canonical form of `signed`, after a prefix that no other use of the keys has.
3. The id of a key is the SHA-256 of its canonical description: no two keys share one, and none can be renamed.
4. A signature of a key without a say, or a wrong one, refuses the whole message, even if enough others are right: in a
   message that is trusted nothing is there that nobody vouches for.
5. Each key counts once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from watchlists.feed.errors import FeedBadSignature, FeedTooFewSignatures

_PREFIX: Final = b"crosscheck feed 1\x00"


class Signer(Protocol):
    """Signs for one key. A security module can stand behind it: the key itself is never asked for."""

    @property
    def public(self) -> str:
        """The Ed25519 public key: 32 bytes in lower-case hexadecimal."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature (RFC 8032, 64 bytes)."""
        ...


class LocalSigner:
    """An Ed25519 key in the memory of this process."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def canonical(value: Any) -> bytes:
    """Return the canonical form of a JSON value without floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def key_id(public: str) -> str:
    """Return the id of a public key: SHA-256 in hexadecimal."""
    return sha256(canonical({"keytype": "ed25519", "public": public})).hexdigest()


def sign(signed: Any, signers: Iterable[Signer]) -> list[dict[str, str]]:
    """Return the signatures of a message, by key id."""
    message = _PREFIX + canonical(signed)
    by_id = {key_id(signer.public): signer for signer in signers}
    return [{"keyid": keyid, "sig": by_id[keyid].sign(message).hex()} for keyid in sorted(by_id)]


def valid_signers(signed: Any, signatures: Mapping[str, str], keys: Mapping[str, str]) -> frozenset[str]:
    """Return the ids of the keys that signed.

    Args:
        signed: what is signed, as a JSON value.
        signatures: in hexadecimal, by key id.
        keys: public keys in hexadecimal that have a say, by key id.

    Raises:
        FeedBadSignature: one is wrong, or of another key.
    """
    message = _PREFIX + canonical(signed)
    for keyid, signature in signatures.items():
        if keyid not in keys:
            raise FeedBadSignature(f"key {keyid[:16]} has no say in this message")
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys[keyid])).verify(bytes.fromhex(signature), message)
        except (InvalidSignature, ValueError):
            raise FeedBadSignature(f"the signature of key {keyid[:16]} is wrong") from None
    return frozenset(signatures)


def require_threshold(signed_by: frozenset[str], keyids: Collection[str], threshold: int) -> None:
    """Check that enough of the keys of a role have signed.

    Raises:
        FeedTooFewSignatures: they are fewer than the threshold.
    """
    count = len(signed_by & frozenset(keyids))
    if count < threshold:
        raise FeedTooFewSignatures(f"{count} of the role's keys have signed, {threshold} must")
