"""Fill a database with a backup, in one transaction."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, func, select

from watchlists.backup.container import Progress, batches, clear
from watchlists.backup.verify import VerifiedBackup, opened
from watchlists.changes import ChangeWriter, NewChange
from watchlists.errors import BackupKeysGone
from watchlists.keys import OwnerKey, SealedColumn, sealed_columns
from watchlists.keys.values import generation_of
from watchlists.records import ChangeKind, EntryKey
from watchlists.schema import KEY_TABLES, entries, entry_portraits, metadata, owner_keys, partners, root_key_checks
from watchlists.sealing import RootKey, new_key

_Row = dict[str, Any]


def require_keys(backup: VerifiedBackup) -> None:
    """Check that everything in a backup opens.

    Raises:
        BackupKeysGone: the keys of some entries, or of a whole partner, are not there.
    """
    if backup.lost:
        counts = ", ".join(f"{count} of {owner}" for owner, count in sorted(backup.lost.items()))
        raise BackupKeysGone(f"entries are sealed under keys that are not in the key file: {counts}")
    known = {owner for owner, _ in backup.keys}
    if strangers := sorted(backup.manifest.generations.keys() - known):
        raise BackupKeysGone(f"the key file has no key of {', '.join(strangers)}")


def restore_rows(
    connection: Connection, backup: VerifiedBackup, root: RootKey, now: datetime, progress: Progress
) -> int:
    """Put the rows of a backup in place of all there are, in the transaction of `connection`.

    Entries whose keys are gone are left out, and the log says so: followers see them withdrawn. Other values under such
    keys are left out too. A partner none of whose keys is there gets a new one.

    Returns:
        How many entries were left out.
    """
    clear(connection)
    filling = _Filling(connection, backup, root, now)
    total, done = sum(backup.manifest.rows.values()), 0
    with opened(backup.folder, backup.manifest) as source:
        for table in metadata.sorted_tables:
            if table is owner_keys:
                filling.put_keys()
            if table in KEY_TABLES:
                continue
            for batch in batches(source, table):
                filling.put(table, batch)
                done += len(batch)
                progress("restoring", done, total)
    ChangeWriter(connection, now).append(filling.lost)
    _continue_numbers(connection)
    return len(filling.lost)


class _Filling:
    def __init__(self, connection: Connection, backup: VerifiedBackup, root: RootKey, now: datetime) -> None:
        self.lost: list[NewChange] = []
        self._connection = connection
        self._backup = backup
        self._root = root
        self._now = now
        self._sealed = list(sealed_columns())

    def put_keys(self) -> None:
        """Put in the keys of the partners of the backup, which are there by now."""
        key_file = self._backup.key_file
        owners = set(self._connection.execute(select(partners.c.id)).scalars())
        rows = [row for row in key_file.rows if row.owner in owners]
        keyless = owners - {row.owner for row in rows}
        rows += [OwnerKey(owner, 1, new_key()).row(self._root, self._now) for owner in keyless]
        if rows:
            self._connection.execute(owner_keys.insert(), [asdict(row) for row in rows])
        self._connection.execute(root_key_checks.insert().values(id=1, sealed_check=key_file.root_check))

    def put(self, table: Table, batch: list[_Row]) -> None:
        """Put in the rows that will open, and those that are not sealed."""
        if table is entries:
            batch = [row for row in batch if self._opens(row)]
        if table is entry_portraits:
            gone = {change.key for change in self.lost}
            batch = [row for row in batch if EntryKey(row["watchlist"], row["entry"]) not in gone]
        for column in self._sealed:
            if column.table is table:
                batch = [row for row in batch if self._keeps(row, column)]
        if batch:
            self._connection.execute(table.insert(), batch)

    def _opens(self, row: _Row) -> bool:
        there = (row["owner"], row["key_generation"]) in self._backup.keys
        if not there:
            self.lost.append(NewChange(ChangeKind.WITHDRAW, EntryKey(row["watchlist"], row["id"]), row["owner"]))
        return there

    def _keeps(self, row: _Row, column: SealedColumn) -> bool:
        sealed = row[column.values.name]
        if sealed is None or (row[column.owner.name], generation_of(sealed)) in self._backup.keys:
            return True
        row[column.values.name] = None
        return bool(column.values.nullable)


def _continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL go on counting where the restored rows end; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            sequence = select(func.pg_get_serial_sequence(table.name, column.name)).scalar_subquery()
            last = connection.execute(select(func.max(column))).scalar_one()
            if last is not None:
                connection.execute(select(func.setval(sequence, last)))
