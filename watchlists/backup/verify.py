"""Is a backup whole, and does it open? Everything is read again from the disk."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, func, select, table, text
from sqlalchemy.exc import DatabaseError

from watchlists import migrations
from watchlists.backup.container import Progress, open_container
from watchlists.backup.key_file import KeyFile, newest_key
from watchlists.backup.manifest import DATA, FileRecord, Manifest, files_in, read_manifest, require_seal
from watchlists.errors import BackupInvalid, SealBroken
from watchlists.keys import OwnerKey
from watchlists.records import EntryKey
from watchlists.schema import NODE, change_head, changes, entries
from watchlists.sealing import RootKey
from watchlists.store.choice import WITH_PORTRAITS, among
from watchlists.store.sealed_rows import open_entry, open_portraits

SAMPLE: Final = 200
"""Entries that are opened, chosen at random."""

Keys = dict[tuple[str, int], OwnerKey]


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """A backup that is whole.

    Args:
        lost: how many entries of which owner are sealed under keys that the key file does not have.
        unreadable: how many of the entries that were tried do not open although their key is there.
    """

    folder: Path
    manifest: Manifest
    key_file: KeyFile
    keys: Keys = field(repr=False)
    lost: dict[str, int]
    unreadable: int


def verify(folder: Path, key_file: Path, root: RootKey, progress: Progress) -> VerifiedBackup:
    """Read a backup whole, compare it with its manifest, and open some of its entries.

    Raises:
        BackupInvalid: a file is missing, surplus or changed, or another node or person has made the manifest, or the
            data is not what it says, or no entry opens that was tried.
        RootKeyUnusable: the key file was made under another root key.
        SealBroken: a key of an owner does not open.
    """
    manifest = read_manifest(folder)
    progress("verifying", 0, 3)
    _require_files(manifest.files, files_in(folder))
    keyed = KeyFile.load(key_file)
    keys = keyed.unwrap(root)
    require_seal(folder, newest_key(keys, NODE))
    progress("verifying", 1, 3)
    with opened(folder, manifest) as connection:
        _require_log(connection, manifest)
        progress("verifying", 2, 3)
        lost = _lost(connection, keys)
        unreadable = _unreadable(connection, keys)
    progress("verifying", 3, 3)
    return VerifiedBackup(folder, manifest, keyed, keys, lost, unreadable)


@contextmanager
def opened(folder: Path, manifest: Manifest) -> Iterator[Connection]:
    """Open the data of a backup, brought to the schema of this version if it is of an older one (in a copy).

    Raises:
        BackupInvalid: the data is damaged, or not what the manifest says.
        SchemaUnknown: a newer version of Crosscheck has made it.
    """
    with TemporaryDirectory() as scratch:
        engine = open_container(folder / DATA, read_only=True)
        try:
            _require_data(engine, manifest)
            if manifest.schema != migrations.head():
                engine.dispose()
                engine = open_container(Path(shutil.copy(folder / DATA, scratch)))
                migrations.upgrade(engine)
            with engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise BackupInvalid(f"{folder / DATA} cannot be read as a database ({type(error).__name__})") from None
        finally:
            engine.dispose()


def _require_files(said: Mapping[str, FileRecord], found: Mapping[str, FileRecord]) -> None:
    for name in sorted(said.keys() | found.keys()):
        if name not in found:
            raise BackupInvalid(f"{name} is missing")
        if name not in said:
            raise BackupInvalid(f"{name} is not of this backup")
        if said[name] != found[name]:
            raise BackupInvalid(f"{name} was changed, or damaged")


def _require_data(engine: Engine, manifest: Manifest) -> None:
    if migrations.revision(engine) != manifest.schema:
        raise BackupInvalid("the data is of another schema than the manifest says")
    with engine.connect() as connection:
        if connection.execute(text("PRAGMA quick_check")).scalars().all() != ["ok"]:
            raise BackupInvalid("the data is damaged")
        for name, count in manifest.rows.items():
            if connection.execute(select(func.count()).select_from(table(name))).scalar_one() != count:
                raise BackupInvalid(f"table {name} has not as many rows as the manifest says")


def _require_log(connection: Connection, manifest: Manifest) -> None:
    head = connection.execute(select(change_head.c.last_sequence)).scalar_one()
    numbers = connection.execute(select(func.count(), func.max(changes.c.sequence))).one()
    if {head, numbers[0], numbers[1] or 0} != {manifest.last_sequence}:
        raise BackupInvalid("the change log has gaps, or does not end where the manifest says")


def _lost(connection: Connection, keys: Keys) -> dict[str, int]:
    query = select(entries.c.owner, entries.c.key_generation, func.count())
    groups = connection.execute(query.group_by(entries.c.owner, entries.c.key_generation))
    lost = Counter[str]()
    for owner, generation, count in groups:
        if (owner, generation) not in keys:
            lost[owner] += count
    return dict(lost)


def _unreadable(connection: Connection, keys: Keys) -> int:
    names = connection.execute(select(entries.c.watchlist, entries.c.id)).all()
    chosen = [EntryKey(*name) for name in random.sample(names, min(SAMPLE, len(names)))]
    rows = connection.execute(WITH_PORTRAITS.where(among(chosen))).all()
    keyed = [(row, keys[row.owner, row.key_generation]) for row in rows if (row.owner, row.key_generation) in keys]
    unreadable = sum(not _opens(row, key) for row, key in keyed)
    if keyed and unreadable == len(keyed):
        raise BackupInvalid("no entry opens")
    return unreadable


def _opens(row: Row[Any], key: OwnerKey) -> bool:
    try:
        entry, _ = open_entry(row, key)
        open_portraits(row, entry, key)
    except SealBroken:
        return False
    return True
