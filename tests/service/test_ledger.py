"""What stays of a check: one flag and one event, however often and however simultaneously it is sent."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import RowMapping, Table, select

from service.schema import checks, flag_candidates, flags
from tests.service.node import Node, NodeMaker
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


def test_what_is_on_record_of_a_check_is_all_that_accounts_for_it_and_nothing_of_a_person(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    emergency = str(uuid4())
    until = (node.clock() + timedelta(hours=1)).isoformat()
    body = {"justification": "attack on the ferry", "until": until}
    node.call("xa-reviewer", "PUT", f"/v1/emergencies/{emergency}", json=body)
    said = {"case_reference": "XA-2026/331", "justification": "seen near the crime", "emergency": emergency}
    answer = node.check("xa", finger_number=WANTED, **said)
    (event,) = recorded(node.runtime.store, "check-answered")
    assert (event["partner"], event["actor"]) == ("xa", "xa-terminal")
    details = event["details"]
    digests = [details.pop(name) for name in ("case_digest", "justification_digest")]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    assert digests[0] != digests[1]
    (clauses,) = [each["decided_by"] for each in answer["candidates"]]
    assert details == {
        "check_id": answer["check_id"],
        "purpose": "border-check",
        "emergency": emergency,
        "exercise": False,
        "checkpoint": "XA-GATE-07",
        "outcome": "flagged",
        "gallery_sequence": answer["gallery_sequence"],
        "flag_id": answer["flag_id"],
        "disclosed": [
            {
                "owner": "xb",
                "watchlist": "xb-alerts",
                "entry": "E-1",
                "level": "score",
                "silent": False,
                "waits": False,
                "decided_by": ", ".join(f"{by['agreement']} v{by['version']} {by['clause']}" for by in clauses),
            }
        ],
    }


def test_a_check_that_is_sent_again_is_on_record_as_that(node: Node) -> None:
    body = node.request(finger_number=STRANGER)
    for _ in range(2):
        node.send("xa", body)
    (event,) = recorded(node.runtime.store, "check-repeated")
    assert (event["partner"], event["actor"], event["details"]) == (
        "xa",
        "xa-terminal",
        {"check_id": body["check_id"]},
    )


def test_one_check_sent_many_times_at_once_is_one_check(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    body = node.request(finger_number=WANTED)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: node.send("xa", body).json(), range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert [len(rows(node, table)) for table in (checks, flags)] == [1, 1]
    assert len(events(node, "check-answered")) == 1


def test_of_several_bodies_at_once_one_is_the_check_and_the_others_conflict(node: Node) -> None:
    body = node.request(finger_number=STRANGER)
    bodies = [body | {"checkpoint": f"XA-GATE-{number}"} for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda each: node.send("xa", each), bodies))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert len(rows(node, checks)) == len(events(node, "check-answered")) == 1


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


def test_housekeeping_forgets_answers_that_have_been_kept_for_long_enough_and_no_others(make_node: NodeMaker) -> None:
    keep = timedelta(minutes=7)
    node = make_node(keep_answers=keep)
    node.check("xa", finger_number=STRANGER)
    (row,) = rows(node, checks)
    node.runtime.checks.ledger.forget(row["answered_at"] + keep)
    assert len(rows(node, checks)) == 1
    node.runtime.checks.ledger.forget(row["answered_at"] + keep + timedelta(microseconds=1))
    assert rows(node, checks) == []
