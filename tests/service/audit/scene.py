"""A log of some events, and what a thief or an operator might do to it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, RowMapping, Table, select

from service.audit import AuditLog, Event, EventKind, Head, PublicKeys, Receipt, open_log
from service.audit.heads import Heads, sign_now
from service.audit.leaf import Leaf
from service.audit.signatures import promise
from service.audit.sources import DatabaseLog
from service.audit.stored_parts import count_parts
from service.audit.tree import Frontier
from service.audit.verify import Evidence, Report, Verification
from service.schema import audit_events, audit_heads, audit_log, audit_nodes, audit_parts, audit_payloads
from tests.databases import Databases
from tests.watchlists.makers import NOW
from watchlists.database import open_database, writing
from watchlists.feed.signing import Signer
from watchlists.keys import KeyRing
from watchlists.records import Partner
from watchlists.sealing import LocalRootKey, new_key
from watchlists.store import Store

MINUTE = timedelta(minutes=1)


class Log:
    """A database with the log of a node that has the partners XA and XB."""

    def __init__(self, folder: Path, databases: Databases) -> None:
        self.place = databases.migrated(folder)
        self.key = new_key()
        self._open()
        for partner in ("xa", "xb"):
            self.store.add_partner(Partner(partner, partner))

    def _open(self) -> None:
        self.engine = open_database(self.place)
        self.keys = KeyRing(self.engine, LocalRootKey(self.key))
        self.keys.verify()
        open_log(self.engine, self.keys, NOW)
        self.store = Store(self.engine, self.keys, lambda: NOW)
        self.heads = Heads(self.engine)

    @classmethod
    def again(cls, log: Log) -> Log:
        """The same log, as a process sees it that begins now."""
        again = copy(log)
        again._open()
        return again

    @property
    def url(self) -> URL:
        return URL.create("sqlite", database=str(self.place)) if isinstance(self.place, Path) else self.place

    def root_file(self, folder: Path) -> Path:
        """A file with the root key, for other processes."""
        file = folder / "root.key"
        if not file.exists():
            file.write_bytes(base64.b64encode(self.key))
            file.chmod(0o600)
        return file

    @property
    def size(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(select(audit_log.c.size)).scalar_one())

    def append(self, count: int = 1, partner: str | None = "xa", **fields: Any) -> list[Receipt]:
        """Append events one after the other, a minute apart, each in a transaction of its own."""
        receipts = []
        for _ in range(count):
            number = self.size + 1
            event = Event(EventKind.CHECK_ANSWERED, partner, "gate", NOW + number * MINUTE, {"check_id": f"{number}"})
            with writing(self.engine) as connection:
                receipts += AuditLog.of(connection).append(connection, [replace(event, **fields)])
        return receipts

    def sign(self) -> Head:
        return self.heads.sign(NOW)

    @contextmanager
    def source(self, known: PublicKeys | None = None) -> Iterator[DatabaseLog]:
        with self.engine.connect() as connection:
            yield DatabaseLog(connection, self.keys, known)

    def verify(
        self,
        heads: Sequence[Head] = (),
        receipts: Sequence[Receipt] = (),
        quick: bool = False,
        days: int = 0,
        known: PublicKeys | None = None,
    ) -> Report:
        with self.source(known) as source:
            now = NOW + timedelta(days=days)
            return Verification(source, now, Evidence(heads, receipts), quick=quick).run()

    def change(self, number: int, table: Table = audit_events, **values: Any) -> None:
        """Change the row of an entry, as a thief of the database does."""
        with writing(self.engine) as connection:
            done = connection.execute(table.update().where(table.c.number == number).values(**values))
        assert done.rowcount == 1

    def rows(self) -> list[dict[str, Any]]:
        """Entries with their payloads."""
        with self.engine.connect() as connection:
            query = select(audit_events, audit_payloads.c.owner, audit_payloads.c.sealed).join(audit_payloads)
            found: Sequence[RowMapping] = connection.execute(query.order_by(audit_events.c.number)).mappings().all()
        return [dict(row) for row in found]

    def rewrite(self, rows: list[dict[str, Any]], signer: Signer | None = None, *, heads: bool = False) -> None:
        """Put other entries in place of all there are, with hashes, nodes, parts and edge reckoned anew.

        Args:
            rows: the entries; they are numbered through.
            signer: who signs them; the old signatures stay if None.
            heads: leave the old heads.
        """
        frontier, nodes = Frontier.empty(), []
        for number, row in enumerate(rows, 1):
            row["number"] = number
            names = ("number", "at", "kind", "partner", "keep_until", "commitment")
            row["leaf"] = Leaf(*(row[name] for name in names)).hash()
            if signer is not None:
                row["signature"] = promise(signer, row["leaf"], row["at"]).signature
            nodes += [node for node in frontier.append(row["leaf"]) if node.level == 8]
        with writing(self.engine) as connection:
            for table in (audit_payloads, audit_nodes, audit_events, *([] if heads else [audit_heads])):
                connection.execute(table.delete())
            for row in rows:
                connection.execute(audit_events.insert().values({c.name: row[c.name] for c in audit_events.c}))
                connection.execute(audit_payloads.insert().values({c.name: row[c.name] for c in audit_payloads.c}))
            for node in nodes:
                connection.execute(audit_nodes.insert().values(level=8, place=node.place, hash=node.hash))
            state = {"size": len(rows), "frontier": frontier.to_bytes(), "last_at": rows[-1]["at"]}
            connection.execute(audit_log.update().values(state))
            connection.execute(audit_parts.delete())
            count_parts(connection)

    def signer(self) -> Signer:
        """The key of the log, which only the operator has."""
        with self.engine.connect() as connection:
            keyid = connection.execute(select(audit_log.c.signing_key)).scalar_one()
            return AuditLog.of(connection).signer(connection, keyid)

    def sign_anew(self) -> Head:
        with writing(self.engine) as connection:
            return sign_now(connection, NOW)
