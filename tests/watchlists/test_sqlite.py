"""What is said while somebody else has the embedded database, and that those who come at once wait for each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event

from watchlists.database import UNAVAILABLE, writing
from watchlists.database.connections import open_database

TOGETHER = 8


def test_a_database_that_stays_busy_is_unavailable(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "busy.sqlite")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 20"))
    with writing(engine), pytest.raises(UNAVAILABLE), writing(engine):
        pytest.fail("two write at once")


def test_those_who_open_a_new_file_at_once_all_get_it(tmp_path: Path) -> None:
    def use(file: Path) -> str:
        engine = open_database(file)
        with writing(engine) as connection:
            mode: str = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        engine.dispose()
        return mode

    with ThreadPoolExecutor(TOGETHER) as pool:
        for attempt in range(20):
            assert set(pool.map(use, [tmp_path / f"{attempt}.sqlite"] * TOGETHER)) == {"wal"}
