"""What an agreement wants to be logged of searches, every event keeps to that tells of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.service.node import NodeMaker
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
