"""A data folder whose database is on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from models.face import FaceEncoder
from models.weights import ModelStore
from service.app import bootstrap
from service.commands.doctor import examine
from service.errors import DatabaseAway, DataFolderExists, DataFolderMissing
from service.settings import DatabaseUrlInvalid, Settings
from service.storage import make_data_folder, open_store
from tests.postgresql import Server
from tests.service.test_cli import Operator
from watchlists.database import examine as examine_database
from watchlists.database import wipe_deleted
from watchlists.errors import RootKeyUnusable
from watchlists.records import Partner
from watchlists.schema import entries

PASSWORD = "correct-horse"


def text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def url(server: Server) -> URL:
    """An empty database on the server."""
    return server.new_database()


@pytest.fixture
def settings(tmp_path: Path, url: URL) -> Settings:
    return Settings(home=tmp_path / "home", database=text(url))  # type: ignore[arg-type]  # pydantic converts


def other(settings: Settings, **changes: Any) -> Settings:
    return Settings.model_validate(settings.model_dump() | changes)


@pytest.mark.slow
def test_init_serve_and_doctor_work_on_it(
    settings: Settings, server: Server, model_store: ModelStore, faces: FaceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSCHECK_DATABASE", settings.database.get_secret_value())
    Operator(settings.home, model_store.folder).output("init", "--sample")

    served = bootstrap(other(settings, models=model_store.folder), faces=faces)
    assert served.ready()
    served.close()
    server.set("fsync", "on")
    findings = {finding.what: finding for finding in examine(other(settings, models=model_store.folder))}
    server.set("fsync", "off")
    assert [what for what, finding in findings.items() if not finding.ok] == []
    assert "PostgreSQL" in findings["database"].detail
    assert "synchronous_commit on, fsync on" in findings["database"].detail
    assert not (settings.home / "crosscheck.db").exists()


def test_the_role_of_the_documentation_has_the_rights_it_needs(tmp_path: Path, server: Server, url: URL) -> None:
    documented = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    block = documented.partition("```sql\n")[2].partition("```")[0]
    for statement in block.split(";")[:-1]:
        server.execute(statement)
    place = text(url.set(username="crosscheck", database="crosscheck"))
    settings = Settings(home=tmp_path / "home", database=place)  # type: ignore[arg-type]  # pydantic converts

    make_data_folder(settings)
    store = open_store(settings)
    store.add_partner(Partner("xa", "State of XA"))
    assert examine_database(store.engine).weaknesses == ("fsync is off, and has to be on",)
    assert wipe_deleted(store.engine, entries)


def test_the_doctor_says_what_would_lose_an_acknowledged_write(settings: Settings) -> None:
    make_data_folder(settings)
    (finding,) = (each for each in examine(settings) if each.what == "database")
    assert not finding.ok
    assert "fsync is off" in finding.detail


def test_an_empty_database_is_not_taken_for_a_node_without_entries(settings: Settings, server: Server) -> None:
    make_data_folder(settings)
    with pytest.raises(DataFolderMissing, match="no tables"):
        open_store(other(settings, database=text(server.new_database())))


def test_a_database_belongs_to_one_data_folder(settings: Settings, tmp_path: Path) -> None:
    make_data_folder(settings)
    second = other(settings, home=tmp_path / "second")

    with pytest.raises(DataFolderExists, match="belongs to another"):
        make_data_folder(second)
    assert not second.root_key_file.exists()

    make_data_folder(Settings(home=second.home))  # on SQLite, with a root key of its own
    with pytest.raises(RootKeyUnusable):
        open_store(second)


def test_a_copy_of_the_data_folder_opens_the_same_database(settings: Settings, tmp_path: Path) -> None:
    make_data_folder(settings)
    open_store(settings).add_partner(Partner("xa", "State of XA"))
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "root.key").write_bytes(settings.root_key_file.read_bytes())
    (copy / "root.key").chmod(0o600)

    assert open_store(other(settings, home=copy)).partners() == [Partner("xa", "State of XA")]


def test_a_server_that_is_away_is_named_without_its_password(settings: Settings, url: URL) -> None:
    nowhere = text(url.set(username="crosscheck", password=PASSWORD, query={"host": "/nowhere"}))
    with pytest.raises(DatabaseAway, match="/nowhere"):
        make_data_folder(other(settings, database=nowhere))
    assert not settings.root_key_file.exists()

    make_data_folder(settings)
    with pytest.raises(DatabaseAway, match="/nowhere") as refused:
        open_store(other(settings, database=nowhere))
    assert "CROSSCHECK_DATABASE" in refused.value.hint
    assert PASSWORD not in refused.value.detail + refused.value.hint


@pytest.mark.parametrize(
    "given",
    [
        PASSWORD,
        f"mysql://x:{PASSWORD}@host/name",
        f"postgresql+psycopg://x:{PASSWORD}@host",
        f"sqlite:///{PASSWORD}.db",
    ],
)
def test_another_url_is_refused_without_being_repeated(given: str) -> None:
    settings = Settings(database=given)  # type: ignore[arg-type]
    assert PASSWORD not in repr(settings)
    with pytest.raises(DatabaseUrlInvalid) as refused:
        _ = settings.database_place
    assert PASSWORD not in refused.value.detail + refused.value.hint


def test_the_driver_need_not_be_named() -> None:
    settings = Settings(database="postgresql://x@host/name")  # type: ignore[arg-type]
    assert settings.database_place == make_url("postgresql+psycopg://x@host/name")
