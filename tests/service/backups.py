"""What the tests of backups share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from models.samples import Portrait
from service.backups import Restore, Restored, back_up
from service.identity import Caller, TokenRegister
from service.notices import NoticeKind, Notices
from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock
from tests.databases import Databases
from tests.service.data_folders import filled, new_settings
from tests.watchlists.makers import entry, face, finger
from watchlists.database import writing
from watchlists.records import Templates
from watchlists.schema import NODE, metadata
from watchlists.store import Store

TEXT = "file 4711"


def filled_with_all(settings: Settings) -> Store:
    """Return a new node with entries, a sealed notice, a token and an agreement."""
    store = filled(settings)
    store.put_entry(entry("e2"), Templates((face(2),), (finger(2),)), (Portrait(b"JPEG", ((1.0, 2.0),) * 5),))
    with writing(store.engine) as connection:
        board = Notices(store.engine, store.keys, settings.keep_notice_texts)
        board.post(connection, NoticeKind.AUTHORISATION_REQUESTED, "xb", system_clock(), {}, text=TEXT)
    TokenRegister(store.engine).issue(Caller("xb", Role.SYNC, "xb-sync"), datetime.now(UTC))
    (settings.agreements_folder / "treaty").mkdir()
    (settings.agreements_folder / "treaty" / "agreement.yaml").write_text("parties: [xa, xb]")
    return store


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


def keys_of(folder: Path) -> Path:
    return folder.with_suffix(".keys")


def back_up_to(settings: Settings, folder: Path, keys: Path | None = None) -> Path:
    back_up(settings, folder, keys or keys_of(folder), quiet)
    return folder


def restore(settings: Settings, folder: Path, keys: Path | None = None, **how: Any) -> Restored:
    return Restore(settings, how.pop("progress", quiet), **how).run(folder, keys or keys_of(folder))


def target(settings: Settings, tmp_path: Path, databases: Databases) -> Settings:
    """Return the settings of a new node that has nothing but the root key."""
    new = new_settings(tmp_path / "new", databases)
    new.home.mkdir(mode=0o700)
    shutil.copy(settings.root_key_file, new.root_key_file)
    return new


@contextmanager
def running(settings: Settings) -> Iterator[Store]:
    """Open the store, and let go of it."""
    store = open_store(settings)
    yield store
    store.engine.dispose()


def content(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the database, but for the audit events of backup and restore themselves."""
    with store.engine.connect() as connection:
        found = {table.name: connection.execute(select(table)).all() for table in metadata.sorted_tables}
    own = {row.number for row in found["audit_events"] if row.kind in {"backup-made", "backup-restored"}}
    for name in ("audit_events", "audit_payloads"):
        found[name] = [row for row in found[name] if row.number not in own]
    found["audit_parts"] = [row for row in found["audit_parts"] if row.partner != NODE]  # these events are its own
    del found["audit_log"]
    return {name: sorted(map(tuple, rows), key=repr) for name, rows in found.items()}
