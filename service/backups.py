"""Backup and restore of a node: its database, its agreements, and apart from them the keys of owners.

A restore is prepared in a folder of its own beside what it will replace. While that folder exists the node does not
start; it is gone when everything is in place, or when it is certain that nothing was changed. Broken off, at whatever
point and however often, a restore is finished by the same call.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from service import audit
from service.audit import AuditLog, Event, EventKind
from service.errors import DataFolderInUse, DataFolderNotEmpty
from service.identity import Caller, revoke_all
from service.machines.register import revoke_all_keys
from service.roles import Role
from service.settings import Settings
from service.storage import load_root_key, open_store, opened, pending_restore, system_clock
from watchlists import migrations
from watchlists.backup import (
    AGREEMENTS,
    Progress,
    VerifiedBackup,
    make_backup,
    require_keys,
    restore_rows,
    verify,
)
from watchlists.database import Turn, in_use, open_database, writing
from watchlists.files import sync_folder, sync_tree
from watchlists.keys import KeyRing
from watchlists.schema import root_key_checks
from watchlists.sealing import LocalRootKey, RootKey

ACTOR = "crosscheck restore"
BACKUP_ACTOR = "crosscheck backup"
_COMPANIONS = ("", "-wal", "-shm")
"""Of a SQLite file: what else belongs to it."""


def back_up(
    settings: Settings, folder: Path, key_file: Path, progress: Progress, clock: Callable[[], datetime] = system_clock
) -> VerifiedBackup:
    """Make a backup while the service runs, and verify it.

    Raises:
        CrosscheckError: as `make_backup`; or the data folder cannot be used.
    """
    store = open_store(settings)
    try:
        root = load_root_key(settings)
        backup = make_backup(store.engine, settings.agreements_folder, folder, key_file, root, clock(), progress)
        with writing(store.engine) as connection:
            actor, details = Caller("", Role.OPERATOR, BACKUP_ACTOR), {"last_sequence": backup.manifest.last_sequence}
            audit.record(connection, EventKind.BACKUP_MADE, actor, clock(), details)
        return backup
    finally:
        store.engine.dispose()


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Args:
        made_at: when the backup was made.
        last_sequence: of the change log, as it is now.
        entries: that there are now.
        left_out: entries that would not open, for their keys are gone.
        unreadable: of the entries that were tried, those that do not open although their keys are there.
        tokens_revoked: that were in force in the backup.
    """

    made_at: datetime
    last_sequence: int
    entries: int
    left_out: int
    unreadable: int
    tokens_revoked: int


class Restore:
    """One restore.

    Args:
        settings: of the node; its root key must be that of the key file.
        replace: whether what there is may be replaced.
        leave_out_lost: whether to go on without entries whose keys are gone.
        keep_tokens: whether tokens that are in force in the backup stay so, those among them that were revoked since.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        *,
        replace: bool = False,
        leave_out_lost: bool = False,
        keep_tokens: bool = False,
        clock: Callable[[], datetime] = system_clock,
    ) -> None:
        self._settings = settings
        self._place = settings.database_place
        self._pending = pending_restore(settings)
        self._progress = progress
        self._replace = replace
        self._leave_out_lost = leave_out_lost
        self._keep_tokens = keep_tokens
        self._clock = clock
        self._may_have_changed = False

    def run(self, folder: Path, key_file: Path) -> Restored:
        """Put a backup in place of what there is. Everything is verified before anything is changed.

        Raises:
            BackupInvalid, SealBroken: the backup is damaged.
            RootKeyUnusable: it was made under another root key.
            BackupKeysGone: keys were rotated since.
            DataFolderNotEmpty: something would be replaced.
            DataFolderInUse: a process is still connected to the database.
        """
        self._may_have_changed = self._pending.exists()  # then an earlier call was broken off
        root = load_root_key(self._settings)
        backup = verify(folder, key_file, root, self._progress)
        if not self._leave_out_lost:
            require_keys(backup)
        self._require_free()
        try:
            self._prepare(folder)
            left_out, revoked = self._fill(backup, root)
        except BaseException:
            if not self._may_have_changed:
                shutil.rmtree(self._pending, ignore_errors=True)
            raise
        self._put_in_place()
        return self._outcome(backup, left_out, revoked)

    def _require_free(self) -> None:
        if isinstance(self._place, Path) and not self._place.exists():
            used = False
        else:
            with opened(self._settings) as engine:
                if in_use(engine):
                    raise DataFolderInUse("the database is in use")
                used = isinstance(self._place, Path) or _belongs_to_a_node(engine)
                engine.dispose()
        used = used or any(self._settings.agreements_folder.glob("*"))
        if used and not (self._replace or self._may_have_changed):
            raise DataFolderNotEmpty(f"there is data in {self._settings.home} or its database")

    def _prepare(self, folder: Path) -> None:
        self._settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._pending.mkdir(mode=0o700, exist_ok=True)
        for left in self._pending.iterdir():  # the folder itself stays: until everything is in place nothing may start
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        shutil.copytree(folder / AGREEMENTS, self._pending / AGREEMENTS)
        sync_tree(self._pending)
        sync_folder(self._settings.home)

    def _fill(self, backup: VerifiedBackup, root: LocalRootKey) -> tuple[int, int]:
        """Fill the database: on a server in one transaction, as a file in a new one beside the old.

        Returns:
            How many entries were left out, and how many tokens were revoked.
        """
        new = self._pending / self._place.name if isinstance(self._place, Path) else self._place
        engine = open_database(new)
        try:
            migrations.upgrade(engine)
            with writing(engine, Turn.MIGRATION) as connection:
                left_out = restore_rows(connection, backup, root, self._clock(), self._progress)
                revoked = 0 if self._keep_tokens else _revoke_identities(connection, self._clock())
                self._record(connection, backup, root, {"left_out": left_out, "tokens_revoked": revoked})
                # Whoever loses the connection from here on cannot know whether the server has committed.
                self._may_have_changed |= not isinstance(self._place, Path)
        finally:
            engine.dispose()
        return left_out, revoked

    def _record(self, connection: Connection, backup: VerifiedBackup, root: RootKey, counts: Mapping[str, int]) -> None:
        manifest = backup.manifest
        details: audit.Details = {
            "made_at": manifest.made_at.isoformat(),
            "last_sequence": manifest.last_sequence,
            **counts,
        }
        now = self._clock()
        log = AuditLog(KeyRing(connection.engine, root))
        log.begin(connection, now)
        log.append(connection, [Event(EventKind.BACKUP_RESTORED, None, ACTOR, now, details)])

    def _put_in_place(self) -> None:
        if isinstance(self._place, Path):
            sync_tree(self._pending)
            for companion in _COMPANIONS:
                self._place.with_name(self._place.name + companion).unlink(missing_ok=True)
            (self._pending / self._place.name).rename(self._place)
        if self._settings.agreements_folder.exists():
            shutil.rmtree(self._settings.agreements_folder)
        (self._pending / AGREEMENTS).rename(self._settings.agreements_folder)
        sync_folder(self._settings.home)
        shutil.rmtree(self._pending)
        sync_folder(self._settings.home)

    def _outcome(self, backup: VerifiedBackup, left_out: int, revoked: int) -> Restored:
        store = open_store(self._settings)
        try:
            made_at, last = backup.manifest.made_at, store.log.last_sequence()
            return Restored(made_at, last, store.entry_count(), left_out, backup.unreadable, revoked)
        finally:
            store.engine.dispose()


def _belongs_to_a_node(engine: Engine) -> bool:
    """Whether there is more in a database than the tables that a restore which failed has made."""
    if not migrations.has_tables(engine):
        return False
    with engine.connect() as connection:
        return connection.execute(select(root_key_checks.c.id)).first() is not None


def _revoke_identities(connection: Connection, now: datetime) -> int:
    """Void what callers had when the backup was made; return how many tokens and keys that are."""
    return revoke_all(connection, now) + revoke_all_keys(connection, now)
