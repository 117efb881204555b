"""A process that appends to a log. Imports little: it starts soon."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from service.audit import EventKind, Receipt, open_log, record
from service.identity import Caller
from service.roles import Role
from watchlists.database import Turn, open_database, writing
from watchlists.keys import KeyRing
from watchlists.sealing import FileRootKey


def append_many(root_key: Path, database: URL, name: str, count: int) -> list[Receipt]:
    """Append events, in both kinds of turn; return their receipts."""
    engine = open_database(Path(database.database or "") if database.drivername == "sqlite" else database)
    open_log(engine, KeyRing(engine, FileRootKey.load(root_key)), datetime.now(UTC))
    receipts = []
    for number in range(count):
        with writing(engine, (Turn.SERVICE, Turn.CHANGE_LOG)[number % 2]) as connection:
            actor = Caller("xb", Role.SYNC, name)
            kind = EventKind.CHECK_REPEATED
            receipts.append(record(connection, kind, actor, datetime.now(UTC), {"count": number}))
    engine.dispose()
    return receipts
