"""Make a backup while the service runs: one moment of the database, the agreements, and apart from them the keys."""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from watchlists import migrations
from watchlists.backup.container import Progress, write_container
from watchlists.backup.key_file import KeyFile, newest_key
from watchlists.backup.manifest import AGREEMENTS, DATA, Manifest, files_in, seal
from watchlists.backup.verify import VerifiedBackup, verify
from watchlists.errors import BackupExists
from watchlists.files import sync_folder, sync_tree
from watchlists.schema import NODE, change_head
from watchlists.sealing import RootKey


def make_backup(
    engine: Engine, agreements: Path, folder: Path, key_file: Path, root: RootKey, now: datetime, progress: Progress
) -> VerifiedBackup:
    """Make a backup in a new folder, verify it, and put its keys into `key_file` in place of those of the last one.

    Until it is whole and verified it has another name (`.partial`); the old key file stays as long.

    Raises:
        BackupExists: the folder exists, or the key file would be in it.
        BackupInvalid: what was written is not what is read: do not trust that disk.
        SealBroken: the key of an owner does not open.
    """
    _require_new(folder, key_file)
    partial, partial_keys = (path.with_name(path.name + ".partial") for path in (folder, key_file))
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was broken off
    partial.mkdir(mode=0o700, parents=True)
    with engine.connect() as connection:  # one transaction, which sees one moment
        keys = KeyFile.of(connection, now)
        _write(connection, agreements, partial, keys, progress).write(partial)
        node = newest_key(keys.unwrap(root), NODE)
        if node is not None:  # else `verify` says so
            seal(partial, node)
    sync_tree(partial)
    keys.save(partial_keys)
    verified = verify(partial, partial_keys, root, progress)
    partial.rename(folder)
    sync_folder(folder.parent)
    partial_keys.replace(key_file)
    sync_folder(key_file.parent)
    return replace(verified, folder=folder)


def _write(connection: Connection, agreements: Path, folder: Path, keys: KeyFile, progress: Progress) -> Manifest:
    rows = write_container(folder / DATA, connection, progress)
    shutil.copytree(agreements, folder / AGREEMENTS)
    generations = defaultdict[str, list[int]](list)
    for row in keys.rows:
        generations[row.owner].append(row.generation)
    return Manifest(
        format=1,
        made_at=keys.made_at,
        schema=migrations.head(),
        last_sequence=connection.execute(select(change_head.c.last_sequence)).scalar_one(),
        rows=rows,
        generations=dict(generations),
        files=files_in(folder),
    )


def _require_new(folder: Path, key_file: Path) -> None:
    if folder.exists():
        raise BackupExists(f"{folder} exists already")
    if key_file.resolve().is_relative_to(folder.resolve()):
        raise BackupExists(
            f"the key file would lie in {folder}", hint="Keep it apart from the data: name another place."
        )
