"""Gives out the keys of owners, and makes, rotates and destroys them."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Connection, Engine, Transaction, bindparam, select

from watchlists.database import ReadyStatement, writing
from watchlists.errors import RootKeyUnusable, RotationUnfinished, SealBroken, UnknownPartner
from watchlists.keys.owner_key import OwnerKey, OwnerKeyRow
from watchlists.keys.values import GENERATION_SIZE, generation_of, prefix_of
from watchlists.schema import owner_keys, root_key_checks
from watchlists.sealing import RootKey, binding, new_key

_CHECK = binding("root key check")
# Made once: to build a statement takes longer than to run it.
_OF = owner_keys.c.owner == bindparam("of")
_LAST = select(owner_keys).where(_OF).order_by(owner_keys.c.generation.desc()).limit(1)
_NEWEST = ReadyStatement(_LAST)
_HELD = ReadyStatement(_LAST.with_for_update(read=True, key_share=True))
_GENERATION = ReadyStatement(select(owner_keys).where(_OF, owner_keys.c.generation == bindparam("number")))

logger = logging.getLogger(__name__)


class KeyRing:
    """Gives out the keys of owners. Thread-safe.

    Which generation is current is read from the database each time, so that several processes agree at once; only the
    unwrapping is remembered.
    """

    def __init__(self, engine: Engine, root: RootKey) -> None:
        self._engine = engine
        self.root = root
        self._unwrapping = threading.Lock()
        self._unwrapped: dict[bytes, OwnerKey] = {}
        self._found: WeakKeyDictionary[Transaction, dict[tuple[str, int | None], OwnerKey]] = WeakKeyDictionary()
        self._warned = False

    def verify(self) -> None:
        """Check that the root key is the one of this database; a new database remembers it.

        Raises:
            RootKeyUnusable: it is another one.
        """
        with writing(self._engine) as connection:
            check = connection.execute(select(root_key_checks.c.sealed_check)).scalar_one_or_none()
            if check is None:
                connection.execute(root_key_checks.insert().values(id=1, sealed_check=root_check(self.root)))
                return
            require_root(self.root, check)
            self._remember(connection)

    def make(self, connection: Connection, owner: str) -> None:
        """Make the first key of a new owner, in the transaction of `connection`."""
        self._store(connection, OwnerKey(owner, 1, new_key()))

    def current(self, connection: Connection, owner: str) -> OwnerKey:
        """Return the key that new values of `owner` are sealed under.

        Until the transaction of `connection` ends it is not destroyed: what is sealed under it and written there will
        be found by whoever rotates the key. So `connection` is that of the write.

        Raises:
            UnknownPartner: there is no such owner.
            SealBroken: its key was changed or moved.
        """
        # Where a rotation has destroyed the one that was the newest while we waited for its row, the second look finds
        # its successor.
        found = self._found_in(connection)
        if (known := found.get((owner, None))) is not None:
            return known
        for _ in range(2):
            for row in _HELD.rows(connection, {"of": owner}):
                key = self._unwrap(OwnerKeyRow(**row))
                found |= {(owner, None): key, (owner, key.generation): key}
                return key
        raise UnknownPartner(f"there is no partner {owner}")

    def generation(self, connection: Connection, owner: str, generation: int) -> OwnerKey:
        """Return a certain key of `owner`, which may have been replaced since.

        Give the connection on which the value was read: in its transaction the key is still there.

        Raises:
            SealBroken: there is none, or it was changed or moved.
        """
        found = self._found_in(connection)
        if (known := found.get((owner, generation))) is not None:
            return known
        for row in _GENERATION.rows(connection, {"of": owner, "number": generation}):
            key = found[owner, generation] = self._unwrap(OwnerKeyRow(**row))
            return key
        raise SealBroken(f"there is no key of generation {generation} of {owner}")

    def generations(self, connection: Connection, owner: str) -> Sequence[int]:
        """Return the numbers of the keys of `owner` that there are, in order; more than one while it is rotated."""
        query = select(owner_keys.c.generation).where(owner_keys.c.owner == owner).order_by(owner_keys.c.generation)
        return connection.execute(query).scalars().all()

    def begin_generation(self, connection: Connection, owner: str) -> int:
        """Make the next key of an owner, in the transaction of `connection`; new values are sealed under it.

        Raises:
            UnknownPartner: there is no such owner.
        """
        successor = self.current(connection, owner).successor()
        self._store(connection, successor)
        return successor.generation

    def hold(self, connection: Connection, owner: str, generations: Collection[int]) -> None:
        """Wait until nobody writes under those keys of an owner any more; nobody will until the transaction ends."""
        query = select(owner_keys.c.generation).where(*_are(owner, generations))
        connection.execute(query.with_for_update()).all()

    def destroy(self, connection: Connection, owner: str, generations: Collection[int]) -> bool:
        """Destroy keys of an owner: what is sealed under them never opens again. Return whether there were any."""
        self._forget_found(connection)
        return connection.execute(owner_keys.delete().where(*_are(owner, generations))).rowcount > 0

    def change_root(self, connection: Connection, new: RootKey) -> int:
        """Wrap all keys by another root key, in the transaction of `connection`; return how many there are.

        Processes that are running go on with what they have unwrapped, until they are restarted.

        Raises:
            SealBroken: one of them was changed or moved.
            RotationUnfinished: an owner's key is being rotated.
        """
        rows = connection.execute(select(owner_keys).with_for_update()).mappings().all()
        for owner, count in Counter(row["owner"] for row in rows).items():
            if count > 1:  # running processes have not unwrapped both
                raise RotationUnfinished(owner)
        for row in (OwnerKeyRow(**found) for found in rows):
            key = OwnerKey.from_row(self.root, row)
            identity = owner_keys.c.owner == row.owner, owner_keys.c.generation == row.generation
            connection.execute(owner_keys.update().where(*identity).values(asdict(key.row(new, row.made_at))))
        connection.execute(root_key_checks.update().values(sealed_check=root_check(new)))
        return len(rows)

    def seal_for(self, owner: str, purpose: str, plaintext: bytes, *parts: str, connection: Connection) -> bytes:
        """Seal a value of the service under the key of a partner, tied to its purpose and to `parts`.

        `connection` is that of the transaction that stores the value. The column it is for has to say `sealed_for`
        (`watchlists.schema`), or the value is lost when the key is rotated.

        Raises:
            UnknownPartner: there is no such owner.
        """
        key = self.current(connection, owner)
        return prefix_of(key.generation) + key.seal(purpose, plaintext, *parts)

    def open_for(self, owner: str, purpose: str, sealed: bytes, *parts: str, connection: Connection) -> bytes:
        """Open a value that `seal_for` gave for the same owner, purpose and parts.

        `connection` is that of the transaction that read the value: there the key is not gone yet.

        Raises:
            SealBroken: it was changed, or is of another owner, purpose or parts.
        """
        key = self.generation(connection, owner, generation_of(sealed))
        return key.open(purpose, sealed[GENERATION_SIZE:], *parts)

    def reseal(self, connection: Connection, owner: str, sealed: bytes, to: OwnerKey) -> bytes:
        """Return a value of `seal_for` as one under the key `to` of the same owner; it is not opened.

        Raises:
            SealBroken: its data key does not open, or it is of a time before values had one.
        """
        old = self.generation(connection, owner, generation_of(sealed))
        return prefix_of(to.generation) + to.reseal(sealed[GENERATION_SIZE:], old)

    def digest_for(self, owner: str, purpose: str, data: bytes, *, connection: Connection | None = None) -> bytes:
        """Return a keyed digest (32 bytes) of `data`: equal data of one owner gives equal digests, for ever.

        Raises:
            UnknownPartner: there is no such owner.
        """
        if connection is not None and (known := self._found_in(connection).get((owner, None))) is not None:
            return known.digest(purpose, data)
        of = {"of": owner}
        for row in _NEWEST.look(self._engine, of) if connection is None else _NEWEST.rows(connection, of):
            return self._unwrap(OwnerKeyRow(**row)).digest(purpose, data)
        raise UnknownPartner(f"there is no partner {owner}")

    def _found_in(self, connection: Connection) -> dict[tuple[str, int | None], OwnerKey]:
        """Return the keys that were found in the transaction of `connection`, or in its savepoint.

        By owner and generation; None stands for the current one, which stays so until the transaction ends, for its row
        is locked. (Once a savepoint is undone, so are the locks taken in it.)
        """
        transaction = connection.get_nested_transaction() or connection.get_transaction()
        return {} if transaction is None else self._found.setdefault(transaction, {})

    def _forget_found(self, connection: Connection) -> None:
        for transaction in (connection.get_nested_transaction(), connection.get_transaction()):
            if transaction is not None:
                self._found.pop(transaction, None)

    def _store(self, connection: Connection, key: OwnerKey) -> None:
        # Not under a root key that somebody has changed since this process began: it would never open again.
        require_root(self.root, connection.execute(select(root_key_checks.c.sealed_check)).scalar_one())
        self._forget_found(connection)
        connection.execute(owner_keys.insert().values(asdict(key.row(self.root, datetime.now(UTC)))))

    def _remember(self, connection: Connection) -> None:
        """Unwrap all keys, so that this process goes on with them when somebody changes the root key."""
        for row in connection.execute(select(owner_keys).order_by(owner_keys.c.generation)).mappings():
            try:
                self._unwrap(OwnerKeyRow(**row))
            except SealBroken:
                logger.error("the key of %s does not open: run `crosscheck doctor --deep`", row["owner"])

    def _unwrap(self, row: OwnerKeyRow) -> OwnerKey:
        # By the wrapped bytes and not by generation: a key of a transaction that was undone is then never found again.
        known = self._unwrapped.get(row.wrapped_key)
        if known is None or (known.owner, known.generation) != (row.owner, row.generation):
            with self._unwrapping:
                known = self._opened(row)
                self._keep(row.wrapped_key, known)
        return known

    def _keep(self, wrapped_key: bytes, new: OwnerKey) -> None:
        """Remember the newest key of an owner alone: an older one is destroyed soon, and must not live on here."""
        of_owner = [(wrapped, key) for wrapped, key in self._unwrapped.items() if key.owner == new.owner]
        if any(key.generation > new.generation for _, key in of_owner):
            return
        for wrapped, _ in of_owner:
            del self._unwrapped[wrapped]
        self._unwrapped[wrapped_key] = new

    def _opened(self, row: OwnerKeyRow) -> OwnerKey:
        try:
            return OwnerKey.from_row(self.root, row)
        except SealBroken:
            for known in self._unwrapped.values():
                same = (known.owner, known.generation) == (row.owner, row.generation)
                if same and known.fingerprint == row.fingerprint:
                    self._warn()
                    return known
            raise

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "keys do not open under the root key of this process: if it was changed, restart this process"
            )


def require_root(root: RootKey, check: bytes) -> None:
    """Check that `check` was made by `root_check` of the same key.

    Raises:
        RootKeyUnusable: it was not.
    """
    try:
        root.unwrap(check, _CHECK)
    except SealBroken:
        raise RootKeyUnusable("the root key is not the one that this database was sealed under") from None


def root_check(root: RootKey) -> bytes:
    """Return what tells later whether a root key is the same."""
    return root.wrap(b"", _CHECK)


def _are(owner: str, generations: Collection[int]) -> tuple[ColumnElement[bool], ...]:
    return owner_keys.c.owner == owner, owner_keys.c.generation.in_(generations)
