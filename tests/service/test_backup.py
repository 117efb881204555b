"""Backups: whole, verified, of no use without the keys, and of none at all once these are rotated."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import DBAPIError

from service.commands.doctor import examine_deeply
from service.errors import DataFolderInUse, DataFolderNotEmpty, RestoreUnfinished
from service.identity import Caller, TokenRegister
from service.keys import change_root_key, rotate_owner_key
from service.notices import Notices
from service.roles import Role
from service.settings import Settings
from service.storage import open_store, pending_restore, system_clock
from tests.databases import Databases, Files, OnServer
from tests.service.backups import TEXT, back_up_to, content, filled_with_all, keys_of, quiet, restore, running, target
from tests.service.data_folders import E1, new_settings, other
from tests.service.recorded import recorded
from tests.watchlists.makers import SUBJECT, entry, face, faces, finger
from watchlists import migrations
from watchlists.backup.container import open_container
from watchlists.errors import BackupKeysGone, RootKeyUnusable, SealBroken
from watchlists.records import EntryKey
from watchlists.schema import entries, owner_keys
from watchlists.store import Store
from watchlists.store.sealed_rows import open_entry

ON_BOTH_DATABASES = True


@pytest.fixture
def settings(tmp_path: Path, databases: Databases) -> Settings:
    return new_settings(tmp_path / "home", databases)


@pytest.fixture
def store(settings: Settings) -> Store:
    return filled_with_all(settings)


@pytest.fixture
def made(settings: Settings, store: Store, tmp_path: Path) -> Path:
    return back_up_to(settings, tmp_path / "backup")


def other_kind(databases: Databases, request: pytest.FixtureRequest) -> Databases:
    on_server: OnServer = request.getfixturevalue("on_server")
    return Files() if isinstance(databases, OnServer) else on_server


@pytest.mark.parametrize("same", [True, False], ids=["same kind", "other kind"])
def test_what_is_restored_is_what_was(
    settings: Settings,
    store: Store,
    made: Path,
    tmp_path: Path,
    databases: Databases,
    request: pytest.FixtureRequest,
    same: bool,
) -> None:
    new = target(settings, tmp_path, databases if same else other_kind(databases, request))

    restored = restore(new, made, keep_tokens=True)

    assert [finding.detail for finding in examine_deeply(new, quiet) if not finding.ok] == []
    again = open_store(new)
    assert (restored.last_sequence, restored.entries, restored.left_out) == (2, 2, 0)
    assert content(again) == content(store)
    assert migrations.differences(again.engine) == []
    assert again.entry(EntryKey("xb-alerts", "e2")) == store.entry(EntryKey("xb-alerts", "e2"))
    assert (new.agreements_folder / "treaty" / "agreement.yaml").read_text() == "parties: [xa, xb]"
    (notice,) = Notices(again.engine, again.keys, new.keep_notice_texts).of(
        Caller("xb", Role.SYNC, "x"), 0, 9, datetime.now(UTC)
    )
    assert notice.text == TEXT
    # and it goes on: numbers of rows, of changes, of keys
    assert again.put_entry(entry("e3"), faces(3)).sequence == 3
    rotate_owner_key(again, "xb", lambda _done, _all: None)
    assert not pending_restore(new).exists()


def test_a_backup_holds_nothing_in_clear_and_no_key(settings: Settings, store: Store, made: Path) -> None:
    with store.engine.connect() as connection:
        keys = connection.execute(select(owner_keys.c.wrapped_key, owner_keys.c.sealed_digest_key)).all()
    data = b"".join(path.read_bytes() for path in made.rglob("*") if path.is_file())
    assert b"xb-alerts" in data  # the search looks where things are
    names = [SUBJECT.family_name or "", SUBJECT.given_names or "", *SUBJECT.documents, TEXT]
    templates = [face(1).vector.tobytes()[:16], finger(2).minutiae.to_bytes()[:16]]
    assert [each for each in [*(name.encode() for name in names), *templates] if each in data] == []
    assert [each for row in keys for each in row if each in data] == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in (made, made / "data.db", keys_of(made)))
    assert not list(made.parent.glob("*.partial"))


def test_a_backup_is_of_one_moment_while_others_write(
    settings: Settings, store: Store, tmp_path: Path, databases: Databases
) -> None:
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.wait(0.001):
            store.put_entry(entry(f"w{number % 7}"), faces(number))
            if number % 3 == 0:
                store.withdraw_entry(EntryKey("xb-alerts", f"w{number % 7}"), "xb")
            number += 1

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        try:
            while store.log.last_sequence() < 5:
                threading.Event().wait(0.01)
            made = back_up_to(settings, tmp_path / "backup")
        finally:
            over.set()
        writer.result()

    new = target(settings, tmp_path, databases)
    restore(new, made)
    again = open_store(new)
    present = {}
    for change in again.log.after(0, 100_000):
        present[change.key] = change.sequence if change.kind == "put" else None
    stored = {each.key: each.sequence for each in again.open_templates() if each.templates is not None}
    assert stored == {key: sequence for key, sequence in present.items() if sequence is not None}
    assert again.log.last_sequence() >= 5


def test_what_was_withdrawn_before_a_rotation_comes_back_from_no_older_backup(
    settings: Settings, store: Store, made: Path, tmp_path: Path, databases: Databases
) -> None:
    """The promise of docs/operations.md, step by step."""
    old_keys = Path(shutil.copy(keys_of(made), tmp_path / "kept.keys"))
    store.withdraw_entry(E1, "xb")
    newer = back_up_to(settings, tmp_path / "newer")
    rotate_owner_key(store, "xb", lambda _done, _all: None)
    newest = back_up_to(settings, tmp_path / "newest")
    new = target(settings, tmp_path, databases)

    for folder in (made, newer):  # with the keys of now neither opens
        with pytest.raises(BackupKeysGone, match="of xb"):
            restore(new, folder, keys_of(newest))
    assert not new.agreements_folder.exists()
    engine = open_container(made / "data.db", read_only=True)
    with engine.connect() as connection, store.engine.connect() as live:
        for row in connection.execute(select(entries)).all():
            for generation in store.keys.generations(live, "xb"):
                with pytest.raises(SealBroken):
                    open_entry(row, store.keys.generation(live, "xb", generation))

    assert restore(new, made, keys_of(newest), leave_out_lost=True).left_out == 2
    with running(new) as again:
        assert (again.entry_count(), [change.kind.value for change in again.log.after(2)]) == (0, ["withdraw"] * 2)
        (notice,) = Notices(again.engine, again.keys, new.keep_notice_texts).of(
            Caller("xb", Role.SYNC, "x"), 0, 9, datetime.now(UTC)
        )
        assert notice.text is None
        again.put_entry(entry("e1"), faces(1))

    restore(new, newest, replace=True)
    with running(new) as again:
        assert [each.key.entry for each in again.open_templates() if each.templates] == ["e2"]

    # a key file that was kept would undo all of it, until the root key is changed as well
    restore(new, made, old_keys, replace=True)
    with running(new) as again:
        assert again.entry(E1).templates == faces(1)
    change_root_key(settings, tmp_path / "new-root.key")
    with pytest.raises(RootKeyUnusable):
        restore(other(new, root_key=(tmp_path / "new-root.key").read_text()), made, old_keys, replace=True)


def test_what_is_there_is_replaced_on_demand_alone_and_not_under_a_running_process(
    settings: Settings, store: Store, made: Path, tmp_path: Path
) -> None:
    store.withdraw_entry(E1, "xb")
    with pytest.raises(DataFolderInUse):
        restore(settings, made, replace=True)
    store.engine.dispose()
    with pytest.raises(DataFolderNotEmpty, match="there is data") as refused:
        restore(settings, made)
    assert "--replace" in refused.value.hint
    assert store.entry_count() == 1

    store.engine.dispose()
    assert restore(settings, made, replace=True).entries == 2
    assert open_store(settings).entry(E1).templates == faces(1)


class Killed(Exception):
    pass


def _killed(what: str, done: int, _total: int) -> None:
    if what == "restoring" and done > 4:
        raise Killed


def test_a_restore_that_fails_leaves_everything_as_it_was(settings: Settings, store: Store, made: Path) -> None:
    store.withdraw_entry(E1, "xb")
    before = content(store)
    store.engine.dispose()

    with pytest.raises(Killed):
        restore(settings, made, replace=True, progress=_killed)
    again = open_store(settings)
    assert content(again) == before
    again.engine.dispose()


def test_after_a_restore_that_was_killed_nothing_starts_until_it_is_finished(
    settings: Settings, store: Store, made: Path
) -> None:
    store.engine.dispose()
    pending_restore(settings).mkdir()
    with pytest.raises(RestoreUnfinished) as refused:
        open_store(settings)
    assert "run the same" in refused.value.hint.lower()
    for path in settings.home.glob("crosscheck.db*"):  # as it may be when it was broken off
        path.unlink()
    (pending_restore(settings) / "crosscheck.db").write_bytes(b"half of it")
    with pytest.raises(Killed):
        restore(settings, made, progress=_killed)
    with pytest.raises(RestoreUnfinished):  # broken off twice
        open_store(settings)
    restore(settings, made)
    assert open_store(settings).entry_count() == 2


def test_where_the_connection_is_lost_during_the_commit_nothing_starts_either(
    settings: Settings, store: Store, made: Path, databases: Databases
) -> None:
    """The server may have committed, beside the old agreements. A new file beside the old one has changed nothing."""
    store.withdraw_entry(E1, "xb")
    store.engine.dispose()

    def close(connection: Connection) -> None:
        lost = connection.connection.dbapi_connection
        assert lost is not None
        lost.close()

    def lose_the_next(what: str, done: int, total: int) -> None:
        if what == "restoring" and done == total:
            event.listen(Engine, "commit", close)

    try:
        with pytest.raises(DBAPIError):
            restore(settings, made, replace=True, progress=lose_the_next)
    finally:
        event.remove(Engine, "commit", close)
    if isinstance(databases, OnServer):
        with pytest.raises(RestoreUnfinished):
            open_store(settings)
        restore(settings, made)
        assert open_store(settings).entry_count() == 2
    else:
        assert open_store(settings).entry_count() == 1


def test_no_token_is_in_force_after_a_restore_unless_it_is_asked_for(
    settings: Settings, store: Store, made: Path
) -> None:
    tokens = TokenRegister(store.engine)
    tokens.revoke("xb-sync", system_clock())
    store.engine.dispose()
    assert restore(settings, made, replace=True).tokens_revoked == 1
    with running(settings) as again:
        assert [token.revoked_at is None for token in TokenRegister(again.engine).all()] == [False]
        (event,) = recorded(again, "backup-restored")
        assert event["details"]["tokens_revoked"] == 1
    assert restore(settings, made, replace=True, keep_tokens=True).tokens_revoked == 0
    with running(settings) as again:
        assert [token.revoked_at is None for token in TokenRegister(again.engine).all()] == [True]
