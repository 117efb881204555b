"""Signed heads of the tree, who has countersigned them, and the proofs that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, select

from service.audit import tree
from service.audit.errors import CountersignatureWrong, HeadUnknown, WitnessUnknown
from service.audit.log import STATE, TILE, AuditLog
from service.audit.parts import ProvedPart, prove_part
from service.audit.signatures import Head, sign_head
from service.audit.stored_parts import keep_parts, kept_parts
from service.schema import audit_countersignatures, audit_events, audit_heads, audit_log, audit_nodes, audit_witnesses
from watchlists.database import upsert, writing
from watchlists.feed.signing import key_id

_NEWEST: Final = select(audit_heads).order_by(audit_heads.c.size.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Countersignature:
    """A partner has checked a head against the last one that it knew, and says so with its own key."""

    size: int
    partner: str
    public: str
    signature: bytes

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        signature = self.signature.hex()
        return {"size": self.size, "partner": self.partner, "public": self.public, "signature": signature}


class StoredNodes:
    """The nodes of the tree, as the database has them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, reckoned from what is stored below it."""
        stored, height = level - level % TILE, level % TILE
        begin, end = index << height, index + 1 << height
        if stored:
            place = audit_nodes.c.place
            query = select(audit_nodes.c.hash).where(audit_nodes.c.level == stored, place >= begin, place < end)
        else:
            place = audit_events.c.number
            query = select(audit_events.c.leaf).where(place > begin, place <= end)
        hashes = self._connection.execute(query.order_by(place)).scalars().all()
        frontier = tree.Frontier.empty()
        for each in hashes:
            frontier.grow(each)
        return frontier.root()


class Heads:
    """Signs heads of the log of one database, and keeps them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sign(self, now: datetime) -> Head:
        """Sign the tree as it is now, unless that is done."""
        with self._engine.connect() as connection:
            newest = _newest(connection)
            if newest is not None and newest.size == connection.execute(select(audit_log.c.size)).scalar_one():
                return newest
        with writing(self._engine) as connection:
            return sign_now(connection, now)

    def latest(self) -> Head:
        """Return the newest head.

        Raises:
            HeadUnknown: none was signed yet.
        """
        with self._engine.connect() as connection:
            head = _newest(connection)
        if head is None:
            raise HeadUnknown("no head was signed yet")
        return head

    def of_size(self, size: int) -> Head:
        """Return the head that was signed when the tree had that size.

        Raises:
            HeadUnknown: there is none.
        """
        with self._engine.connect() as connection:
            return _head_of(connection, size)

    def consistency(self, first: int, second: int) -> Sequence[bytes]:
        """Return the proof that the tree of one signed head is the beginning of that of another.

        Raises:
            HeadUnknown: there is no head of that size, or the first is the larger one.
        """
        with self._engine.connect() as connection:
            for size in (first, second):
                _head_of(connection, size)
            if first > second:
                raise HeadUnknown(f"the tree of size {first} is not the beginning of that of size {second}")
            return tree.consistency_proof(StoredNodes(connection), first, second)

    def part(self, partner: str) -> ProvedPart:
        """Return what the newest head says of the part of a partner, with the proof.

        Raises:
            HeadUnknown: no head was signed yet, or none since there are parts, or the partner had no entry by then.
        """
        with self._engine.connect() as connection:
            head = _newest(connection)
            found = None if head is None else prove_part(kept_parts(connection), partner, head)
        if found is None:
            raise HeadUnknown("no head was signed yet that commits to a part of this partner")
        return found

    def countersign(self, partner: str, size: int, public: str, signature: bytes, now: datetime) -> None:
        """Keep the countersignature of a partner. The same one again changes nothing.

        Raises:
            HeadUnknown: there is no head of that size.
            WitnessUnknown: that key is not registered for the partner, or is withdrawn.
            CountersignatureWrong: the key did not sign this head.
        """
        with writing(self._engine) as connection:
            head = _head_of(connection, size)
            known = select(audit_witnesses.c.keyid).where(
                audit_witnesses.c.partner == partner,
                audit_witnesses.c.public == public,
                audit_witnesses.c.withdrawn_at.is_(None),
            )
            if connection.execute(known).first() is None:
                raise WitnessUnknown("this key is not registered for the partner")
            if not head.is_countersigned(public, signature):
                raise CountersignatureWrong(f"the key did not sign the head of size {size}")
            values = {"size": size, "keyid": key_id(public), "signature": signature, "at": now}
            connection.execute(upsert(connection, audit_countersignatures).values(values).on_conflict_do_nothing())

    def countersignatures(self, size: int) -> Sequence[Countersignature]:
        """Return who has countersigned the head of that size."""
        with self._engine.connect() as connection:
            return stored_countersignatures(connection, size)


def sign_now(connection: Connection, now: datetime) -> Head:
    """Sign the tree as it is, in the transaction of `connection`; no entry that is appended later is dated before."""
    (state,) = STATE.rows(connection)
    newest = _newest(connection)
    if newest is not None and newest.size == state["size"]:
        return newest
    at = now if state["last_at"] is None else max(now, state["last_at"])
    frontier = tree.Frontier.of_bytes(state["size"], state["frontier"])
    signer = AuditLog.of(connection).signer(connection, state["signing_key"])
    head = sign_head(signer, frontier.size, frontier.root(), at, keep_parts(connection))
    signed = {"signing_key": head.log, "signature": head.signature}
    values = {"size": head.size, "at": at, "root": head.root, "parts": head.parts}
    connection.execute(audit_heads.insert().values(**values, **signed))
    connection.execute(audit_log.update().values(last_at=at))
    return head


def stored_heads(connection: Connection, from_size: int = 0) -> Sequence[Head]:
    """Return the heads of that size or more, smallest first."""
    query = select(audit_heads).where(audit_heads.c.size >= from_size).order_by(audit_heads.c.size)
    return [_head(row) for row in connection.execute(query).mappings()]


def stored_countersignatures(connection: Connection, size: int | None = None) -> Sequence[Countersignature]:
    """Return who has countersigned the head of that size, or any."""
    witness = audit_witnesses.c.partner, audit_witnesses.c.public
    query = select(audit_countersignatures, *witness).join(audit_witnesses)
    if size is not None:
        query = query.where(audit_countersignatures.c.size == size)
    ordered = query.order_by(audit_countersignatures.c.size, audit_witnesses.c.partner)
    return [Countersignature(row.size, row.partner, row.public, row.signature) for row in connection.execute(ordered)]


def head_covering(connection: Connection, number: int, size: int | None = None) -> Head:
    """Return a head with the entry of that number: the one of that size, or the newest.

    Raises:
        HeadUnknown: there is none.
    """
    head = _newest(connection) if size is None else _head_of(connection, size)
    if head is None or head.size < number:
        raise HeadUnknown("no head with this entry was signed yet" if size is None else "that head is of before it")
    return head


def _newest(connection: Connection) -> Head | None:
    row = connection.execute(_NEWEST).mappings().first()
    return None if row is None else _head(row)


def _head_of(connection: Connection, size: int) -> Head:
    row = connection.execute(select(audit_heads).where(audit_heads.c.size == size)).mappings().first()
    if row is None:
        raise HeadUnknown(f"no head of size {size} was signed")
    return _head(row)


def _head(row: RowMapping) -> Head:
    return Head(row["signing_key"], row["size"], row["root"], row["at"], row["signature"], row["parts"])
