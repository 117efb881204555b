"""A process that writes to a store until it is killed; `tests.kill_cycles` drives it.

Started once; it forks a writer for each line of its input, so that a cycle does not wait for imports. A writer says
what it is going to do, does it in one transaction, and says that it is done: one JSON line each. Its starter adds a
last line, "end", once it is gone.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import make_url

from watchlists.database import open_database
from watchlists.keys import KeyRing
from watchlists.records import Entry, EntryKey, FaceTemplate, Subject, Templates, VisibilityClass
from watchlists.sealing import FileRootKey
from watchlists.store import Store

ALERTS = VisibilityClass("xb", "xb-alerts", "wanted", "inform-officer")
MODEL, DIMENSION = "made-up", 256  # so many that strangers are never alike
NAMES = [f"E-{number}" for number in range(40)]


def content(name: str, version: int) -> tuple[Entry, Templates]:
    """Return version `version` of an entry: its subject and its face are of no other version and no other entry."""
    vector = np.random.default_rng([version, int(name[2:])]).standard_normal(DIMENSION)
    face = FaceTemplate(MODEL, (vector / np.linalg.norm(vector)).astype(np.float32))
    return Entry(name, ALERTS, Subject(family_name=f"{name} version {version}")), Templates((face,))


def open_store(root_key: str, database: str) -> Store:
    url = make_url(database)
    engine = open_database(Path(url.database or "") if url.drivername == "sqlite" else url)
    return Store(engine, KeyRing(engine, FileRootKey.load(Path(root_key))), lambda: datetime.now(UTC))


def deeds(seed: int) -> Iterator[dict[str, int | None]]:
    """What a writer does, one transaction each: versions of entries to write, None for those to withdraw."""
    chance = random.Random(seed)
    version = seed * 10_000
    while True:
        version += 1
        several = chance.sample(NAMES, chance.choice((1, 1, 3, 30)))
        withdraws = chance.random() < 0.4
        yield dict.fromkeys(several, None if withdraws else version)


def write(root_key: str, database: str, seed: int) -> None:
    store = open_store(root_key, database)
    for number, deed in enumerate(deeds(seed)):
        say(begin=number, deed=deed)
        with store.writing() as writing:
            writing.put_entries([content(name, version) for name, version in deed.items() if version is not None])
            for name in (name for name, version in deed.items() if version is None):
                writing.withdraw_entry(EntryKey(ALERTS.watchlist, name), ALERTS.owner)
        say(done=number)


def say(**line: Any) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def main() -> None:
    root_key, database = sys.argv[1:]
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            say(pid=os.getpid())
            write(root_key, database, int(line))
        _, status = os.waitpid(pid, 0)
        say(end=status)


if __name__ == "__main__":
    main()
