"""One generation of the key of one owner, and what is done with it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from watchlists.errors import SealBroken
from watchlists.sealing import KEY_SIZE, RootKey, binding, new_key, open_seal, seal, sealed_size

_ENVELOPE = b"\x02"
"""First byte of a value: a data key of its own, wrapped; then the value, sealed under that."""
_WRAPPED = sealed_size(KEY_SIZE)
_FINGERPRINT_SIZE = 16
_DIGEST_KEY = b"seal digest key"


@dataclass(frozen=True, slots=True)
class OwnerKeyRow:
    """A row of `owner_keys`: one generation of the key of one owner, wrapped."""

    owner: str
    generation: int
    wrapped_key: bytes = field(repr=False)
    sealed_digest_key: bytes | None = field(repr=False)
    fingerprint: bytes | None
    made_at: datetime


class OwnerKey:
    """One generation of the key of one owner. For each use there is a key of its own, derived with HKDF (RFC 5869).

    Args:
        owner: whose.
        generation: from 1; each rotation makes the next.
        key: 32 bytes.
        digest_key: what digests are keyed with. It is derived from the first generation and carried over from one to
            the next, so that digests stay what they are; None in the first.
    """

    def __init__(self, owner: str, generation: int, key: bytes, digest_key: bytes | None = None) -> None:
        self.owner = owner
        self.generation = generation
        self._key = key
        self._digest_key = digest_key or self._derive(b"digest content")

    @classmethod
    def from_row(cls, root: RootKey, row: OwnerKeyRow) -> OwnerKey:
        """Unwrap a row of `owner_keys`.

        Raises:
            SealBroken: it was changed or moved, or wrapped by another root key.
        """
        key = root.unwrap(row.wrapped_key, _wrapped_bound(row.owner, row.generation))
        digest_key = None
        if row.sealed_digest_key is not None:
            digest_key = open_seal(_derived(key, _DIGEST_KEY), row.sealed_digest_key, _digest_bound(row.owner))
        return cls(row.owner, row.generation, key, digest_key)

    def successor(self) -> OwnerKey:
        """Return a new key for the next generation, with the digest key of this one."""
        return OwnerKey(self.owner, self.generation + 1, new_key(), self._digest_key)

    def row(self, root: RootKey, made_at: datetime) -> OwnerKeyRow:
        """Return the row to store, wrapped by the root key."""
        return OwnerKeyRow(
            self.owner,
            self.generation,
            wrapped_key=root.wrap(self._key, _wrapped_bound(self.owner, self.generation)),
            sealed_digest_key=seal(self._derive(_DIGEST_KEY), self._digest_key, _digest_bound(self.owner)),
            fingerprint=self.fingerprint,
            made_at=made_at,
        )

    @cached_property
    def fingerprint(self) -> bytes:
        """16 bytes that no other key has, and that tell nothing of this one."""
        return self._derive(b"fingerprint")[:_FINGERPRINT_SIZE]

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        """Seal the data key of an entry."""
        return seal(self._wrapping, data_key, bound)

    def unwrap(self, wrapped_key: bytes, bound: bytes) -> bytes:
        """Open the data key of an entry.

        Raises:
            SealBroken: it is not the one of that entry, or not under this key.
        """
        return open_seal(self._wrapping, wrapped_key, bound)

    def digest(self, purpose: str, data: bytes) -> bytes:
        """Return 32 bytes that tell whether `data` is the same again, and tell nothing to whom the key is unknown."""
        return hmac.digest(self._digest_key, binding(purpose) + data, "sha256")

    def seal(self, purpose: str, plaintext: bytes, *parts: str) -> bytes:
        """Seal a value of the service for this owner under a data key of its own, tied to its purpose and `parts`."""
        data_key = new_key()
        return _ENVELOPE + self._wrap_value_key(data_key) + seal(data_key, plaintext, self._bound(purpose, parts))

    def open(self, purpose: str, sealed: bytes, *parts: str) -> bytes:
        """Open a value that `seal` gave.

        Raises:
            SealBroken: it is not that value, or not of that owner, purpose and parts.
        """
        bound = self._bound(purpose, parts)
        if sealed[:1] != _ENVELOPE:  # as values were sealed before they had data keys
            return open_seal(self._sealing, sealed, bound)
        return open_seal(self.value_key(sealed), _payload(sealed), bound)

    def can_open(self, sealed: bytes) -> bool:
        """Whether the data key of a value opens; of a value from before there were such, that cannot be told: True."""
        if sealed[:1] != _ENVELOPE:
            return True
        try:
            self.value_key(sealed)
        except SealBroken:
            return False
        return True

    def reseal(self, sealed: bytes, old: OwnerKey) -> bytes:
        """Return a value that `old` had sealed as one under this key, without opening what is in it.

        Raises:
            SealBroken: its data key does not open, or it has none.
        """
        return _ENVELOPE + self._wrap_value_key(old.value_key(sealed)) + _payload(sealed)

    def value_key(self, sealed: bytes) -> bytes:
        """Return the data key of a value.

        Raises:
            SealBroken: it does not open, or there is none.
        """
        return open_seal(self._sealing, sealed[1 : 1 + _WRAPPED], self._value_bound())

    def _wrap_value_key(self, data_key: bytes) -> bytes:
        return seal(self._sealing, data_key, self._value_bound())

    @cached_property
    def _wrapping(self) -> AESGCM:
        return AESGCM(self._derive(b"wrap data keys"))

    @cached_property
    def _sealing(self) -> bytes:
        return self._derive(b"seal values")

    def _derive(self, use: bytes) -> bytes:
        return _derived(self._key, use)

    def _bound(self, purpose: str, parts: tuple[str, ...]) -> bytes:
        return binding("value", self.owner, purpose, *parts)

    def _value_bound(self) -> bytes:
        return binding("value key", self.owner)


def _derived(key: bytes, use: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), KEY_SIZE, b"crosscheck " + use).derive(key)


def _payload(sealed: bytes) -> bytes:
    return sealed[1 + _WRAPPED :]


def _wrapped_bound(owner: str, generation: int) -> bytes:
    return binding("owner key", owner, str(generation))


def _digest_bound(owner: str) -> bytes:
    return binding("digest key", owner)
