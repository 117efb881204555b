"""What is sent to the database: seen where it leaves, by SQLite itself and by the driver of PostgreSQL's listener."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

_LITERAL = re.compile(
    r"x'(?P<bytes>[0-9a-f]*)'|'(?P<text>(?:[^']|'')*)'|(?<![\w.])\d+(?:\.\d+)?(?![\w.])", re.IGNORECASE
)


@dataclass(frozen=True)
class Sent:
    """A statement, and of each value in it the kind and the size; when and where it was sent tells it from no other."""

    sql: str
    values: tuple[tuple[str, int], ...]
    thread: int = field(compare=False, default_factory=threading.get_ident)
    at: float = field(compare=False, default_factory=time.perf_counter)


@contextmanager
def statements(engine: Engine) -> Iterator[list[Sent]]:
    """What is sent meanwhile, by all threads."""
    sent: list[Sent] = []
    watch = _watch_sqlite if engine.dialect.name == "sqlite" else _watch_sqlalchemy
    with watch(engine, sent):
        yield sent


@contextmanager
def _watch_sqlite(engine: Engine, sent: list[Sent]) -> Iterator[None]:
    def note(sql: str) -> None:
        found = list(_LITERAL.finditer(sql))
        sent.append(Sent(_LITERAL.sub("?", sql), tuple(_kind_and_size(literal) for literal in found)))

    def trace(connection: sqlite3.Connection, _record: Any) -> None:
        connection.set_trace_callback(note)

    engine.dispose()  # connections that were made before would say nothing
    event.listen(engine, "connect", trace)
    try:
        yield
    finally:
        event.remove(engine, "connect", trace)
        engine.dispose()


@contextmanager
def _watch_sqlalchemy(engine: Engine, sent: list[Sent]) -> Iterator[None]:
    def note(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
        sent.append(Sent(sql, tuple((type(value).__name__, _size(value)) for value in _flat(values))))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _kind_and_size(literal: re.Match[str]) -> tuple[str, int]:
    for kind in ("bytes", "text"):
        if literal[kind] is not None:
            return kind, len(literal[kind])
    return "number", 0  # which takes the same space whatever it is


def _flat(values: Any) -> Iterator[Any]:
    if isinstance(values, Mapping):
        values = list(values.values())
    if isinstance(values, list | tuple):
        for value in values:
            yield from _flat(value)
    else:
        yield values


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | memoryview) else 0
