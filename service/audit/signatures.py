"""What is signed of the log, and how: promises of entries, heads of the tree, and heads that partners have checked.

Ed25519 (RFC 8032). Each use has a prefix of its own, so that no signature can be taken for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.audit.leaf import moment_of, text_of
from watchlists.feed.signing import Signer, canonical, key_id

_PROMISE: Final = b"crosscheck audit promise 1\x00"
_HEAD: Final = b"crosscheck audit head 1\x00"
_WITNESS: Final = b"crosscheck audit countersignature 1\x00"

PublicKeys = Mapping[str, str]
"""Public keys of the log in hexadecimal, by key id."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The promise that an entry is in the log from now on, good before there is a head that shows it.

    It does not say where: from the distance of two entries a terminal could read that something was written in between,
    such as the flag of a silent alarm. An auditor of its partner is told by the hash of the leaf.

    Args:
        log: id of the key that signed.
        leaf: hash of the entry in the tree.
        at: of the entry.
        signature: 64 bytes.
    """

    log: str
    leaf: bytes
    at: datetime
    signature: bytes

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        at, signature = text_of(self.at), self.signature.hex()
        return {"log": self.log, "leaf": self.leaf.hex(), "at": at, "signature": signature}

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Receipt:
        """Read what `plain` gave.

        Raises:
            ValueError: it is none.
        """
        try:
            leaf, signature = bytes.fromhex(plain["leaf"]), bytes.fromhex(plain["signature"])
            return cls(str(plain["log"]), leaf, moment_of(plain["at"]), signature)
        except (KeyError, TypeError):
            raise ValueError("a receipt lacks a part") from None

    def is_signed(self, keys: PublicKeys) -> bool:
        """Whether one of those keys signed it."""
        return _is_signed(keys, self.log, self.signature, _promise(self.leaf, self.at))


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head of the tree: its root, when it had that size.

    Args:
        log: id of the key that signed.
        at: no entry of the tree is later, and none after it is earlier.
        parts: root of the tree of what concerns each partner (`service.audit.parts`); None in heads of before there
            were such trees.
    """

    log: str
    size: int
    root: bytes
    at: datetime
    signature: bytes
    parts: bytes | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return _head(self.log, self.size, self.root, self.at, self.parts) | {"signature": self.signature.hex()}

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Head:
        """Read what `plain` gave.

        Raises:
            ValueError: it is none.
        """
        try:
            root, signature = bytes.fromhex(plain["root"]), bytes.fromhex(plain["signature"])
            parts = None if plain.get("parts") is None else bytes.fromhex(plain["parts"])
            return cls(str(plain["log"]), int(plain["size"]), root, moment_of(plain["at"]), signature, parts)
        except (KeyError, TypeError):
            raise ValueError("a head lacks a part") from None

    def is_signed(self, keys: PublicKeys) -> bool:
        """Whether one of those keys signed it."""
        return _is_signed(keys, self.log, self.signature, _HEAD + self._content())

    def countersigned(self, witness: Signer) -> bytes:
        """Return the signature of a partner who has checked this head against the last one that it knew."""
        return witness.sign(_WITNESS + self._content())

    def is_countersigned(self, public: str, signature: bytes) -> bool:
        """Whether the holder of that public key has countersigned this head."""
        return _verifies(public, signature, _WITNESS + self._content())

    def _content(self) -> bytes:
        return canonical(_head(self.log, self.size, self.root, self.at, self.parts))


def promise(signer: Signer, leaf: bytes, at: datetime) -> Receipt:
    """Sign for an entry."""
    return Receipt(key_id(signer.public), leaf, at, signer.sign(_promise(leaf, at)))


def sign_head(signer: Signer, size: int, root: bytes, at: datetime, parts: bytes | None) -> Head:
    """Sign for a tree, and for the parts of it."""
    log = key_id(signer.public)
    return Head(log, size, root, at, signer.sign(_HEAD + canonical(_head(log, size, root, at, parts))), parts)


def _promise(leaf: bytes, at: datetime) -> bytes:
    return _PROMISE + leaf + text_of(at).encode()


def _head(log: str, size: int, root: bytes, at: datetime, parts: bytes | None) -> dict[str, Any]:
    plain = {"log": log, "size": size, "root": root.hex(), "at": text_of(at)}
    return plain if parts is None else plain | {"parts": parts.hex()}


def _is_signed(keys: PublicKeys, log: str, signature: bytes, message: bytes) -> bool:
    return log in keys and _verifies(keys[log], signature, message)


def _verifies(public: str, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
