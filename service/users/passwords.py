"""Passwords as they are kept: an Argon2id hash, sealed for the partner, so that a stolen database is of no use."""

from __future__ import annotations

import secrets
from functools import cached_property
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from service.users.names import UserId
from service.users.password_rules import LONGEST, normalised
from watchlists.keys import KeyRing

HASHER: Final = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1, hash_len=32, salt_len=16)
"""Argon2id (RFC 9106) with 46 MiB, one pass, one lane: of the settings that OWASP's Password Storage Cheat Sheet holds
to be equally strong, the one that takes the most memory. Hashes made with others are made anew at the next sign-in."""
_PURPOSE: Final = "password hash"


class Passwords:
    """Seals hashes of passwords, and compares with them."""

    def __init__(self, keys: KeyRing, hasher: PasswordHasher = HASHER) -> None:
        self._keys = keys
        self._hasher = hasher

    def seal(self, connection: Connection, user: UserId, hashed: str) -> bytes:
        """Return what is stored of a hash, in the transaction of `connection`."""
        return self._keys.seal_for(user.partner, _PURPOSE, hashed.encode(), user.name, connection=connection)

    def opened(self, connection: Connection, user: UserId, sealed: bytes) -> str:
        """Return the hash that was sealed.

        Raises:
            SealBroken: it was changed, or is another user's.
        """
        return self._keys.open_for(user.partner, _PURPOSE, sealed, user.name, connection=connection).decode()

    def hashed(self, password: str) -> str:
        """Return the hash of a password; takes as long as it has to."""
        return self._hasher.hash(password)

    def matches(self, hashed: str | None, unverified_password: str) -> bool:
        """Whether it is the password of that hash; takes as long if there is none, so time does not tell of users."""
        too_long = len(unverified_password) > LONGEST
        try:
            self._hasher.verify(hashed or self._of_nobody, normalised(unverified_password[:LONGEST]))
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None and not too_long

    def is_outdated(self, hashed: str) -> bool:
        """Whether it was made with other settings than new ones are."""
        return self._hasher.check_needs_rehash(hashed)

    @cached_property
    def _of_nobody(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))
