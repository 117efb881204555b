"""How fast the audit log grows, what an event costs a check, how long proofs are, and how long it takes to prove all.

On a data folder of its own, with SQLite.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from pydantic import SecretStr
from rich.progress import Progress
from sqlalchemy import Connection

from service.audit import AuditLog, Details, Event, EventKind
from service.audit.heads import Heads, StoredNodes
from service.audit.sources import DatabaseLog
from service.audit.tree import inclusion_proof, is_included
from service.audit.verify import Verification
from service.schema import audit_events_before
from service.settings import Settings
from service.storage import make_data_folder, open_store, system_clock
from watchlists.database import writing
from watchlists.records import Partner
from watchlists.store import Store

BATCH: Final = 1000
"""Events of one transaction, where many come at once."""
SINGLE: Final = 1000
"""Transactions of one event each, and as many without."""
PROOFS: Final = 200


@dataclass(frozen=True, slots=True)
class AuditFigures:
    """Times of one thread.

    Args:
        events: in the log.
        appended_per_second: in transactions of 1000.
        commits_per_second: transactions of one event each, every one of them on disk before the next.
        plain_commits_per_second: transactions that write one plain row and no event, likewise.
        append_ms: what an event adds to a transaction, median: look-ups, sealing, hashes, signature, rows.
        head_ms: to sign the tree.
        proof_hashes: of a proof of inclusion, the longest seen; 32 bytes each.
        proof_bytes: likewise.
        proof_ms: to make one, median.
        proof_verify_ms: to verify one, median.
        verify_seconds: to prove the whole log, every payload and signature.
        quick_verify_seconds: the same without the signatures of entries, which the head covers.
        bytes_per_event: in the database.
    """

    events: int
    appended_per_second: float
    commits_per_second: float
    plain_commits_per_second: float
    append_ms: float
    head_ms: float
    proof_hashes: int
    proof_bytes: int
    proof_ms: float
    proof_verify_ms: float
    verify_seconds: float
    quick_verify_seconds: float
    bytes_per_event: float


class LogUnsound(RuntimeError):
    """The log that was just written does not verify."""


def measure_audit(size: int, progress: Progress) -> AuditFigures:
    """Write a log of `size` events and measure."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "node", database=SecretStr(""), root_key=SecretStr(""))
        make_data_folder(settings)
        store = open_store(settings)
        store.add_partner(Partner("xa", "State of XA"))
        try:
            return _measure(store, size, progress)
        finally:
            store.engine.dispose()


def _measure(store: Store, size: int, progress: Progress) -> AuditFigures:
    appended = _fill(store, size, progress)
    plain, single = _commit_times(store, _plain_row), _commit_times(store, _append)
    heads = Heads(store.engine)
    begun = time.perf_counter()
    head = heads.sign(system_clock())
    head_ms = (time.perf_counter() - begun) * 1000
    made, verified, longest = list[float](), list[float](), 0
    with store.engine.connect() as connection:
        nodes = StoredNodes(connection)
        for index in random.Random(1).sample(range(head.size), PROOFS):  # noqa: S311 -- no secret
            begun = time.perf_counter()
            proof = inclusion_proof(nodes, index, head.size)
            made.append(time.perf_counter() - begun)
            leaf = nodes.node(0, index)
            begun = time.perf_counter()
            if not is_included(leaf, index, head.size, proof, head.root):
                raise LogUnsound(f"entry {index + 1} is not proved")
            verified.append(time.perf_counter() - begun)
            longest = max(longest, len(proof))
    return AuditFigures(
        events=head.size,
        appended_per_second=appended,
        commits_per_second=len(single) / sum(single),
        plain_commits_per_second=len(plain) / sum(plain),
        append_ms=(statistics.median(single) - statistics.median(plain)) * 1000,
        head_ms=head_ms,
        proof_hashes=longest,
        proof_bytes=longest * 32,
        proof_ms=statistics.median(made) * 1000,
        proof_verify_ms=statistics.median(verified) * 1000,
        verify_seconds=_verify_time(store, progress, quick=False),
        quick_verify_seconds=_verify_time(store, progress, quick=True),
        bytes_per_event=_file_size(store) / head.size,
    )


def _fill(store: Store, size: int, progress: Progress) -> float:
    """Append events in transactions of many; return how many a second."""
    task = progress.add_task("events", total=size)
    begun = time.perf_counter()
    for first in range(0, size, BATCH):
        with writing(store.engine) as connection:
            events = [_event() for _ in range(min(BATCH, size - first))]
            AuditLog.of(connection).append(connection, events)
        progress.update(task, completed=first + BATCH)
    return size / (time.perf_counter() - begun)


def _commit_times(store: Store, write: Callable[[Connection], None]) -> list[float]:
    times = []
    for _ in range(SINGLE):
        begun = time.perf_counter()
        with writing(store.engine) as connection:
            write(connection)
        times.append(time.perf_counter() - begun)
    return times


def _append(connection: Connection) -> None:
    AuditLog.of(connection).append(connection, [_event()])


def _plain_row(connection: Connection) -> None:
    """Write what an event was before there was a tree."""
    event = _event()
    row = {"at": event.at, "kind": event.kind.value, "partner": event.partner, "actor": event.actor}
    connection.execute(audit_events_before.insert().values(row | {"details": event.details}))


def _verify_time(store: Store, progress: Progress, *, quick: bool) -> float:
    task = progress.add_task("quick verification" if quick else "verification", total=None)
    begun = time.perf_counter()
    with store.engine.connect() as connection:
        report = Verification(DatabaseLog(connection, store.keys), datetime.now(UTC), quick=quick).run()
    if report.flaw is not None:
        raise LogUnsound(report.flaw.detail)
    progress.remove_task(task)
    return time.perf_counter() - begun


def _file_size(store: Store) -> int:
    with store.engine.connect() as connection:
        pages, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size")
        )
    return int(pages) * int(size)


def _event() -> Event:
    """An event of the size of a check with a candidate."""
    check_id = str(uuid4())
    details: Details = {
        "check_id": check_id,
        "purpose": "border-check",
        "case_digest": sha256(check_id.encode()).hexdigest(),
        "checkpoint": "XA-GATE-07",
        "exercise": False,
        "outcome": "flagged",
        "gallery_sequence": 123456,
        "flag_id": check_id,
        "disclosed": [{"owner": "xb", "watchlist": "xb-alerts", "entry": "E-1", "decided_by": "xa-xb v1 border-score"}],
    }
    return Event(EventKind.CHECK_ANSWERED, "xa", "xa-gate-07", system_clock(), details)
