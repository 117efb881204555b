"""What partners get to see of the log, and how they prove it: their own entries, one by one or by receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select

from service.audit import tree
from service.audit.access import Reading, may_read_entry
from service.audit.entries import ENTRIES, Entry, Reader
from service.audit.errors import EntryUnknown
from service.audit.events import Actor, EventKind
from service.audit.heads import StoredNodes, head_covering
from service.audit.log import record
from service.audit.signatures import Head, PublicKeys
from service.roles import Role
from service.schema import audit_events
from watchlists.database import writing
from watchlists.keys import KeyRing


class Auditor(Actor, Protocol):
    """Whoever asks."""

    @property
    def role(self) -> Role: ...


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """An entry with the proof that it is in the tree of a signed head. It is proved without us, by `is_proved`."""

    entry: Entry
    head: Head
    proof: Sequence[bytes]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "entry": self.entry.plain(),
            "head": self.head.plain(),
            "proof": [step.hex() for step in self.proof],
        }

    @classmethod
    def read(cls, plain: dict[str, Any]) -> ProvedEntry:
        """Read what `plain` gave.

        Raises:
            ValueError: it is none.
        """
        try:
            proof = [bytes.fromhex(step) for step in plain["proof"]]
            return cls(Entry.read(plain["entry"]), Head.read(plain["head"]), proof)
        except (KeyError, TypeError):
            raise ValueError("a proof lacks a part") from None

    def is_proved(self, keys: PublicKeys) -> bool:
        """Whether one of those keys has signed a tree that this very entry is in."""
        leaf, head = self.entry.leaf, self.head
        included = tree.is_included(leaf.hash(), leaf.number - 1, head.size, self.proof, head.root)
        return head.is_signed(keys) and included


class AuditDesk:
    """Shows entries to those who may see them."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys

    def entries(self, caller: Auditor, after: int, limit: int, now: datetime) -> Sequence[Entry]:
        """Return the entries of the caller's partner with numbers above `after`, `limit` of them at most.

        That somebody has read is an event itself, except where there was nothing but such events.
        """
        with self._engine.connect() as connection:
            query = _of(caller)
            found = self._readable(caller, Reader(connection, self._keys).batch(query, after, limit))
        if any(entry.leaf.kind != EventKind.LOG_READ for entry in found):
            with writing(self._engine) as connection:
                details = {"first": found[0].leaf.number, "last": found[-1].leaf.number, "count": len(found)}
                record(connection, EventKind.LOG_READ, caller, now, details)
        return found

    def proved(self, caller: Auditor, leaf: bytes, at: datetime, size: int | None, now: datetime) -> ProvedEntry:
        """Return an entry of the caller's partner by its receipt, with the proof that it is in the tree of a head.

        Args:
            caller: who asks.
            leaf: hash of the entry.
            at: when it was written down.
            size: of the head; None for the newest.
            now: the moment.

        Raises:
            EntryUnknown: there is none, or the caller may not see it.
            HeadUnknown: no head of that size was signed, or none yet with the entry.
        """
        with self._engine.connect() as connection:
            query = _of(caller).where(audit_events.c.at == at, audit_events.c.leaf == leaf)
            found = self._readable(caller, Reader(connection, self._keys).batch(query, 0, 1))
            if not found:
                raise EntryUnknown("the log has no such entry of the caller's partner")
            proved = _proved(connection, found[0], size)
        with writing(self._engine) as connection:
            number = proved.entry.leaf.number
            record(connection, EventKind.LOG_READ, caller, now, {"first": number, "last": number, "count": 1})
        return proved

    def _readable(self, caller: Auditor, found: Sequence[Entry]) -> Sequence[Entry]:
        role, partner = caller.role, caller.partner
        return [each for each in found if may_read_entry(role, partner, each.leaf.partner) is Reading.WHOLE]


def _of(caller: Auditor) -> Select[Any]:
    return ENTRIES.where(audit_events.c.partner == caller.partner)


def _proved(connection: Connection, entry: Entry, size: int | None) -> ProvedEntry:
    number = entry.leaf.number
    head = head_covering(connection, number, size)
    return ProvedEntry(entry, head, tree.inclusion_proof(StoredNodes(connection), number - 1, head.size))
