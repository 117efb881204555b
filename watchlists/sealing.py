"""Sealing: AES-256-GCM (NIST SP 800-38D) with what a ciphertext belongs to as its associated data; and the root key.

Three levels of keys. The root key lives outside the database and wraps one key an owner; that wraps one random data key
an entry, made anew at every write; that seals the entry's subject and templates. To destroy the data key is to destroy
the entry here. To rotate the owner's key afterwards is to destroy it in every copy whose owner keys are gone as well.

Nonces are 96 random bits. An owner's key may wrap 2**32 data keys before two nonces could plausibly meet (SP 800-38D,
8.3); a data key seals two values in its life.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from watchlists.errors import RootKeyUnusable, SealBroken
from watchlists.files import sync_folder

KEY_SIZE = 32
"""Bytes of every key: AES-256."""
NONCE_SIZE = 12
_TAG_SIZE = 16
FORMAT = b"\x01"
"""First byte of every sealed value: AES-256-GCM, nonce, ciphertext and tag."""
_BEGINS = len(FORMAT) + NONCE_SIZE

Key = bytes | AESGCM
"""A key, or for one that is used over and over its cipher, made ready once."""


def new_key() -> bytes:
    """Return a random key."""
    return secrets.token_bytes(KEY_SIZE)


def binding(*parts: str) -> bytes:
    """Return associated data that is different for every different list of strings."""
    return b"".join(map(bound_part, parts))


def bound_part(part: str) -> bytes:
    """Return what `binding` says of one of its strings: it is all of them end to end."""
    encoded = part.encode()
    return len(encoded).to_bytes(4, "little") + encoded


def seal(key: Key, plaintext: bytes, bound: bytes) -> bytes:
    """Return `plaintext` sealed under `key` and tied to `bound`; 29 bytes longer than it was."""
    nonce = secrets.token_bytes(NONCE_SIZE)
    return FORMAT + nonce + _cipher(key).encrypt(nonce, plaintext, bound)


def sealed_size(plaintext_size: int) -> int:
    """Return how long `seal` makes a value of that size, both in bytes."""
    return len(FORMAT) + NONCE_SIZE + plaintext_size + _TAG_SIZE


def open_seal(key: Key, sealed: bytes, bound: bytes) -> bytes:
    """Return what was sealed under `key` and tied to `bound`.

    Raises:
        SealBroken: it was changed, or sealed under another key, or tied to something else.
    """
    if len(sealed) < _BEGINS or sealed[0] != FORMAT[0]:
        raise SealBroken("a sealed value has no format that this version knows")
    try:
        return _cipher(key).decrypt(sealed[1:_BEGINS], sealed[_BEGINS:], bound)
    except InvalidTag:
        raise SealBroken("a sealed value does not open: it was changed, moved or sealed under another key") from None


def _cipher(key: Key) -> AESGCM:
    return key if isinstance(key, AESGCM) else AESGCM(key)


class RootKey(Protocol):
    """Wraps the keys of owners. A security module can stand behind it: the key itself is never asked for."""

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """Return `key` sealed and tied to `bound`."""
        ...

    def unwrap(self, wrapped_key: bytes, bound: bytes) -> bytes:
        """Return the key that was wrapped.

        Raises:
            SealBroken: wrapped by another root key, changed, or tied to something else.
        """
        ...


class LocalRootKey:
    """A root key in the memory of this process."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise RootKeyUnusable(f"the root key has {len(key)} bytes instead of {KEY_SIZE}")
        self._key = key

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        return seal(self._key, key, bound)

    def unwrap(self, wrapped_key: bytes, bound: bytes) -> bytes:
        return open_seal(self._key, wrapped_key, bound)


class FileRootKey(LocalRootKey):
    """A root key in a file that its user alone can read: 32 bytes in base64, one line."""

    @classmethod
    def create(cls, file: Path) -> FileRootKey:
        """Make a new root key in a new file.

        Raises:
            RootKeyUnusable: the file exists. A new key would make everything sealed so far unreadable.
        """
        root = cls(new_key())
        try:
            root._write(file)
        except FileExistsError:
            raise RootKeyUnusable(
                f"{file} exists already", hint="Keep using it; delete it only together with the whole data folder."
            ) from None
        return root

    @classmethod
    def load(cls, file: Path) -> FileRootKey:
        """Read the root key.

        Raises:
            RootKeyUnusable: the file is missing, is not a key, or others can read it.
        """
        try:
            mode = file.stat().st_mode
            text = file.read_text("ascii")
        except FileNotFoundError:
            raise RootKeyUnusable(
                f"there is no root key at {file}, and {EnvironmentRootKey.VARIABLE} is not set",
                hint="For a new data folder run `crosscheck init`; for an old one restore the file from its backup, or "
                f"set {EnvironmentRootKey.VARIABLE}.",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise RootKeyUnusable(f"{file} cannot be read as a root key: {type(error).__name__}") from None
        if stat.S_IMODE(mode) & 0o077:
            raise RootKeyUnusable(f"other users can read or write {file}", hint=f"Run `chmod 600 {file}`.")
        return cls(_decode(text, str(file)))

    def install(self, file: Path) -> None:
        """Put this key in place of the one in `file`, whole or not at all, and overwrite what was there.

        What the file system or a flash disk keeps of overwritten blocks is out of reach.
        """
        fresh = file.with_name(file.name + ".new")
        fresh.unlink(missing_ok=True)
        self._write(fresh)
        with file.open("r+b") if file.exists() else nullcontext() as old:
            fresh.replace(file)
            sync_folder(file.parent)
            if old is not None:
                old.write(bytes(file.stat().st_size))
                old.flush()
                os.fsync(old.fileno())

    def _write(self, file: Path) -> None:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(self._key) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


class EnvironmentRootKey(LocalRootKey):
    """A root key handed over by the operator's secret store: 32 bytes in base64 in an environment variable."""

    VARIABLE = "CROSSCHECK_ROOT_KEY"

    @classmethod
    def read(cls, text: str) -> EnvironmentRootKey:
        """Read the root key from the value of the variable.

        Raises:
            RootKeyUnusable: it is no key.
        """
        return cls(_decode(text, cls.VARIABLE))


def _decode(unverified_text: str, place: str) -> bytes:
    try:
        return base64.b64decode(unverified_text.strip(), validate=True)
    except binascii.Error:
        raise RootKeyUnusable(f"{place} does not hold a root key: 32 bytes in base64") from None
