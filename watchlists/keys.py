"""The keys of owners: made with a partner, wrapped by the root key, numbered by generation for rotation."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from sqlalchemy import Connection, Engine, select

from watchlists.database import writing
from watchlists.errors import RootKeyUnusable, SealBroken, UnknownPartner
from watchlists.schema import owner_keys, root_key_checks
from watchlists.sealing import KEY_SIZE, RootKey, binding, new_key, open_seal, seal

_GENERATION_SIZE = 4
_CHECK = binding("root key check")


class OwnerKey:
    """One generation of the key of one owner. For each use there is a key of its own, derived with HKDF (RFC 5869)."""

    def __init__(self, owner: str, generation: int, key: bytes) -> None:
        self.owner = owner
        self.generation = generation
        self._key = key

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
        return hmac.digest(self._digesting, binding(purpose) + data, "sha256")

    def seal(self, purpose: str, plaintext: bytes, *parts: str) -> bytes:
        """Seal a value of the service for this owner, tied to its purpose and to `parts`."""
        return seal(self._sealing, plaintext, self._bound(purpose, parts))

    def open(self, purpose: str, sealed: bytes, *parts: str) -> bytes:
        """Open a value that `seal` gave.

        Raises:
            SealBroken: it is not that value, or not of that owner, purpose and parts.
        """
        return open_seal(self._sealing, sealed, self._bound(purpose, parts))

    @cached_property
    def _wrapping(self) -> bytes:
        return self._derive(b"wrap data keys")

    @cached_property
    def _digesting(self) -> bytes:
        return self._derive(b"digest content")

    @cached_property
    def _sealing(self) -> bytes:
        return self._derive(b"seal values")

    def _derive(self, use: bytes) -> bytes:
        return HKDFExpand(hashes.SHA256(), KEY_SIZE, b"crosscheck " + use).derive(self._key)

    def _bound(self, purpose: str, parts: tuple[str, ...]) -> bytes:
        return binding("value", self.owner, purpose, *parts)


class KeyRing:
    """Gives out the keys of owners. Thread-safe.

    Which generation is current is read from the database each time, so that several processes agree at once; only the
    unwrapping is remembered.
    """

    def __init__(self, engine: Engine, root: RootKey) -> None:
        self._engine = engine
        self._root = root
        self._unwrapped: dict[bytes, OwnerKey] = {}

    def verify(self) -> None:
        """Check that the root key is the one of this database; a new database remembers it.

        Raises:
            RootKeyUnusable: it is another one.
        """
        with writing(self._engine) as connection:
            check = connection.execute(select(root_key_checks.c.sealed_check)).scalar_one_or_none()
            if check is None:
                connection.execute(root_key_checks.insert().values(id=1, sealed_check=self._root.wrap(b"", _CHECK)))
                return
        try:
            self._root.unwrap(check, _CHECK)
        except SealBroken:
            raise RootKeyUnusable("the root key is not the one that this database was sealed under") from None

    def make(self, connection: Connection, owner: str) -> None:
        """Make the first key of a new owner, in the transaction of `connection`."""
        wrapped = self._root.wrap(new_key(), _owner_bound(owner, 1))
        connection.execute(
            owner_keys.insert().values(owner=owner, generation=1, wrapped_key=wrapped, made_at=datetime.now(UTC))
        )

    def current(self, connection: Connection, owner: str) -> OwnerKey:
        """Return the key that new values of `owner` are sealed under.

        Raises:
            UnknownPartner: there is no such owner.
            SealBroken: its key was changed or moved.
        """
        newest = select(owner_keys).where(owner_keys.c.owner == owner).order_by(owner_keys.c.generation.desc()).limit(1)
        row = connection.execute(newest).mappings().first()
        if row is None:
            raise UnknownPartner(f"there is no partner {owner}")
        return self._unwrap(owner, row["generation"], row["wrapped_key"])

    def generation(self, connection: Connection, owner: str, generation: int) -> OwnerKey:
        """Return a certain key of `owner`, which may have been replaced since.

        Raises:
            SealBroken: there is none, or it was changed or moved.
        """
        query = select(owner_keys.c.wrapped_key).where(
            owner_keys.c.owner == owner, owner_keys.c.generation == generation
        )
        wrapped = connection.execute(query).scalar_one_or_none()
        if wrapped is None:
            raise SealBroken(f"there is no key of generation {generation} of {owner}")
        return self._unwrap(owner, generation, wrapped)

    def seal_for(
        self, owner: str, purpose: str, plaintext: bytes, *parts: str, connection: Connection | None = None
    ) -> bytes:
        """Seal a value of the service under the key of a partner, tied to its purpose and to `parts`.

        Inside a transaction give its `connection`.

        Raises:
            UnknownPartner: there is no such owner.
        """
        with self._reading(connection) as reading:
            key = self.current(reading, owner)
        return key.generation.to_bytes(_GENERATION_SIZE, "little") + key.seal(purpose, plaintext, *parts)

    def open_for(
        self, owner: str, purpose: str, sealed: bytes, *parts: str, connection: Connection | None = None
    ) -> bytes:
        """Open a value that `seal_for` gave for the same owner, purpose and parts.

        Raises:
            SealBroken: it was changed, or is of another owner, purpose or parts.
        """
        with self._reading(connection) as reading:
            key = self.generation(reading, owner, int.from_bytes(sealed[:_GENERATION_SIZE], "little"))
        return key.open(purpose, sealed[_GENERATION_SIZE:], *parts)

    def digest_for(self, owner: str, purpose: str, data: bytes, *, connection: Connection | None = None) -> bytes:
        """Return a keyed digest (32 bytes) of `data`: equal data of one owner gives equal digests.

        Raises:
            UnknownPartner: there is no such owner.
        """
        with self._reading(connection) as reading:
            return self.current(reading, owner).digest(purpose, data)

    @contextmanager
    def _reading(self, connection: Connection | None) -> Iterator[Connection]:
        if connection is not None:
            yield connection
        else:
            with self._engine.connect() as reading:
                yield reading

    def _unwrap(self, owner: str, generation: int, wrapped: bytes) -> OwnerKey:
        # By the wrapped bytes and not by generation: a key of a transaction that was undone is then never found again.
        known = self._unwrapped.get(wrapped)
        if known is None or (known.owner, known.generation) != (owner, generation):
            known = OwnerKey(owner, generation, self._root.unwrap(wrapped, _owner_bound(owner, generation)))
            self._unwrapped[wrapped] = known
        return known


def _owner_bound(owner: str, generation: int) -> bytes:
    return binding("owner key", owner, str(generation))
