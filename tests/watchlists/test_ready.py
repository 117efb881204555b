"""A statement that was made ready says and does what it does when SQLAlchemy runs it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    select,
)
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from tests.databases import Databases
from watchlists.database import ReadyStatement, open_database, writing
from watchlists.schema import UtcDateTime

ON_BOTH_DATABASES = True

THINGS = Table(
    "things",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("name", String(20), unique=True),
    Column("state", String(20), nullable=False, server_default="new"),
    Column("at", UtcDateTime),
    Column("sealed", LargeBinary),
    Column("is_open", Boolean),
    Column("share", Float),
    Column("notes", JSON),
)
NOON = datetime(2026, 11, 26, 12, 0, 0, 123456, UTC)
THING: dict[str, Any] = {
    "name": "one",
    "at": NOON,
    "sealed": b"\x00\xff",
    "is_open": True,
    "share": 0.5,
    "notes": {"a": [1, None]},
}
EMPTY: dict[str, Any] = dict.fromkeys(THING) | {"name": "two"}

PUT = ReadyStatement(THINGS.insert())
NAMED = ReadyStatement(select(THINGS).where(THINGS.c.name == bindparam("called")))
LATELY = ReadyStatement(select(*THINGS.c["name", "at"]).where(THINGS.c.at >= bindparam("since")).limit(10))
OPENED = ReadyStatement(
    THINGS.update()
    .where(THINGS.c.at >= bindparam("since"), THINGS.c.state == "new")
    .values(state=bindparam("to"), share=1.5)
)
GONE = ReadyStatement(THINGS.delete().where(THINGS.c.at < bindparam("before")))


@pytest.fixture
def engine(tmp_path: Path, databases: Databases) -> Iterator[Engine]:
    engine = open_database(databases.empty(tmp_path))
    THINGS.metadata.create_all(engine)
    yield engine
    engine.dispose()


def put(engine: Engine, *things: dict[str, Any]) -> None:
    with writing(engine) as connection:
        PUT.write(connection, *things)


def put_and_give_up(engine: Engine) -> None:
    with writing(engine) as connection:
        PUT.write(connection, THING)
        raise RuntimeError


def test_what_is_written_is_what_is_read_by_either(engine: Engine) -> None:
    put(engine, THING, EMPTY)
    with engine.connect() as connection:
        for name, thing in (("one", THING), ("two", EMPTY)):
            (row,) = NAMED.rows(connection, {"called": name})
            plainly = connection.execute(select(THINGS).where(THINGS.c.name == name)).mappings().one()
            assert dict(row) == dict(plainly)
            assert {key: row[key] for key in thing} == thing
            assert row["state"] == "new"
            assert [dict(each) for each in NAMED.look(engine, {"called": name})] == [dict(plainly)]
        assert NAMED.rows(connection, {"called": "three"}) == []


def test_a_moment_is_found_whatever_zone_it_is_told_in(engine: Engine) -> None:
    put(engine, THING)
    with engine.connect() as connection:
        just_then = NOON.astimezone(timezone(timedelta(hours=-5)))
        assert [dict(row) for row in LATELY.rows(connection, {"since": just_then})] == [{"name": "one", "at": NOON}]
        assert LATELY.rows(connection, {"since": just_then + timedelta(microseconds=1)}) == []
        with pytest.raises((ValueError, StatementError), match="needs a zone"):
            LATELY.rows(connection, {"since": NOON.replace(tzinfo=None)})


def test_rows_that_are_changed_and_deleted_are_counted(engine: Engine) -> None:
    put(engine, THING, THING | {"name": "two"}, THING | {"name": "old", "at": NOON - timedelta(days=1)})
    with writing(engine) as connection:
        assert OPENED.write(connection, {"since": NOON, "to": "open"}) == 2
        assert OPENED.write(connection, {"since": NOON, "to": "open"}) == 0
        assert GONE.write(connection, {"before": NOON}) == 1
    with engine.connect() as connection:
        found = connection.execute(select(*THINGS.c["name", "state", "share"]).order_by(THINGS.c.name)).all()
    assert [tuple(row) for row in found] == [("one", "open", 1.5), ("two", "open", 1.5)]


def test_it_is_part_of_its_transaction(engine: Engine) -> None:
    with pytest.raises(RuntimeError):
        put_and_give_up(engine)
    with engine.connect() as connection:
        assert NAMED.rows(connection, {"called": "one"}) == []


def test_an_error_is_named_as_sqlalchemy_names_it_and_tells_nothing_of_what_was_written(engine: Engine) -> None:
    put(engine, THING)
    with pytest.raises(IntegrityError) as caught:
        put(engine, THING | {"notes": "secret"})
    assert "secret" not in str(caught.value)
    THINGS.drop(engine)
    with engine.connect() as connection, pytest.raises(Exception, match="things") as gone:
        NAMED.rows(connection, {"called": "one"})
    assert isinstance(gone.value, OperationalError) or engine.dialect.name == "postgresql"


@pytest.mark.parametrize("row", [{}, THING | {"name": None, "colour": "red"}, {"name": "one"}])
def test_columns_that_are_missing_or_too_many_are_refused(engine: Engine, row: dict[str, Any]) -> None:
    statement = ReadyStatement(THINGS.insert())
    with writing(engine) as connection:
        statement.write(connection, THING)
    if engine.dialect.name == "sqlite":  # PostgreSQL is given them by SQLAlchemy, which takes each row as it is
        with pytest.raises(ValueError, match="the statement takes"), writing(engine) as connection:
            statement.write(connection, row)


def test_a_parameter_that_is_missing_is_not_taken_for_nothing(engine: Engine) -> None:
    put(engine, THING)
    with pytest.raises((ValueError, StatementError)), writing(engine) as connection:
        GONE.write(connection, {"befor": NOON})


def test_nothing_is_written_outside_a_transaction(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(RuntimeError, match="belongs to a transaction"):
        PUT.write(connection, THING)
