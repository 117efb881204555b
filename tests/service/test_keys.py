"""Keys as an operator handles them: where the root key comes from, and how it and the keys of owners are changed."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from service.commands.key import commands
from service.errors import DataFolderExists
from service.keys import change_root_key, rotate_owner_key
from service.settings import Settings
from service.storage import make_data_folder, open_store
from tests.databases import Databases
from tests.service.data_folders import E1, filled, new_settings, other
from tests.service.recorded import recorded
from tests.watchlists.makers import entry, faces
from watchlists.database import writing
from watchlists.errors import RootKeyUnusable, RotationUnfinished, UnknownPartner
from watchlists.records import EntryKey, Partner
from watchlists.sealing import FileRootKey
from watchlists.store import Store

ON_BOTH_DATABASES = True
GIVEN = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def settings(tmp_path: Path, databases: Databases) -> Settings:
    return new_settings(tmp_path / "home", databases)


@pytest.fixture
def store(settings: Settings) -> Store:
    return filled(settings)


def events(store: Store) -> list[dict[str, Any]]:
    return recorded(store)


def test_a_root_key_of_the_environment_is_used_and_none_is_written(settings: Settings) -> None:
    given = other(settings, root_key=GIVEN)
    make_data_folder(given)
    open_store(given).add_partner(Partner("xb", "State of XB"))

    assert not settings.root_key_file.exists()
    assert GIVEN not in repr(given)
    assert open_store(given).partner("xb").name == "State of XB"
    with pytest.raises(RootKeyUnusable, match=r"no root key at .*, and CROSSCHECK_ROOT_KEY is not set"):
        open_store(settings)
    with pytest.raises(RootKeyUnusable, match="not the one"):
        open_store(other(settings, root_key=base64.b64encode(bytes(32)).decode()))
    with pytest.raises(DataFolderExists):
        make_data_folder(given)


def test_the_environment_goes_before_the_file(settings: Settings, store: Store) -> None:
    text = settings.root_key_file.read_text()
    with pytest.raises(RootKeyUnusable, match="not the one"):
        open_store(other(settings, root_key=GIVEN))
    settings.root_key_file.unlink()
    assert open_store(other(settings, root_key=text)).entry(E1).sequence == 1


@pytest.mark.parametrize("broken", ["AAAA", "no key"])
def test_a_broken_root_key_in_the_environment_makes_nothing(settings: Settings, broken: str) -> None:
    with pytest.raises(RootKeyUnusable, match=r"CROSSCHECK_ROOT_KEY|instead of 32") as refused:
        make_data_folder(other(settings, root_key=broken))
    assert broken not in refused.value.detail
    assert not settings.home.exists()


def test_the_root_key_is_changed_while_a_process_runs(
    settings: Settings, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = settings.root_key_file.read_bytes()
    running = open_store(settings)

    changed = change_root_key(settings, tmp_path / "new.key")

    assert (changed.keys, changed.installed) == (3, str(settings.root_key_file))
    assert settings.root_key_file.read_bytes() == (tmp_path / "new.key").read_bytes() != old
    assert settings.root_key_file.stat().st_mode & 0o777 == 0o600
    assert open_store(settings).entry(E1).templates == faces(1)
    assert events(store)[-1]["kind"] == "root-key-changed"
    assert events(store)[-1]["partner"] is None

    caplog.set_level(logging.WARNING)
    running.put_entry(entry("e2"), faces(2))  # under the same key of the owner
    assert running.entry(E1).templates == faces(1)
    assert "restart this process" in caplog.text
    assert open_store(settings).entry(EntryKey("xb-alerts", "e2")).templates == faces(2)
    with pytest.raises(RootKeyUnusable):  # a key under the old root key would be lost
        running.add_partner(Partner("xc", "State of XC"))
    assert [partner.id for partner in store.partners()] == ["xa", "xb"]

    (tmp_path / "old.key").write_bytes(old)
    (tmp_path / "old.key").chmod(0o600)
    with pytest.raises(RootKeyUnusable, match="not the one"):
        open_store(settings, root=FileRootKey.load(tmp_path / "old.key"))


def test_a_change_that_was_broken_off_is_finished_by_the_same_call(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    old = settings.root_key_file.read_bytes()
    change_root_key(settings, tmp_path / "new.key")
    settings.root_key_file.write_bytes(old)  # as if it had been broken off after the database had changed
    with pytest.raises(RootKeyUnusable) as refused:
        open_store(settings)
    assert "key rotate --root" in refused.value.hint

    assert change_root_key(settings, tmp_path / "new.key").keys == 0
    assert open_store(settings).entry(E1).templates == faces(1)
    assert [event["kind"] for event in events(store)].count("root-key-changed") == 1


def test_with_a_root_key_of_the_environment_no_file_is_written(settings: Settings, tmp_path: Path) -> None:
    given = other(settings, root_key=GIVEN)
    make_data_folder(given)
    open_store(given).add_partner(Partner("xb", "State of XB"))
    assert change_root_key(given, tmp_path / "new.key").installed is None
    assert not settings.root_key_file.exists()
    assert open_store(other(settings, root_key=(tmp_path / "new.key").read_text())).partner("xb")


def test_the_root_key_is_not_changed_amid_a_rotation_nor_into_itself(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(RootKeyUnusable, match="present root key"):
        change_root_key(settings, settings.root_key_file)
    with writing(store.engine) as connection:
        store.keys.begin_generation(connection, "xb")
    with pytest.raises(RotationUnfinished) as refused:
        change_root_key(settings, tmp_path / "new.key")
    assert "--owner xb" in refused.value.hint
    assert open_store(settings).entry(E1).templates == faces(1)


def test_a_rotation_is_on_record(store: Store) -> None:
    rotate_owner_key(store, "xb", lambda _done, _all: None)
    event = events(store)[-1]
    assert (event["kind"], event["partner"], event["actor"]) == ("owner-key-rotated", "xb", "crosscheck key rotate")
    assert event["details"] == {"generation": 2, "entries": 1, "values": 0, "lost": 0}
    with pytest.raises(UnknownPartner):
        rotate_owner_key(store, "xz", lambda _done, _all: None)


def test_the_command_rotates_and_says_what_to_do(
    settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSCHECK_HOME", str(settings.home))
    monkeypatch.setenv("CROSSCHECK_DATABASE", settings.database.get_secret_value())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(commands, ["rotate", *arguments])

    rotated = json.loads(run("--owner", "xb", "--json").stdout)
    assert (rotated["generation"], rotated["entries"], rotated["wiped"]) == (2, 1, True)
    assert "delete all older key files" in run("--owner", "xb").stdout
    assert "Restart all processes" in run("--root", "--new-root-key", str(tmp_path / "new.key")).stdout
    for wrong in (["--owner", "xb", "--root"], [], ["--root"], ["--owner", "xb", "--new-root-key", "x"]):
        assert run(*wrong).exit_code == 2
    assert open_store(settings).entry(E1).templates == faces(1)
