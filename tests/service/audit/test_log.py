"""Appending: by many at once, after a rotation, of events from before; and what is deleted when its time is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from service.audit import AuditLog, Event, EventKind, open_log, record
from service.audit.entries import ENTRIES, PayloadState, Reader
from service.audit.house import AuditHouse
from service.audit.payload import STEP, commitment_to, packed, unpacked
from service.audit.verify import Fault
from service.identity import Caller
from service.keys import rotate_owner_key
from service.roles import Role
from service.schema import audit_events_before, audit_keys, audit_payloads
from tests.databases import Databases
from tests.processes import in_processes
from tests.service.audit.appender import append_many
from tests.service.audit.scene import Log
from tests.service.recorded import recorded
from tests.watchlists.makers import NOW
from watchlists.database import open_database, writing
from watchlists.keys import KeyRing
from watchlists.schema import NODE
from watchlists.sealing import FileRootKey

ON_BOTH_DATABASES = True
GATE = Caller("xa", Role.TERMINAL, "gate")


@pytest.fixture
def log(tmp_path: Path, databases: Databases) -> Iterator[Log]:
    log = Log(tmp_path, databases)
    yield log
    log.engine.dispose()


def test_many_writers_make_one_log(log: Log, tmp_path: Path) -> None:
    with in_processes(append_many, [(log.root_file(tmp_path), log.url, "p", 12)]) as running:
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda _: log.append(8), range(3)))
            heads = [log.heads.sign(NOW) for _ in range(3)]
        promised = [receipt for future in running for receipt in future.result()]
    report = log.verify(heads, promised)
    assert (report.flaw, report.entries) == (None, 1 + 3 * 8 + 12)
    by_writer = [row["details"]["count"] for row in recorded(log.store, "check-repeated") if row["actor"] == "p"]
    assert by_writer == list(range(12))


def test_what_is_undone_is_not_in_the_log(log: Log) -> None:
    with writing(log.engine) as connection:
        undone = connection.begin_nested()
        record(connection, EventKind.ENTRY_READ, GATE, NOW, {})
        undone.rollback()
    log.append()
    assert (log.verify().flaw, log.size) == (None, 2)


def test_the_keys_of_log_and_partners_are_rotated_under_it(log: Log) -> None:
    log.append(3)
    before = log.rows()
    for owner in (NODE, "xa"):
        rotated = rotate_owner_key(log.store, owner, lambda _done, _all: None, lambda: NOW)
        assert rotated.lost == 0
    assert rotated.values >= 3
    assert all(one["sealed"] != other["sealed"] for one, other in zip(log.rows()[1:4], before[1:4], strict=True))
    again = Log.again(log)
    again.append()
    report = again.verify([again.sign()])
    assert (report.flaw, report.entries) == (None, 4 + 2 + 1)


def test_events_of_before_are_moved_into_the_tree(log: Log) -> None:
    old = [
        {
            "at": NOW - timedelta(days=days),
            "kind": "entry-read",
            "partner": partner,
            "actor": "old",
            "details": {"n": days},
        }
        for days, partner in ((9, "xa"), (8, None), (11, "xb"))
    ]
    with writing(log.engine) as connection:
        connection.execute(audit_events_before.insert(), old)
    for _ in range(2):
        open_log(log.engine, log.keys, NOW)
    moved = recorded(log.store, "entry-read")
    assert [(row["partner"], row["actor"], row["details"], row["at"]) for row in moved] == [
        (row["partner"], row["actor"], row["details"], row["at"]) for row in old
    ]
    assert log.verify().flaw is None
    with log.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(audit_events_before)).scalar_one() == 0


def test_housekeeping_deletes_payloads_when_their_time_is_over_and_the_tree_stays(log: Log) -> None:
    log.append(2, keep_until=NOW + timedelta(days=1))
    log.append(1, keep_until=NOW + timedelta(days=3))
    log.append(1)
    house = AuditHouse(log.engine, log.keys)
    assert house.run(NOW) == 0
    head = house.heads.latest()
    assert house.run(NOW + timedelta(days=2)) == 2
    with log.engine.connect() as connection:
        states = [entry.state for entry in Reader(connection, log.keys).entries(query=ENTRIES)]
        there = connection.execute(select(audit_payloads.c.number).order_by(audit_payloads.c.number)).scalars().all()
    assert states == [PayloadState.THERE] + [PayloadState.DELETED] * 2 + [PayloadState.THERE] * 2
    assert list(there) == [1, 4, 5]
    report = log.verify([head], days=2)
    assert (report.flaw, report.deleted, report.root) == (None, 2, head.root.hex())


def test_a_deleted_payload_is_never_made_up_again(log: Log) -> None:
    """Not even the same event in the same words is the payload that the entry commits to."""
    log.append(keep_until=NOW + timedelta(days=1))
    row = log.rows()[1]
    AuditHouse(log.engine, log.keys).run(NOW + timedelta(days=2))
    same = Event(EventKind.CHECK_ANSWERED, "xa", "gate", row["at"], {"check_id": "2"}, row["keep_until"])
    text = packed(same)
    assert commitment_to(text) != row["commitment"]
    with writing(log.engine) as connection:
        parts = ("audit payload", text, row["commitment"].hex())
        sealed = log.keys.seal_for("xa", *parts, connection=connection)
        values = {"number": 2, "owner": "xa", "keep_until": row["keep_until"], "sealed": sealed}
        connection.execute(audit_payloads.insert().values(values))
    flaw = log.verify(days=2).flaw
    assert flaw is not None
    assert (flaw.fault, flaw.first) == (Fault.PAYLOAD_CHANGED, 2)


def test_a_payload_says_what_happened_in_one_of_few_sizes() -> None:
    sizes = set()
    for length in range(0, 90, 10):
        event = Event(EventKind.CHECK_ANSWERED, "xa", "gate", NOW, {"check_id": "x" * length})
        text = packed(event)
        read = unpacked(text)
        assert (read.actor, read.at, read.details) == ("gate", NOW, event.details)
        assert text != packed(event)
        assert json.loads(text)["details"] == event.details
        sizes.add(len(text))
    assert len(sizes) <= 2
    assert all(size % STEP == 0 for size in sizes)
    with pytest.raises(ValueError, match="lacks"):
        unpacked(b"{}")


def test_a_signing_key_that_was_lost_has_a_successor_and_old_entries_stay_proved(log: Log) -> None:
    """As after a restore without the key of the node: what the old key has signed is then known from outside."""
    log.append(2)
    with log.source() as source:
        old = dict(source.keys)
    with writing(log.engine) as connection:
        connection.execute(audit_keys.delete())
    with writing(log.engine) as connection:
        AuditLog(log.keys).begin(connection, NOW)
    again = Log.again(log)
    again.append()
    with again.source() as source:
        new = dict(source.keys)
    assert old.keys().isdisjoint(new)
    assert again.verify().flaw is not None
    assert again.verify(known=old).flaw is None
    assert [row["kind"] for row in recorded(again.store)][-2:] == ["log-started", "check-answered"]


def test_a_root_key_file_opens_the_log_in_another_process(log: Log, tmp_path: Path) -> None:
    engine = open_database(log.place)
    keys = KeyRing(engine, FileRootKey.load(log.root_file(tmp_path)))
    open_log(engine, keys, NOW)
    with writing(engine) as connection:
        record(connection, EventKind.ENTRY_READ, GATE, NOW, {})
    engine.dispose()
    assert log.verify().flaw is None
