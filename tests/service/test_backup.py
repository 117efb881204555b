"""Backups: whole, verified, of no use without the keys, and of none at all once these are rotated."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import func, select, table, text
from typer.testing import CliRunner

from service.backups import Restore, Restored, back_up
from service.commands import backup as backup_command
from service.commands import restore as restore_command
from service.errors import DataFolderInUse, DataFolderNotEmpty, RestoreUnfinished
from service.identity import Caller, TokenRegister
from service.keys import change_root_key, rotate_owner_key
from service.notices import NoticeKind, Notices
from service.roles import Role
from service.settings import Settings
from service.storage import load_root_key, make_data_folder, open_store, pending_restore, system_clock
from tests.databases import Databases, Files, OnServer
from tests.service.data_folders import E1, filled, new_settings, other
from tests.watchlists.makers import SUBJECT, entry, face, faces, finger
from watchlists import migrations
from watchlists.backup.container import open_container
from watchlists.backup.manifest import MANIFEST, files_in, read_manifest
from watchlists.database import writing
from watchlists.errors import BackupExists, BackupInvalid, BackupKeysGone, RootKeyUnusable, SealBroken
from watchlists.records import EntryKey, Templates
from watchlists.schema import entries, metadata, owner_keys
from watchlists.store import Store
from watchlists.store.sealed_rows import open_entry

ON_BOTH_DATABASES = True
TEXT = "file 4711"


@pytest.fixture
def settings(tmp_path: Path, databases: Databases) -> Settings:
    return new_settings(tmp_path / "home", databases)


@pytest.fixture
def store(settings: Settings) -> Store:
    """A node with an entry, a sealed notice, a token and an agreement."""
    store = filled(settings)
    store.put_entry(entry("e2"), Templates((face(2),), (finger(2),)))
    with writing(store.engine) as connection:
        board = Notices(store.engine, store.keys, settings.keep_notice_texts)
        board.post(connection, NoticeKind.AUTHORISATION_REQUESTED, "xb", system_clock(), {}, text=TEXT)
    TokenRegister(store.engine).issue(Caller("xb", Role.SYNC, "xb-sync"), datetime.now(UTC))
    (settings.agreements_folder / "treaty").mkdir()
    (settings.agreements_folder / "treaty" / "agreement.yaml").write_text("parties: [xa, xb]")
    return store


@pytest.fixture
def made(settings: Settings, store: Store, tmp_path: Path) -> Path:
    return back_up_to(settings, tmp_path / "backup")


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
    del found["audit_log"]
    return {name: sorted(map(tuple, rows), key=repr) for name, rows in found.items()}


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

    restored = restore(new, made)

    again = open_store(new)
    assert (restored.last_sequence, restored.entries, restored.left_out) == (2, 2, 0)
    assert content(again) == content(store)
    assert migrations.differences(again.engine) == []
    assert again.entry(EntryKey("xb-alerts", "e2")) == store.entry(EntryKey("xb-alerts", "e2"))
    assert (new.agreements_folder / "treaty" / "agreement.yaml").read_text() == "parties: [xa, xb]"
    (notice,) = Notices(again.engine, again.keys, new.keep_notice_texts).of(Caller("xb", Role.SYNC, "x"), 0, 9)
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
    assert again.log.last_sequence() > 2


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
        (notice,) = Notices(again.engine, again.keys, new.keep_notice_texts).of(Caller("xb", Role.SYNC, "x"), 0, 9)
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


def test_other_owners_are_not_touched_by_a_rotation(
    settings: Settings, store: Store, made: Path, tmp_path: Path, databases: Databases
) -> None:
    rotate_owner_key(store, "xa", lambda _done, _all: None)
    newest = back_up_to(settings, tmp_path / "newest")
    assert restore(target(settings, tmp_path, databases), made, keys_of(newest)).entries == 2


def spoil_data(folder: Path) -> None:
    data = bytearray((folder / "data.db").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "data.db").write_bytes(data)


def forge_rows(folder: Path) -> None:
    """Change the data, and the manifest with it."""
    engine = open_container(folder / "data.db")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM changes WHERE sequence = 1"))
    manifest = json.loads((folder / MANIFEST).read_text())
    found = files_in(folder)["data.db"]
    manifest["files"]["data.db"] = {"size": found.size, "sha256": found.sha256}
    manifest["rows"]["changes"] -= 1
    (folder / MANIFEST).write_text(json.dumps(manifest))


SPOILERS: dict[str, Callable[[Path], object]] = {
    "data": spoil_data,
    "log": forge_rows,
    "missing": lambda folder: (folder / "data.db").unlink(),
    "surplus": lambda folder: (folder / "agreements" / "more").write_text("permit everything"),
    "agreement": lambda folder: (folder / "agreements" / "treaty" / "agreement.yaml").write_text("parties: []"),
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "manifest": lambda folder: (folder / MANIFEST).write_text("{}"),
    "keys": lambda folder: keys_of(folder).write_text("{}"),
    "no keys": lambda folder: keys_of(folder).unlink(),
}


def test_a_damaged_backup_is_refused_and_nothing_changes(
    settings: Settings, made: Path, tmp_path: Path, databases: Databases
) -> None:
    new = target(settings, tmp_path, databases)
    for name, spoil in SPOILERS.items():
        copy = Path(shutil.copytree(made, tmp_path / name))
        shutil.copy(keys_of(made), keys_of(copy))
        spoil(copy)
        with pytest.raises(BackupInvalid):
            restore(new, copy)
        assert [path.name for path in new.home.iterdir()] == ["root.key"]
    assert restore(new, made).entries == 2


def test_another_root_key_is_refused(settings: Settings, made: Path, tmp_path: Path, databases: Databases) -> None:
    new = new_settings(tmp_path / "new", databases)
    make_data_folder(new)
    with pytest.raises(RootKeyUnusable):
        restore(new, made, replace=True)
    assert open_store(new).partners() == []


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


def test_a_restore_that_fails_leaves_everything_as_it_was(settings: Settings, store: Store, made: Path) -> None:
    store.withdraw_entry(E1, "xb")
    before = content(store)
    store.engine.dispose()

    def killed(what: str, done: int, _total: int) -> None:
        if what == "restoring" and done > 4:
            raise Killed

    with pytest.raises(Killed):
        restore(settings, made, replace=True, progress=killed)
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
    restore(settings, made)
    assert open_store(settings).entry_count() == 2


def test_a_damaged_database_file_is_replaced(settings: Settings, store: Store, made: Path) -> None:
    store.engine.dispose()
    if isinstance(settings.database_place, Path):
        settings.database_place.write_bytes(b"what was left of it" * 1000)
        assert restore(settings, made, replace=True).entries == 2
        assert open_store(settings).entry(E1).sequence == 1


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    settings: Settings, made: Path, tmp_path: Path, databases: Databases
) -> None:
    engine = open_container(made / "data.db")
    with engine.begin() as connection:
        command.downgrade(migrations._config(connection), "-1")
    manifest = json.loads((made / MANIFEST).read_text())
    manifest["schema"] = migrations.revision(engine)
    engine.dispose()
    assert manifest["schema"] != read_manifest(made).schema
    found = files_in(made)["data.db"]
    manifest["files"]["data.db"] = {"size": found.size, "sha256": found.sha256}
    with engine.connect() as connection:
        tables = set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
        names = tables & manifest["rows"].keys()
        manifest["rows"] = {
            name: connection.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names
        }
    (made / MANIFEST).write_text(json.dumps(manifest))

    assert restore(target(settings, tmp_path, databases), made).entries == 2


def test_a_backup_is_never_overwritten_and_keys_lie_apart(settings: Settings, store: Store, made: Path) -> None:
    with pytest.raises(BackupExists, match="exists already"):
        back_up_to(settings, made)
    with pytest.raises(BackupExists, match="would lie in"):
        back_up_to(settings, made.with_name("next"), made.with_name("next") / "keys")
    (made.with_name("next.partial")).mkdir()  # of a run that was killed
    (made.with_name("next.partial") / "surplus").touch()
    assert not (back_up_to(settings, made.with_name("next")) / "surplus").exists()


def test_entries_that_do_not_open_are_counted_and_if_none_opens_it_is_no_backup(
    settings: Settings, store: Store, tmp_path: Path, databases: Databases
) -> None:
    def spoil(name: str) -> None:
        with writing(store.engine) as connection:
            connection.execute(entries.update().where(entries.c.id == name).values(sealed_templates=b"\1" + bytes(60)))

    spoil("e1")
    assert back_up(settings, tmp_path / "one", tmp_path / "keys", quiet).unreadable == 1
    assert restore(target(settings, tmp_path, databases), tmp_path / "one", tmp_path / "keys").unreadable == 1
    spoil("e2")
    with pytest.raises(BackupInvalid, match="no entry opens"):
        back_up_to(settings, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert not keys_of(tmp_path / "none").exists()


def test_the_commands_work_together(
    settings: Settings, store: Store, tmp_path: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use(used: Settings) -> None:
        monkeypatch.setenv("CROSSCHECK_HOME", str(used.home))
        monkeypatch.setenv("CROSSCHECK_DATABASE", used.database.get_secret_value())

    use(settings)
    arguments = [str(tmp_path / "backup"), "--keys", str(tmp_path / "keys.json")]
    made = json.loads(CliRunner().invoke(backup_command.commands, [*arguments, "--json"]).stdout)
    assert (made["entries"], made["last_sequence"]) == (2, 2)
    use(target(settings, tmp_path, databases))
    done = CliRunner().invoke(restore_command.commands, arguments)
    assert "2 entries" in done.stdout
    assert "doctor --deep" in done.stdout
    assert load_root_key(Settings()) is not None
    assert open_store(Settings()).entry(E1).sequence == 1
