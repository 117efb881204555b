"""Entries as they are read back: with their payloads, as far as these are there, open and may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, select

from service.audit.leaf import Leaf
from service.audit.log import SEALED_PAYLOAD
from service.audit.payload import Payload, unpacked
from service.audit.signatures import Receipt
from service.schema import audit_events, audit_payloads
from watchlists.errors import SealBroken
from watchlists.keys import KeyRing, OwnerKey
from watchlists.keys.values import GENERATION_SIZE, generation_of

BATCH: Final = 1000
"""Entries that are read at once."""
ENTRIES: Final = select(audit_events, audit_payloads.c.owner, audit_payloads.c.sealed).outerjoin(audit_payloads)


class PayloadState(StrEnum):
    """What became of a payload."""

    THERE = "there"
    DELETED = "deleted"
    WITHHELD = "withheld"
    """It may be there, and is not shown."""
    DAMAGED = "damaged"
    """It does not open."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as it is stored: nothing of it is verified.

    Args:
        leaf: what the tree should commit to.
        receipt: the promise of it, with the hash that is in the tree.
        state: of the payload.
        text: the payload, if it is there.
    """

    leaf: Leaf
    receipt: Receipt
    state: PayloadState
    text: bytes | None = None

    @property
    def payload(self) -> Payload | None:
        """What it says.

        Raises:
            ValueError: it is none.
        """
        return None if self.text is None else unpacked(self.text)

    def withheld(self) -> Entry:
        """Return it without its payload, and without a word on whether there still is one."""
        return Entry(self.leaf, self.receipt, PayloadState.WITHHELD)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON; the payload is one text, as the log commits to it."""
        text = None if self.text is None else self.text.decode()
        return self.leaf.plain() | {"receipt": self.receipt.plain(), "payload_state": self.state.value, "payload": text}

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Entry:
        """Read what `plain` gave.

        Raises:
            ValueError: it is none.
        """
        try:
            text = plain["payload"]
            state = PayloadState(plain["payload_state"])
            receipt = Receipt.read(plain["receipt"])
            return cls(Leaf.read(plain), receipt, state, None if text is None else text.encode())
        except (AttributeError, KeyError, TypeError):
            raise ValueError("an entry lacks a part") from None


class Reader:
    """Reads entries in one transaction. The keys that it needs are looked up once."""

    def __init__(self, connection: Connection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys
        self._known: dict[tuple[str, int], OwnerKey] = {}

    def entries(self, after: int = 0, query: Select[Any] = ENTRIES) -> Iterator[Entry]:
        """Yield the entries of `query` with numbers above `after`, in order."""
        while batch := self.batch(query, after):
            yield from batch
            after = batch[-1].leaf.number

    def batch(self, query: Select[Any], after: int, limit: int = BATCH) -> list[Entry]:
        """Return the first entries of `query` with numbers above `after`."""
        some = query.where(audit_events.c.number > after).order_by(audit_events.c.number).limit(limit)
        return [self._entry(row) for row in self._connection.execute(some).mappings()]

    def _entry(self, row: RowMapping) -> Entry:
        leaf = Leaf(row["number"], row["at"], row["kind"], row["partner"], row["keep_until"], row["commitment"])
        receipt = Receipt(row["signing_key"], row["leaf"], row["at"], row["signature"])
        if row["sealed"] is None:
            return Entry(leaf, receipt, PayloadState.DELETED)
        try:
            return Entry(leaf, receipt, PayloadState.THERE, self._opened(row))
        except SealBroken:
            return Entry(leaf, receipt, PayloadState.DAMAGED)

    def _opened(self, row: RowMapping) -> bytes:
        name = row["owner"], generation_of(row["sealed"])
        if name not in self._known:
            self._known[name] = self._keys.generation(self._connection, *name)
        return self._known[name].open(SEALED_PAYLOAD, row["sealed"][GENERATION_SIZE:], row["commitment"].hex())
