"""What stays of a check: one flag and one event, however often and however simultaneously it is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping, Table, select

from service.schema import checks, flag_candidates, flags
from tests.service.node import Node
from tests.service.recorded import recorded

ON_BOTH_DATABASES = True
WANTED, STRANGER = 1, 2


def rows(node: Node, table: Table) -> list[RowMapping]:
    """What is in a table, once all flags are open."""
    node.settle()
    with node.runtime.store.engine.connect() as connection:
        return list(connection.execute(select(table)).mappings())


def events(node: Node, kind: str) -> list[dict[str, Any]]:
    return [row["details"] for row in recorded(node.runtime.store, kind)]


def test_a_flag_names_candidates_scores_and_clauses(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    answer = node.check("xa", finger_number=WANTED)
    (flag,) = rows(node, flags)
    (candidate,) = rows(node, flag_candidates)
    assert (flag["id"], flag["partner"], flag["purpose"]) == (answer["flag_id"], "xa", "border-check")
    assert (candidate["watchlist"], candidate["entry"], candidate["level"]) == ("xb-alerts", "E-1", "score")
    assert candidate["candidate_id"] == answer["candidates"][0]["candidate_id"]
    assert candidate["decided_by"] == answer["candidates"][0]["decided_by"]


def test_a_clean_check_leaves_an_event_and_no_flag(node: Node) -> None:
    answer = node.check("xa", finger_number=STRANGER)
    (event,) = events(node, "check-answered")
    assert (event["check_id"], event["outcome"], event["disclosed"]) == (answer["check_id"], "no-candidates", [])
    assert rows(node, flags) == []


def test_one_check_sent_many_times_at_once_is_one_check(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    body = node.request(finger_number=WANTED)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: node.send("xa", body).json(), range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert [len(rows(node, table)) for table in (checks, flags)] == [1, 1]
    assert len(events(node, "check-answered")) == 1


def test_answers_are_forgotten_after_their_time(node: Node) -> None:
    node.check("xa", finger_number=STRANGER)
    node.clock.turn(timedelta(hours=2))
    node.check("xa", finger_number=STRANGER)
    assert len(rows(node, checks)) == 1


def test_every_write_and_reading_is_an_event(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    node.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-1")
    node.withdraw("xb", "E-1")
    node.call("xb-sync", "PUT", "/v1/watchlists/xb-missing", json={"title": "Missing"})
    kinds = [row["kind"] for row in recorded(node.runtime.store)]
    assert kinds[-4:] == ["entries-put", "entry-read", "entry-withdrawn", "watchlist-put"]
