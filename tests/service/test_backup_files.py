"""The files of a backup: what is damaged is refused, and what is old is brought up to date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import func, select, table, text
from typer.testing import CliRunner

from service.backups import back_up
from service.commands import backup as backup_command
from service.commands import restore as restore_command
from service.keys import rotate_owner_key
from service.settings import Settings
from service.storage import load_root_key, make_data_folder, open_store
from tests.databases import Databases
from tests.service.backups import back_up_to, filled_with_all, keys_of, quiet, restore, target
from tests.service.data_folders import E1, new_settings
from watchlists import migrations
from watchlists.backup.container import open_container
from watchlists.backup.key_file import KeyFile, newest_key
from watchlists.backup.manifest import MANIFEST, SEAL, files_in, read_manifest, seal
from watchlists.database import writing
from watchlists.errors import BackupExists, BackupInvalid, RootKeyUnusable
from watchlists.schema import NODE, entries
from watchlists.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path, databases: Databases) -> Settings:
    return new_settings(tmp_path / "home", databases)


@pytest.fixture
def store(settings: Settings) -> Store:
    return filled_with_all(settings)


@pytest.fixture
def made(settings: Settings, store: Store, tmp_path: Path) -> Path:
    return back_up_to(settings, tmp_path / "backup")


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


def forge_agreement(folder: Path) -> None:
    """Change an agreement, and what the manifest says of it."""
    name = "agreements/treaty/agreement.yaml"
    (folder / name).write_text("parties: []")
    manifest = json.loads((folder / MANIFEST).read_text())
    found = files_in(folder)[name]
    manifest["files"][name] = {"size": found.size, "sha256": found.sha256}
    (folder / MANIFEST).write_text(json.dumps(manifest))


SPOILERS: dict[str, Callable[[Path], object]] = {
    "data": spoil_data,
    "log": forge_rows,
    "forged agreement": forge_agreement,
    "no seal": lambda folder: (folder / SEAL).unlink(),
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
    node = newest_key(KeyFile.load(keys_of(made)).unwrap(load_root_key(settings)), NODE)
    assert node is not None
    seal(made, node)

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
    assert "1 tokens were revoked" in done.stdout
    assert load_root_key(Settings()) is not None
    assert open_store(Settings()).entry(E1).sequence == 1
