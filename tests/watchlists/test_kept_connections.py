"""Connections that threads keep: nothing is seen late, nothing stays open between uses, and they end in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, bindparam, create_engine, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from watchlists.database import ReadyStatement, in_use, open_database, sqlite, wipe_deleted, writing
from watchlists.database.connections import CONNECTIONS

NUMBERS = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))
PUT = ReadyStatement(NUMBERS.insert())
FROM = ReadyStatement(select(NUMBERS).where(NUMBERS.c.number >= bindparam("least")))
MISSING = ReadyStatement(select(Table("missing", MetaData(), Column("number", Integer))))
THREADS = 4


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "numbers.db"


@pytest.fixture
def engine(place: Path) -> Iterator[Engine]:
    engine = open_database(place)
    NUMBERS.metadata.create_all(engine)
    yield engine
    engine.dispose()


def put(engine: Engine, *numbers: int, then: type[Exception] | None = None) -> None:
    with writing(engine) as connection:
        for number in numbers:
            PUT.write(connection, {"number": number})
        if then is not None:
            raise then


def seen(engine: Engine) -> list[int]:
    return [row["number"] for row in FROM.look(engine, {"least": 0})]


def opened(place: Path) -> int:
    """Return how often this process has the file open."""
    return sum(each.resolve() == place for each in Path("/proc/self/fd").iterdir())


def test_each_look_sees_what_is_committed_then(engine: Engine) -> None:
    for number in range(5):
        assert seen(engine) == list(range(number))
        put(engine, number)


def test_a_look_waits_for_no_writer_and_sees_nothing_of_it_before_its_commit(engine: Engine) -> None:
    assert seen(engine) == []
    with writing(engine) as connection:
        PUT.write(connection, {"number": 1})
        assert seen(engine) == []
    assert seen(engine) == [1]


def test_nothing_stays_open_between_looks(engine: Engine) -> None:
    """An open transaction would keep deleted rows in the write-ahead log."""
    put(engine, 1)
    assert seen(engine) == [1]
    put(engine, 2)
    assert wipe_deleted(engine, NUMBERS)


def test_a_thread_keeps_one_connection_and_takes_it_along(engine: Engine, place: Path) -> None:
    engine.dispose()
    before = opened(place)
    at_once = threading.Barrier(THREADS)

    def look_often(_number: int) -> int:
        at_once.wait()
        for _ in range(50):
            seen(engine)
        at_once.wait()
        return opened(place)

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(look_often, range(THREADS))) == {before + THREADS}
    assert opened(place) <= before + 1  # the pool's, if any
    with ThreadPoolExecutor(2 * CONNECTIONS) as threads:  # those of the pool are for others
        assert list(threads.map(lambda _: seen(engine), range(4 * CONNECTIONS))) == [[]] * 4 * CONNECTIONS


def test_an_engine_that_is_disposed_of_leaves_nothing_open_and_goes_on(engine: Engine, place: Path) -> None:
    put(engine, 1)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(seen, engine).result() == seen(engine) == [1]
        put(engine, 2)
        assert other.submit(put, engine, 3).result() is None
        engine.dispose()
        assert opened(place) == 0
        assert not in_use(engine)
        assert other.submit(seen, engine).result() == seen(engine) == [1, 2, 3]


def test_looks_go_on_while_an_engine_is_disposed_of(engine: Engine) -> None:
    put(engine, 1)
    done = threading.Event()

    def look_until_done(_number: int) -> set[tuple[int, ...]]:
        found = set()
        while not done.is_set():
            found.add(tuple(seen(engine)))
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        looks = threads.map(look_until_done, range(THREADS))
        for _ in range(50):
            engine.dispose()
        done.set()
        assert set().union(*looks) == {(1,)}


def connection_of(engine: Engine) -> int:
    """Write, and return on which connection."""
    with writing(engine) as connection:
        return id(connection.connection.dbapi_connection)


def test_a_thread_writes_on_one_connection_whatever_happens_in_between(engine: Engine) -> None:
    first = connection_of(engine)
    assert connection_of(engine) == first
    put(engine, 1)
    with pytest.raises(IntegrityError):
        put(engine, 2, 1)
    with pytest.raises(ZeroDivisionError):
        put(engine, 3, then=ZeroDivisionError)
    assert (connection_of(engine), seen(engine)) == (first, [1])


def test_within_a_transaction_that_writes_another_begins_on_a_connection_of_its_own(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer: the second waits for the first, which here waits for it."""
    engine.dispose()
    monkeypatch.setattr(sqlite, "_PRAGMAS", ("PRAGMA busy_timeout = 1",))
    with writing(engine) as outer:
        PUT.write(outer, {"number": 1})
        with pytest.raises(OperationalError, match="locked"):
            put(engine, 2)
    assert seen(engine) == [1]


def test_a_commit_that_fails_is_undone_and_the_next_one_is_not(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE of (number REFERENCES numbers DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO of VALUES (7)")
    put(engine, 1)
    with writing(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM of").scalar_one() == 0
    assert seen(engine) == [1]


@pytest.mark.parametrize("leave", ["open", "changed", "closed"])
def test_a_connection_that_is_not_as_it_was_is_not_kept(engine: Engine, leave: str) -> None:
    with writing(engine) as connection:
        if leave == "changed":
            connection.execution_options(yield_per=1)
        first = connection
    if leave == "open":
        first.begin()
    if leave == "closed":
        first.close()
    put(engine, 1)
    with writing(engine) as connection:
        assert connection is not first
        assert "yield_per" not in connection.get_execution_options()
    assert seen(engine) == [1]


def test_what_holds_for_all_connections_from_now_on_holds_for_those_that_are_kept(engine: Engine) -> None:
    put(engine, 1)
    engine.update_execution_options(said="so")
    with writing(engine) as connection:
        assert connection.get_execution_options()["said"] == "so"


def test_who_writes_while_an_engine_is_disposed_of_ends_first(engine: Engine, place: Path) -> None:
    with writing(engine) as connection:
        engine.dispose()
        PUT.write(connection, {"number": 1})
    assert opened(place) == 0
    assert seen(engine) == [1]


def test_an_engine_of_another_make_lends_from_its_pool(engine: Engine) -> None:
    plain = create_engine(engine.url)
    put(plain, 1)
    assert seen(plain) == [1]
    plain.dispose()


def test_two_databases_are_not_mixed_up(engine: Engine, tmp_path: Path) -> None:
    other = open_database(tmp_path / "other.db")
    NUMBERS.metadata.create_all(other)
    put(engine, 1)
    put(other, 2)
    assert (seen(engine), seen(other)) == ([1], [2])
    other.dispose()


def test_what_goes_wrong_is_named_as_elsewhere(engine: Engine) -> None:
    with pytest.raises(OperationalError, match="no such table") as caught:
        MISSING.look(engine)
    assert isinstance(caught.value, DBAPIError)
    with pytest.raises(ValueError, match="takes"):
        FROM.look(engine, {"most": 1})
    assert seen(engine) == []
