"""What an agreement wants to be logged of searches, every event keeps to that tells of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.audit.entries import Reader
from service.schema import audit_events
from tests.service.node import Node, NodeMaker
from tests.service.recorded import recorded
from tests.service.test_ledger import events
from tests.service.test_preconditions import CASE, gather
from tests.service.treaties import permit, sign

WANTED = 1


@pytest.mark.parametrize(
    ("asks", "logged"),
    [
        ("log-for(3 y)", {"purpose": "crime", "checkpoint": "XA-GATE-07"}),
        ("log-fields(checkpoint)", {"checkpoint": "XA-GATE-07"}),
        ("log-fields(purpose)", {"purpose": "crime"}),
    ],
)
def test_rule_kind_28_the_refusal_of_a_probe_is_logged_as_a_search_is(
    make_node: NodeMaker, asks: str, logged: dict[str, Any]
) -> None:
    node = make_node(probes_per_subject=1, probing_window=timedelta(hours=1))
    sign(node, permit("search", asks), permit("see hit"))
    for status in (200, 429):
        assert node.send("xa", node.request(finger_number=WANTED, purpose="crime")).status_code == status
    (event,) = events(node, "probing-suspected")
    assert {name: event[name] for name in ("purpose", "checkpoint") if name in event} == logged
    assert {"check_id", "scope", "budget", "window_seconds"} <= event.keys()


def test_the_refusal_of_a_probe_is_on_record_whole_in_the_name_of_the_terminal(make_node: NodeMaker) -> None:
    node = make_node(probes_per_subject=1, probing_window=timedelta(hours=1))
    sign(node, permit("search", "log-for(3 y)"), permit("see hit"))
    bodies = [node.request(finger_number=WANTED, purpose="crime") for _ in range(2)]
    first, refused = [node.send("xa", body) for body in bodies]
    assert (first.status_code, refused.status_code) == (200, 429)
    assert 3000 < int(refused.headers["retry-after"]) <= 3600
    (event,) = recorded(node.runtime.store, "probing-suspected")
    assert (event["partner"], event["actor"]) == ("xa", "xa-terminal")
    assert event["details"] == {
        "check_id": bodies[1]["check_id"],
        "purpose": "crime",
        "checkpoint": "XA-GATE-07",
        "scope": "terminal",
        "budget": 1,
        "window_seconds": 3600,
    }
    with node.runtime.store.engine.connect() as connection:
        query = select(audit_events).where(audit_events.c.kind == "probing-suspected")
        (row,) = connection.execute(query).all()
    assert abs(row.keep_until - row.at - timedelta(days=3 * 365)) < timedelta(minutes=1)
    node.clock.turn(timedelta(hours=1))
    assert node.send("xa", node.request(finger_number=WANTED, purpose="crime")).status_code == 200


@pytest.mark.parametrize(
    ("asks", "logged"),
    [
        ("owner-authorisation", {"owners": ["xb"], "purpose": "crime", "exercise": False}),
        ("owner-authorisation, log-fields(checkpoint)", {"owners": ["xb"], "exercise": False}),
    ],
)
def test_rule_kind_28_that_an_owner_was_asked_is_logged_as_a_search_is(
    make_node: NodeMaker, asks: str, logged: dict[str, Any]
) -> None:
    node = make_node()
    sign(node, permit("search", asks), permit("see hit"))
    gather(node, case_reference=CASE)
    assert events(node, "authorisation-requested") == [logged]


def test_rule_kind_28_what_the_log_says_of_a_search_is_deleted_after_its_time(make_node: NodeMaker) -> None:
    node = make_node()
    sign(node, permit("search", "log-for(2 d)"), permit("see hit"))
    node.enrol("xb", "E-1", finger_number=WANTED)
    for number in (WANTED, 2):
        node.check("xa", finger_number=number, purpose="crime")
    node.settle()
    assert payloads(node) == {"check-answered": ["there"] * 2, "flag-opened": ["there"]}
    node.clock.turn(timedelta(days=2, minutes=1))
    node.runtime.keep_house()
    assert payloads(node) == {"check-answered": ["deleted"] * 2, "flag-opened": ["deleted"]}


def payloads(node: Node) -> dict[str, list[str]]:
    """What became of the payloads of searches, by kind."""
    found: dict[str, list[str]] = {"check-answered": [], "flag-opened": []}
    store = node.runtime.store
    with store.engine.connect() as connection:
        for entry in Reader(connection, store.keys).entries():
            if entry.leaf.kind in found:
                found[entry.leaf.kind].append(entry.state.value)
    return found
