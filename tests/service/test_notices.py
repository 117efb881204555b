"""What partners are told: in order, each alone, and what is personal for nobody else to read."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from service.notices import NoticeKind, Notices
from service.schema import notices as notices_table
from tests.databases import OnServer
from tests.service.node import Node
from tests.service.recorded import recorded
from tests.service.test_privacy import stored_bytes
from tests.service.treaties import notices
from tests.watchlists.makers import NOW, open_node
from watchlists.database import writing

CASE = "XA-2026/331 Quillfeather"
ASKED = NoticeKind.AUTHORISATION_REQUESTED


def tell(node: Node, to: str, text: str | None = None, once: str | None = None, kind: NoticeKind = ASKED) -> bool:
    with writing(node.runtime.store.engine) as connection:
        board = node.runtime.notices
        return board.post(connection, kind, to, node.clock(), {"partner": "xa"}, text=text, once=once)


def numbers(node: Node, partner: str, query: str = "") -> list[int]:
    response = node.call(f"{partner}-sync", "GET", f"/v1/notices{query}")
    return [notice["number"] for notice in response.json()["notices"]]


def test_each_partner_has_numbers_of_its_own_without_gaps(node: Node) -> None:
    for to in ("xa", "xb", "xa", "xb", "xb"):
        assert tell(node, to)
    assert (numbers(node, "xa"), numbers(node, "xb")) == ([1, 2], [1, 2, 3])


def test_reading_goes_on_after_the_last_known_number(node: Node) -> None:
    for _ in range(5):
        tell(node, "xb")
    assert numbers(node, "xb", "?limit=2") == [1, 2]
    assert numbers(node, "xb", "?after=2&limit=2") == [3, 4]
    assert numbers(node, "xb", "?after=5") == []


def test_the_recipient_reads_the_text_and_nobody_else_the_notice(node: Node) -> None:
    tell(node, "xb", CASE)
    (notice,) = notices(node, "xb")
    assert (notice["kind"], notice["text"], notice["details"]) == (ASKED, CASE, {"partner": "xa"})
    assert notices(node, "xa") == []


def test_that_a_text_was_read_is_on_record(node: Node) -> None:
    tell(node, "xb")
    notices(node, "xb")
    assert recorded(node.runtime.store, "notices-read") == []
    for _ in range(2):
        tell(node, "xb", CASE)
    notices(node, "xb")
    (event,) = recorded(node.runtime.store, "notices-read")
    assert (event["partner"], event["actor"]) == ("xb", "xb-reviewer")
    assert event["details"] == {"first": 2, "last": 3, "count": 2}


@pytest.mark.parametrize(("role", "status"), [("sync", 200), ("reviewer", 200), ("terminal", 403), ("operator", 403)])
def test_only_those_who_act_for_the_partner_may_read(node: Node, role: str, status: int) -> None:
    assert node.call(f"xb-{role}", "GET", "/v1/notices").status_code == status


def test_the_text_lies_sealed_on_disk(node: Node) -> None:
    tell(node, "xb", CASE)
    assert b"authorisation-requested" in stored_bytes(node.home)  # the search looks where the notice is
    assert CASE.encode() not in stored_bytes(node.home)


def test_about_one_thing_a_partner_is_told_once(node: Node) -> None:
    assert tell(node, "xb", once="case 1")
    assert not tell(node, "xb", once="case 1")
    assert tell(node, "xb", once="case 2")
    assert tell(node, "xa", once="case 1")
    assert tell(node, "xb", once="case 1", kind=NoticeKind.LOG_REVIEW_DUE)
    assert len(notices(node, "xb")) == 3


def test_a_text_is_forgotten_after_its_time_and_may_then_be_told_again(node: Node) -> None:
    tell(node, "xb", CASE, once="case 1")
    tell(node, "xb", once="case 2")
    node.clock.turn(timedelta(days=29))
    node.runtime.keep_house()
    assert notices(node, "xb")[0]["text"] == CASE

    node.clock.turn(timedelta(days=2))
    node.runtime.keep_house()
    assert [notice["text"] for notice in notices(node, "xb")] == [None, None]
    assert tell(node, "xb", CASE, once="case 1")
    assert not tell(node, "xb", once="case 2")


def test_a_party_that_is_no_partner_of_this_node_is_not_told(node: Node) -> None:
    assert not tell(node, "xz", CASE)
    assert numbers(node, "xa") == numbers(node, "xb") == []


def test_a_damaged_text_hides_no_other_notice(node: Node) -> None:
    tell(node, "xb", "first")
    tell(node, "xb", "second")
    with writing(node.runtime.store.engine) as connection:
        first = update(notices_table).where(notices_table.c.number == 1)
        connection.execute(first.values(sealed_text=b"\1\0\0\0" + bytes(60)))
    assert [notice["text"] for notice in notices(node, "xb")] == [None, "second"]


def test_a_text_cannot_be_moved_to_another_notice(node: Node) -> None:
    for text in ("first", "second"):
        tell(node, "xb", text)
    with writing(node.runtime.store.engine) as connection:
        first = notices_table.select().where(notices_table.c.number == 1)
        sealed = connection.execute(first).mappings().one()["sealed_text"]
        connection.execute(update(notices_table).where(notices_table.c.number == 2).values(sealed_text=sealed))
    assert [notice["text"] for notice in notices(node, "xb")] == ["first", None]


def test_notices_posted_at_once_get_different_numbers(node: Node) -> None:
    with ThreadPoolExecutor(8) as threads:
        posted = list(threads.map(lambda number: tell(node, "xb", str(number), once=str(number // 2)), range(24)))
    assert sum(posted) == 12
    assert numbers(node, "xb") == list(range(1, 13))


def test_writers_who_tell_the_same_partners_in_opposite_order_both_succeed(tmp_path: Path, on_server: OnServer) -> None:
    """On PostgreSQL: one has the turn of the change log, the other that of the service."""
    node = open_node(tmp_path, on_server.migrated(tmp_path))
    board = Notices(node.engine, node.store.keys, timedelta(days=1))
    first_has_told, second_waits = threading.Event(), threading.Event()

    def second() -> None:
        first_has_told.wait()
        with node.store.writing() as write:
            second_waits.set()
            for to in ("xb", "xa"):
                board.post(write.connection, ASKED, to, NOW, {})

    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(second)
        with writing(node.engine) as connection:
            board.post(connection, ASKED, "xa", NOW, {})
            first_has_told.set()
            second_waits.wait()
            time.sleep(0.2)  # so that it comes as far as it can
            board.post(connection, ASKED, "xb", NOW, {})
        other.result()
    with node.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(notices_table)).scalar_one() == 4
