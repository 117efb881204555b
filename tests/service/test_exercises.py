"""What belongs to exercises alone: their searches and their authorisations are never mixed with live ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from tests.service.node import Node
from tests.service.test_preconditions import CASE, HIT, events, gather
from tests.service.treaties import notices, permit, sign

ON_BOTH_DATABASES = True


def grant(node: Node, **fields: Any) -> Response:
    until = (node.clock() + timedelta(days=30)).isoformat()
    body = {"partner": "xa", "purpose": "crime", "case_reference": CASE, "until": until} | fields
    response = node.call("xb-sync", "PUT", f"/v1/authorisations/{uuid4()}", json=body)
    assert response.status_code == 201, response.text
    return response


@pytest.mark.parametrize("exercise", [False, True])
def test_rule_kind_38_what_is_granted_for_an_exercise_holds_there_alone_and_the_other_way_round(
    node: Node, exercise: bool
) -> None:
    sign(node, permit("search", "owner-authorisation"), HIT)
    assert grant(node, exercise=exercise).json()["exercise"] is exercise
    held = {of: gather(node, case_reference=CASE, exercise=of).asked.authorised_by for of in (False, True)}
    assert held == {exercise: {"xb"}, not exercise: frozenset()}
    assert [notice["details"]["exercise"] for notice in notices(node, "xb")] == [not exercise]
    assert [event["exercise"] for event in events(node, "authorisation-granted")] == [exercise]


def test_rule_kind_38_a_grant_is_a_live_one_unless_it_says_otherwise(node: Node) -> None:
    sign(node, permit("search", "owner-authorisation"), HIT)
    assert grant(node).json()["exercise"] is False
    assert gather(node, case_reference=CASE).asked.authorised_by == {"xb"}
    assert gather(node, case_reference=CASE, exercise=True).asked.authorised_by == frozenset()


def test_rule_kind_38_searches_in_exercises_are_counted_by_themselves(node: Node) -> None:
    sign(node, permit("search", "quota(2)"), HIT)
    exercises = [gather(node, exercise=True).quotas[0].left for _ in range(3)]
    assert (exercises, gather(node).quotas[0].left) == ([1, 0, 0], 1)
    assert gather(node, exercise=True).asked.exhausted == {"treaty"}
    assert gather(node).asked.exhausted == frozenset()
