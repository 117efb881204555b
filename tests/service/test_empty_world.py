"""Somebody who is on a list that the asker may not see is answered, and recorded, as in a world without that list."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select

from service.commands.portraits import ENROLLED, OTHER, PROBE
from service.schema import audit_payloads, flags
from tests.service.node import Node, NodeMaker
from tests.service.recorded import recorded as recorded_events
from tests.service.scene import without_receipt

HIDDEN, SEEN = 1, 2
CHECK_ID = "00000000-0000-4000-8000-000000000001"

WAYS_TO_HIDE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "category": ({"category": "stolen-document"}, {"purpose": "asylum"}),
    "unknown category": ({"category": "grudge"}, {"purpose": "asylum"}),
    "unknown purpose": ({}, {"purpose": "car-rental"}),
    "excluded": ({"excluded": ["xa"]}, {}),
    "not yet": ({"hidden_until": "2199-01-01T00:00:00Z"}, {}),
    "exercise": ({"exercise": True}, {}),
}


@pytest.fixture(params=list(WAYS_TO_HIDE.values()), ids=list(WAYS_TO_HIDE))
def hiding(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """What hides an entry: fields of its own, and fields of the check."""
    fields: tuple[dict[str, Any], dict[str, Any]] = request.param
    return fields


@pytest.fixture
def worlds(
    make_node: NodeMaker, portraits: dict[str, bytes], hiding: tuple[dict[str, Any], dict[str, Any]]
) -> tuple[Node, Node]:
    """Two nodes that list one person whom XA may see; the first also lists one whom it may not."""
    nodes = make_node(), make_node()
    for node in nodes:
        node.enrol("xb", "E-1", portrait=portraits[OTHER], finger_number=SEEN)
    nodes[0].enrol("xb", "E-2", portrait=portraits[ENROLLED], finger_number=HIDDEN, **hiding[0])
    return nodes


@pytest.fixture
def body(worlds: tuple[Node, Node], portraits: dict[str, bytes], hiding: tuple[Any, dict[str, Any]]) -> dict[str, Any]:
    """A check of the person whom XA may not see."""
    fields = {"check_id": CHECK_ID, **hiding[1]}
    return worlds[0].request(portrait=portraits[PROBE], finger_number=HIDDEN, **fields)


def test_the_answer_is_that_of_a_world_without_the_entry(worlds: tuple[Node, Node], body: dict[str, Any]) -> None:
    hidden, empty = (node.send("xa", body) for node in worlds)
    assert hidden.status_code == empty.status_code == 200
    assert without_sequence(hidden.content) == without_sequence(empty.content)
    assert stable_headers(hidden) == stable_headers(empty)


def test_what_is_recorded_and_logged_is_that_of_a_world_without_the_entry(
    worlds: tuple[Node, Node], body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("crosscheck").propagate = True
    caplog.set_level(logging.DEBUG, "crosscheck")
    logged = []
    for node in worlds:
        caplog.clear()
        node.send("xa", body)
        logged.append([re.sub(r"[\d.]+ ms", "", record.getMessage()) for record in caplog.records])
    assert recorded(worlds[0]) == recorded(worlds[1])
    assert logged[0] == logged[1] != []


def test_a_silent_alarm_leaves_the_terminal_with_the_answer_of_an_empty_world(
    make_node: NodeMaker, portraits: dict[str, bytes]
) -> None:
    contents, alarms, sizes = [], [], []
    for enrolled in (portraits[ENROLLED], portraits[OTHER]):
        node = make_node()
        agree_on_discreet_checks(node)
        node.enrol("xb", "E-1", portrait=enrolled, action="discreet-check")
        body = node.request(portrait=portraits[PROBE], check_id=CHECK_ID, purpose="discreet")
        contents.append(without_sequence(node.send("xa", body).content))
        sizes.append(size_of_last_payload(node))
        alarms.append(len(recorded(node)[1]))
    assert contents[0] == contents[1]
    assert sizes[0] == sizes[1] > 0
    assert alarms == [1, 0]


def size_of_last_payload(node: Node) -> int:
    """Bytes that the log has stored of what happened last: the check, for its flag is opened later."""
    with node.runtime.store.engine.connect() as connection:
        query = select(audit_payloads.c.sealed).order_by(audit_payloads.c.number.desc()).limit(1)
        return len(connection.execute(query).scalar_one())


def test_what_is_fetched_of_a_check_afterwards_is_that_of_a_world_without_the_entry(
    worlds: tuple[Node, Node], body: dict[str, Any]
) -> None:
    """A hidden entry has no flag at all; of a silent alarm see service/review/test_outcomes.py."""
    fetched = []
    for node in worlds:
        node.send("xa", body)
        node.settle()
        fetched.append(node.call("xa-terminal", "GET", f"/v1/checks/{CHECK_ID}"))
    assert fetched[0].content == fetched[1].content
    assert [answer.status_code for answer in fetched] == [200, 200]
    assert dict(fetched[0].headers) == dict(fetched[1].headers)
    assert recorded(worlds[0]) == recorded(worlds[1])


def test_repeated_checks_are_refused_at_the_same_point(make_node: NodeMaker, portraits: dict[str, bytes]) -> None:
    statuses = []
    for enrolled in (portraits[ENROLLED], portraits[OTHER]):
        node = make_node(probes_per_subject=2)
        node.enrol("xb", "E-1", portrait=enrolled, excluded=["xa"])
        checks = [node.send("xa", node.request(portrait=portraits[PROBE])) for _ in range(3)]
        statuses.append([(answer.status_code, len(answer.content)) for answer in checks])
    assert statuses[0] == statuses[1]
    assert [status for status, _ in statuses[0]] == [200, 200, 429]


def test_there_is_somebody_to_be_found(node: Node, portraits: dict[str, bytes]) -> None:
    node.enrol("xb", "E-1", portrait=portraits[ENROLLED], finger_number=HIDDEN, excluded=["xa"])
    outcomes = [node.check(asker, portrait=portraits[PROBE], finger_number=HIDDEN)["outcome"] for asker in ("xa", "xb")]
    assert outcomes == ["no-candidates", "flagged"]


def test_time_reveals_nothing_before_its_time(node: Node, portraits: dict[str, bytes]) -> None:
    tomorrow = (node.clock() + timedelta(days=1)).isoformat()
    node.enrol("xb", "E-1", portrait=portraits[ENROLLED], hidden_until=tomorrow)
    before = node.check("xa", portrait=portraits[PROBE])
    node.clock.turn(timedelta(days=1, seconds=1))
    after = node.check("xa", portrait=portraits[PROBE])
    assert (before["outcome"], after["outcome"]) == ("no-candidates", "flagged")


def agree_on_discreet_checks(node: Node) -> None:
    folder = node.home / "agreements" / "discreet"
    folder.mkdir()
    (folder / "agreement.toml").write_text(
        'id = "discreet"\ntitle = "Discreet checks"\nparties = ["xa", "xb"]\nversion = 1\n'
        'in_force_from = 2020-01-01T00:00:00Z\npurposes = ["discreet"]\ncategories = ["wanted"]\n'
    )
    (folder / "rules.cedar").write_text(
        '@id("search")\npermit (principal, action == Action::"search", resource);\n'
        '@id("alarm")\n@obligations("silent-alarm")\npermit (principal, action == Action::"see alert", resource);\n'
    )
    node.runtime.rules.reload()


def without_sequence(content: bytes) -> bytes:
    """The number of changes is common knowledge of all partners; everything else should be the same, byte for byte."""
    return re.sub(rb'"gallery_sequence":\d+', b"", without_receipt(content))


def stable_headers(answer: Response) -> dict[str, str]:
    """The headers; without the length, which the number of changes has a part in."""
    return {name: value for name, value in answer.headers.items() if name != "content-length"}


def recorded(node: Node) -> list[Any]:
    """What is on record at XA: events, without the moment and the number of changes, and flags."""
    node.settle()
    with node.runtime.store.engine.connect() as connection:
        opened = connection.execute(select(flags)).all()
    events = recorded_events(node.runtime.store, partner="xa")
    described = [(row["kind"], row["actor"], row["details"] | {"gallery_sequence": None}) for row in events]
    return [described, opened]
