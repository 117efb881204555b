"""Processes of their own, as several processes of the service work on one database. Imports little: they start soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL

from watchlists.database import open_database
from watchlists.keys import KeyRing
from watchlists.records import Entry, EntryKey, Subject, Templates, VisibilityClass
from watchlists.sealing import FileRootKey
from watchlists.store import Store

Result = TypeVar("Result")
ALERTS = VisibilityClass("xb", "xb-alerts", "wanted", "inform-officer")


@contextmanager
def in_processes(
    function: Callable[..., Result], arguments: Sequence[tuple[object, ...]]
) -> Iterator[list[Future[Result]]]:
    """Begin `function` in one new process for each tuple of arguments; wait for all at the end of the block."""
    with ProcessPoolExecutor(len(arguments), mp_context=get_context("spawn")) as pool:
        yield [pool.submit(function, *each) for each in arguments]


def write_and_withdraw(root_key: Path, database: URL, name: str, entries: int) -> list[tuple[int, str]]:
    """Write entries, in transactions of different size, and withdraw them; return the numbers of the changes, in order.

    Returns:
        Sequence number and id of the entry, for each change.
    """
    engine = open_database(Path(database.database or "") if database.drivername == "sqlite" else database)
    store = Store(engine, KeyRing(engine, FileRootKey.load(root_key)), lambda: datetime.now(UTC))
    done: list[tuple[int, str]] = []
    for first in range(0, entries, 5):
        names = [f"{name}-{number}" for number in range(first, first + 5)]
        for some in (names[: 1 + first % 3], names[1 + first % 3 :]):
            with store.writing() as write:
                results = write.put_entries([(Entry(each, ALERTS, Subject()), Templates()) for each in some])
            done += [(result.sequence, each) for result, each in zip(results, some, strict=True)]
        for each in names:
            sequence = store.withdraw_entry(EntryKey("xb-alerts", each), "xb")
            assert sequence is not None
            done.append((sequence, each))
    engine.dispose()
    return done
