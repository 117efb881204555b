"""The log itself: events are appended in the transaction of what they are about.

The row of `audit_log` is locked from the append to the commit, by SQLite's write lock or by PostgreSQL's row lock. So
numbers are in the order of the commits and without gaps, times never go back, and whoever sees entry n sees all before.
Append last in a transaction: whoever holds that row keeps all other writers waiting.

All that a transaction writes, its events among them, goes to disk with its one commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, RowMapping, bindparam, select

from service.audit.events import Actor, Details, Event, EventKind
from service.audit.leaf import Leaf
from service.audit.parts import Growing
from service.audit.payload import commitment_to, packed
from service.audit.signatures import PublicKeys, Receipt, promise
from service.audit.signing_key import SigningKeys
from service.audit.stored_parts import count_parts, needs_counting, read_parts, write_parts
from service.audit.tree import Frontier
from service.schema import audit_events, audit_events_before, audit_log, audit_nodes, audit_payloads
from watchlists.database import ReadyStatement, Row, wipe_deleted, writing
from watchlists.feed.signing import Signer
from watchlists.keys import KeyRing, OwnerKey
from watchlists.keys.values import prefix_of
from watchlists.schema import NODE

TILE: Final = 8
"""Nodes are stored at multiples of this level: those between them are reckoned from at most 128 hashes."""
_OPTION: Final = "crosscheck_audit_log"
SEALED_PAYLOAD: Final = "audit payload"
_BATCH: Final = 500
STATE: Final = ReadyStatement(select(audit_log).with_for_update())
# Made once: to build a statement takes longer than to run it.
_INSERT_EVENTS: Final = ReadyStatement(audit_events.insert())
_INSERT_PAYLOADS: Final = ReadyStatement(audit_payloads.insert())
_INSERT_NODES: Final = ReadyStatement(audit_nodes.insert())
_GROW: Final = ReadyStatement(
    audit_log.update().values(size=bindparam("grown_to"), frontier=bindparam("edge"), last_at=bindparam("last"))
)


@dataclass(frozen=True, slots=True)
class _Ready:
    """An event that needs nothing more but its place."""

    event: Event
    commitment: bytes
    owner: str
    sealed: bytes


class AuditLog:
    """Appends to the log of one database, and opens what is in it. Thread-safe."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._signing = SigningKeys(keys)

    @classmethod
    def of(cls, connection: Connection) -> AuditLog:
        """Return the log of the database that `connection` is to; `open_log` has opened it."""
        return cast("AuditLog", connection.get_execution_options()[_OPTION])

    def append(self, connection: Connection, events: Iterable[Event]) -> list[Receipt]:
        """Append events in the transaction of `connection`, in their order; return a receipt for each."""
        keys = dict[str, OwnerKey]()
        ready = [self._ready(connection, event, keys) for event in events]
        if not ready:
            return []
        (state,) = STATE.rows(connection)
        signer = self._signing.signer(connection, state["signing_key"])
        appending = _Appending(state, signer, read_parts(connection, {each.owner for each in ready}))
        for each in ready:
            appending.add(each)
        appending.write(connection)
        return appending.receipts

    def signer(self, connection: Connection, keyid: str) -> Signer:
        """Return a signing key of the log.

        Raises:
            SealBroken: it was changed, or is not of this node.
        """
        return self._signing.signer(connection, keyid)

    def public_keys(self, connection: Connection) -> PublicKeys:
        """Return the public keys that the log is or was signed with."""
        return self._signing.public(connection)

    def begin(self, connection: Connection, now: datetime) -> None:
        """Make what is missing: the empty tree, the signing key; that one may have been lost with a backup's keys."""
        state = next(iter(STATE.rows(connection)), None)
        if state is not None and self._signing.has(connection, state["signing_key"]):
            return
        keyid = self._signing.make(connection, now)
        if state is None:
            connection.execute(audit_log.insert().values(id=1, size=0, frontier=b"", signing_key=keyid))
        else:
            connection.execute(audit_log.update().values(signing_key=keyid))
        details = {"signing_key": keyid, "public": self.signer(connection, keyid).public}
        self.append(connection, [Event(EventKind.LOG_STARTED, None, "crosscheck", now, details)])

    def _ready(self, connection: Connection, event: Event, keys: dict[str, OwnerKey]) -> _Ready:
        """Seal the payload; `keys` remembers those of this transaction."""
        text, owner = packed(event), event.partner or NODE
        commitment = commitment_to(text)
        key = keys.get(owner) or keys.setdefault(owner, self._keys.current(connection, owner))
        sealed = prefix_of(key.generation) + key.seal(SEALED_PAYLOAD, text, commitment.hex())
        return _Ready(event, commitment, owner, sealed)


class _Appending:
    """Entries on their way into the tree."""

    def __init__(self, state: Row, signer: Signer, parts: Growing) -> None:
        self.receipts = list[Receipt]()
        self._parts = parts
        self._frontier = Frontier.of_bytes(state["size"], state["frontier"])
        self._last_at: datetime | None = state["last_at"]
        self._signer = signer
        self._events = list[dict[str, Any]]()
        self._payloads = list[dict[str, Any]]()
        self._nodes = list[dict[str, Any]]()

    def add(self, new: _Ready) -> None:
        event, number = new.event, self._frontier.size + 1
        # The clock of whoever did it may be behind; what it said is in the payload.
        at = event.at if self._last_at is None else max(event.at, self._last_at)
        leaf = Leaf(number, at, event.kind.value, event.partner, event.keep_until, new.commitment)
        receipt = promise(self._signer, leaf.hash(), at)
        self._parts.add(event.partner, receipt.leaf)
        nodes = [node for node in self._frontier.append(receipt.leaf) if node.level % TILE == 0]
        self._nodes += [{"level": node.level, "place": node.place, "hash": node.hash} for node in nodes if node.level]
        self._events.append(
            {
                "number": number,
                "at": at,
                "kind": leaf.kind,
                "partner": leaf.partner,
                "keep_until": leaf.keep_until,
                "commitment": leaf.commitment,
                "leaf": receipt.leaf,
                "signing_key": receipt.log,
                "signature": receipt.signature,
            }
        )
        payload = {"number": number, "owner": new.owner, "keep_until": leaf.keep_until, "sealed": new.sealed}
        self._payloads.append(payload)
        self.receipts.append(receipt)
        self._last_at = at

    def write(self, connection: Connection) -> None:
        _INSERT_EVENTS.write(connection, *self._events)
        _INSERT_PAYLOADS.write(connection, *self._payloads)
        if self._nodes:
            _INSERT_NODES.write(connection, *self._nodes)
        frontier = self._frontier
        grown = {"grown_to": frontier.size, "edge": frontier.to_bytes(), "last": self._last_at}
        _GROW.write(connection, grown)
        write_parts(connection, self._parts)


def open_log(engine: Engine, keys: KeyRing, now: datetime) -> None:
    """Open the log of a database, so that whoever writes in a transaction of `engine` can append to it.

    A new database gets a signing key; events of before there was a tree are moved into it, and entries of before there
    were parts are counted into theirs.
    """
    log = AuditLog(keys)
    with engine.connect() as connection:
        is_there = connection.execute(select(audit_log.c.id)).first() is not None
        has_old = connection.execute(select(audit_events_before.c.number).limit(1)).first() is not None
    if not is_there:
        with writing(engine) as connection:
            log.begin(connection, now)
    while has_old:
        with writing(engine) as connection:
            has_old = _adopt(log, connection)
        wipe_deleted(engine, audit_events_before)
    if needs_counting(engine):
        with writing(engine) as connection:
            STATE.rows(connection)
            count_parts(connection)
    engine.update_execution_options(**{_OPTION: log})


def record(
    connection: Connection,
    kind: EventKind,
    actor: Actor,
    now: datetime,
    details: Details,
    keep_until: datetime | None = None,
) -> Receipt:
    """Append one event in the transaction of `connection`, so that no deed stands without its event.

    Args:
        connection: in which what it is about is written, too.
        kind: of the event.
        actor: who did it. Without a partner it is the operator of the node, who acts in the name of none.
        now: when; aware.
        details: what; nothing of a person.
        keep_until: when details and actor have to be deleted; None to keep them.
    """
    event = Event(kind, actor.partner or None, actor.name, now, details, keep_until)
    return AuditLog.of(connection).append(connection, [event])[0]


def record_all(connection: Connection, events: Sequence[Event]) -> list[Receipt]:
    """Append several events as `record` does one; that takes hardly longer than one does."""
    return AuditLog.of(connection).append(connection, events)


def _adopt(log: AuditLog, connection: Connection) -> bool:
    """Move the oldest events of before into the tree; return whether there were any."""
    query = select(audit_events_before).order_by(audit_events_before.c.number).limit(_BATCH)
    rows: Sequence[RowMapping] = connection.execute(query.with_for_update()).mappings().all()
    log.append(
        connection,
        [Event(EventKind(row["kind"]), row["partner"], row["actor"], row["at"], row["details"]) for row in rows],
    )
    if rows:
        connection.execute(audit_events_before.delete().where(audit_events_before.c.number <= rows[-1]["number"]))
    return bool(rows)
