"""What is particular to a database server."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DataError

from tests.databases import Databases, OnServer
from tests.postgresql import Server
from tests.watchlists.makers import NOW, Node, entry, face, faces, finger
from watchlists.database import UNAVAILABLE, Turn, examine, writing
from watchlists.records import EntryKey, Partner, Templates
from watchlists.schema import change_head, changes


@pytest.fixture
def databases(on_server: OnServer) -> Databases:
    return on_server


def written_since(start: float, server: Server) -> bytes:
    """Return the bytes of the tables, of whatever database, and of the write-ahead log that have changed since."""
    server.execute("CHECKPOINT")
    folders = (server.folder / "data" / "base", server.folder / "data" / "pg_wal")
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return b"".join(file.read_bytes() for file in files if file.stat().st_mtime >= start)


def test_each_connection_says_what_it_needs_of_the_server(node: Node) -> None:
    names = ("synchronous_commit", "timezone", "lock_timeout", "statement_timeout", "transaction_isolation")
    with node.engine.connect() as reading:
        found = [reading.execute(text(f"SHOW {name}")).scalar_one() for name in names]
    assert found == ["on", "UTC", "10s", "1min", "repeatable read"]
    with writing(node.engine) as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"


def test_what_could_lose_an_acknowledged_write_is_said(node: Node, server: Server) -> None:
    state = examine(node.engine)
    assert state.kind.startswith("PostgreSQL ")
    assert state.weaknesses == ("fsync is off, and has to be on",)  # as it is set for tests

    server.set("full_page_writes", "off")
    node.engine.dispose()
    assert len(examine(node.engine).weaknesses) == 2
    server.set("full_page_writes", "on")


def test_nothing_of_a_person_lies_in_the_files_in_clear(node: Node, server: Server) -> None:
    start = time.time() - 1
    node.store.put_entry(entry("e1-clear"), Templates((face(1),), (finger(1),)))

    content = written_since(start, server)
    assert b"e1-clear" in content  # the search below could find something
    secrets = [b"Quillfeather", b"Zebulon", b"PXQ7719283", finger(1).minutiae.to_bytes()[:16]]
    assert [secret for secret in [*secrets, face(1).vector.tobytes()[:16]] if secret in content] == []


def test_the_table_is_cleaned_after_each_write_that_destroys_something(node: Node) -> None:
    counted = text("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'entries'")

    def cleaned() -> int:
        with node.engine.connect() as connection:
            return int(connection.execute(counted).scalar_one())

    node.store.put_entry(entry("e1"), faces(1))
    assert cleaned() == 0
    node.store.put_entry(entry("e1"), faces(2))
    assert cleaned() == 1
    node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb")
    assert cleaned() == 2


def test_writers_of_the_log_and_of_the_service_do_not_wait_for_each_other(node: Node) -> None:
    with writing(node.engine, Turn.SERVICE), node.store.writing() as write:
        write.put_entry(entry("e1"), faces(1))
    assert node.store.log.last_sequence() == 1


@pytest.mark.parametrize("turn", [Turn.SERVICE, Turn.MIGRATION])
def test_one_writes_at_a_time(node: Node, turn: Turn) -> None:
    inside: list[int] = []
    crowds: list[int] = []

    def write(number: int) -> None:
        with writing(node.engine, turn):
            inside.append(number)
            crowds.append(len(inside))
            threading.Event().wait(0.005)
            inside.remove(number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(8)))
    assert crowds == [1] * 8


def test_a_writer_that_waits_for_too_long_gives_up(node: Node) -> None:
    with node.store.writing(), node.engine.connect() as other:
        other.execute(text("SET LOCAL lock_timeout = '10ms'"))
        with pytest.raises(UNAVAILABLE):
            other.execute(select(change_head).with_for_update())


def test_connections_that_a_restart_broke_are_not_used_again(node: Node, server: Server) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    server.stop()
    server.start()
    assert node.store.log.last_sequence() == 1
    server.stop()
    with pytest.raises(UNAVAILABLE):
        node.store.log.last_sequence()
    server.start()
    node.store.add_partner(Partner("xc", "XC"))
    assert node.store.partner("xc").name == "XC"


def test_a_transaction_that_lost_its_server_left_nothing(node: Node, server: Server) -> None:
    def write_and_crash() -> None:
        with node.store.writing() as write:
            write.put_entry(entry("e1"), faces(1))
            server.stop()

    with pytest.raises(UNAVAILABLE):
        write_and_crash()
    server.start()
    assert (node.store.log.last_sequence(), node.store.entry_count()) == (0, 0)
    assert node.store.put_entry(entry("e1"), faces(1)).sequence == 1


def test_an_error_of_the_database_does_not_print_what_was_written(node: Node) -> None:
    row = {"sequence": 1, "kind": "x" * 17, "watchlist": "w", "entry": "Quillfeather", "owner": "xb"}
    with pytest.raises(DataError, match="too long") as refused, writing(node.engine) as connection:
        connection.execute(changes.insert().values(**row, at=NOW))
    assert "Quillfeather" not in str(refused.value)
