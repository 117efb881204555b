"""Flip, drop, swap, truncate, fork and back-date entries of a log: each is detected, and the first bad entry named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.audit import Head
from service.audit.verify import Fault, Report
from service.schema import audit_events, audit_heads, audit_log, audit_nodes, audit_payloads
from tests.databases import Databases
from tests.service.audit.scene import MINUTE, Log
from tests.watchlists.makers import NOW
from watchlists.database import writing
from watchlists.feed.signing import LocalSigner

ON_BOTH_DATABASES = True
BAD = 7
SIZE = 20


@pytest.fixture
def log(tmp_path: Path, databases: Databases) -> Iterator[Log]:
    """A log of 20 entries, with heads of 10 and 18."""
    log = Log(tmp_path, databases)
    for count in (9, 8):
        log.append(count)
        log.sign()
    log.append(2)
    yield log
    log.engine.dispose()


def found(report: Report) -> tuple[Fault, int, int] | None:
    return None if report.flaw is None else (report.flaw.fault, report.flaw.first, report.flaw.last)


def test_a_log_that_nobody_touched_is_sound(log: Log) -> None:
    for quick in (False, True):
        report = log.verify(quick=quick)
        assert (report.flaw, report.entries, report.heads, report.deleted) == (None, SIZE, 2, 0)
    assert log.verify([log.sign()]).root == log.sign().root.hex()


FLIPS: dict[str, Any] = {
    "at": lambda row: row["at"] + timedelta(microseconds=1),
    "kind": lambda _row: "entry-read",
    "partner": lambda _row: "xb",
    "nobody's": lambda _row: None,
    "keep_until": lambda _row: NOW,
    "commitment": lambda row: flipped(row["commitment"]),
    "leaf": lambda row: flipped(row["leaf"]),
    "signature": lambda row: flipped(row["signature"]),
}


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(("what", "number"), [*((what, BAD) for what in FLIPS), ("at", SIZE)])
def test_a_flip_is_found_in_the_entry(log: Log, what: str, number: int) -> None:
    column = "partner" if what == "nobody's" else what
    log.change(number, **{column: FLIPS[what](log.rows()[number - 1])})
    assert found(log.verify()) == (Fault.CHANGED, number, number)


def test_a_flip_in_a_payload_is_found(log: Log) -> None:
    log.change(BAD, audit_payloads, sealed=flipped(log.rows()[BAD - 1]["sealed"]))
    assert found(log.verify()) == (Fault.PAYLOAD_CHANGED, BAD, BAD)


def test_a_payload_under_another_entry_is_found(log: Log) -> None:
    log.change(BAD, audit_payloads, sealed=log.rows()[BAD]["sealed"])
    assert found(log.verify()) == (Fault.PAYLOAD_CHANGED, BAD, BAD)


def drop(rows: list[dict[str, Any]]) -> None:
    del rows[BAD - 1]


def swap(rows: list[dict[str, Any]]) -> None:
    rows[BAD - 1], rows[BAD] = rows[BAD] | {"at": rows[BAD - 1]["at"]}, rows[BAD - 1] | {"at": rows[BAD]["at"]}


def put_in(rows: list[dict[str, Any]]) -> None:
    rows.insert(BAD - 1, rows[BAD - 1] | {"kind": "entry-read"})


def exchange(rows: list[dict[str, Any]]) -> None:
    rows[BAD - 1] |= {"kind": "entry-read"}


def back_date(rows: list[dict[str, Any]]) -> None:
    rows[BAD - 1] |= {"at": rows[BAD - 2]["at"]}


CHANGES: list[Callable[[list[dict[str, Any]]], None]] = [drop, swap, put_in, exchange, back_date]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("quick", "heads"), [(False, False), (True, True)])
def test_whoever_has_not_the_key_is_found_out_however_well_all_else_is_made_to_fit(
    log: Log, change: Callable[[list[dict[str, Any]]], None], quick: bool, heads: bool
) -> None:
    rows = log.rows()
    change(rows)
    log.rewrite(rows, heads=heads)
    assert found(log.verify(quick=quick)) == (Fault.CHANGED, BAD, BAD)


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_of_somebody_else_is_none(log: Log, change: Callable[[list[dict[str, Any]]], None]) -> None:
    rows = log.rows()
    change(rows)
    log.rewrite(rows, LocalSigner(Ed25519PrivateKey.generate()))
    assert found(log.verify()) == (Fault.CHANGED, 1, 1)


@pytest.mark.parametrize("change", [drop, swap, put_in, exchange, back_date])
def test_an_operator_who_signs_another_history_contradicts_the_head_that_was_kept(
    log: Log, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    kept = [log.heads.of_size(10), log.heads.of_size(18)]
    rows = log.rows()
    change(rows)
    log.rewrite(rows, log.signer())
    log.sign_anew()
    assert log.verify().flaw is None  # there is nothing to hold against it
    assert found(log.verify(kept)) == (Fault.FORKED, 1, 10)
    assert found(log.verify(kept[1:])) == (Fault.FORKED, 1, 18)


def test_a_fork_is_located_between_the_last_head_that_fits_and_the_first_that_does_not(log: Log) -> None:
    kept = [log.heads.of_size(10), log.heads.of_size(18)]
    rows = log.rows()
    rows[14] |= {"kind": "entry-read"}
    log.rewrite(rows, log.signer())
    assert found(log.verify(kept)) == (Fault.FORKED, 11, 18)


def test_another_history_breaks_the_promise_of_a_receipt(log: Log) -> None:
    (receipt,) = log.append()
    assert log.verify(receipts=[receipt]).flaw is None
    rows = log.rows()
    log.rewrite(rows[:-1], log.signer())
    assert found(log.verify(receipts=[receipt])) == (Fault.PROMISE_BROKEN, 0, 0)


def test_a_dropped_row_is_missing(log: Log) -> None:
    with writing(log.engine) as connection:
        for table in (audit_payloads, audit_events):
            connection.execute(table.delete().where(table.c.number == BAD))
    assert found(log.verify()) == (Fault.MISSING, BAD, BAD)


def test_a_truncated_log_is_shorter_than_its_head_and_than_the_row_that_counts(log: Log) -> None:
    with writing(log.engine) as connection:
        for table in (audit_payloads, audit_events):
            connection.execute(table.delete().where(table.c.number > 15))
    assert found(log.verify()) == (Fault.TRUNCATED, 16, SIZE)


def test_a_log_that_is_truncated_with_all_that_says_so_is_shorter_than_a_head_that_was_kept(log: Log) -> None:
    kept = log.heads.of_size(18)
    log.rewrite(log.rows()[:15])
    assert log.verify().flaw is None
    assert found(log.verify([kept])) == (Fault.TRUNCATED, 16, 18)


def test_an_operator_cannot_back_date_before_the_entry_in_front_of_it_nor_before_a_head(log: Log) -> None:
    rows = log.rows()
    rows[BAD - 1] |= {"at": rows[BAD - 2]["at"] - MINUTE}
    log.rewrite(rows, log.signer())
    assert found(log.verify()) == (Fault.BACK_DATED, BAD, BAD)


def test_whatever_is_appended_after_a_head_is_not_dated_before_it(log: Log) -> None:
    log.append()
    late = NOW + timedelta(days=1)
    head = log.heads.sign(late)
    assert head.at == late
    log.append()
    assert log.rows()[-1]["at"] == late
    rows = log.rows()
    rows[-1] |= {"at": late - MINUTE}
    log.rewrite(rows, log.signer(), heads=True)
    assert found(log.verify()) == (Fault.BACK_DATED, 22, 22)


def test_a_clock_that_goes_back_does_not_take_the_log_with_it(log: Log) -> None:
    log.append(at=NOW - timedelta(days=9))
    assert log.rows()[-1]["at"] == log.rows()[-2]["at"]
    assert log.verify().flaw is None


def test_forged_heads_are_found(log: Log) -> None:
    stranger = LocalSigner(Ed25519PrivateKey.generate())
    head = log.heads.of_size(18)
    assert found(log.verify([Head(head.log, 18, bytes(32), head.at, stranger.sign(b""))])) == (
        Fault.HEAD_FORGED,
        18,
        18,
    )
    with writing(log.engine) as connection:
        connection.execute(audit_heads.update().where(audit_heads.c.size == 10).values(root=bytes(32)))
    assert found(log.verify()) == (Fault.HEAD_FORGED, 10, 10)


def test_stored_nodes_that_would_spoil_proofs_are_found(log: Log) -> None:
    log.append(256 - SIZE)
    assert log.verify().flaw is None
    with writing(log.engine) as connection:
        connection.execute(audit_nodes.update().values(hash=bytes(32)))
    assert found(log.verify()) == (Fault.NODES_CHANGED, 256, 256)


def test_an_edge_of_the_tree_that_was_changed_shows_in_the_next_head(log: Log) -> None:
    with writing(log.engine) as connection:
        connection.execute(audit_log.update().values(frontier=bytes(64)))
    log.sign_anew()
    assert found(log.verify()) == (Fault.FORKED, 19, SIZE)


def test_payloads_are_deleted_when_their_time_is_over_and_never_before(log: Log) -> None:
    log.append(keep_until=NOW + timedelta(days=9))
    with writing(log.engine) as connection:
        connection.execute(audit_payloads.delete().where(audit_payloads.c.number == SIZE + 1))
    assert found(log.verify(days=8)) == (Fault.PAYLOAD_GONE, SIZE + 1, SIZE + 1)
    report = log.verify(days=10)
    assert (report.flaw, report.deleted) == (None, 1)
    with writing(log.engine) as connection:
        connection.execute(audit_payloads.delete().where(audit_payloads.c.number == BAD))
    assert found(log.verify(days=10)) == (Fault.PAYLOAD_GONE, BAD, BAD)
