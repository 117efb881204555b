"""The OpenAPI document is complete, and no request that it allows, or nearly allows, makes the service fail."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from tests.service.node import Node

EVERYONE = ("xa-terminal", "xa-sync", "xa-operator")


def test_every_call_declares_its_problems(node: Node) -> None:
    document = node.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    calls = [call for path in document["paths"].values() for call in path.values()]
    for call in calls:
        assert call["summary"]
        assert call.get("description"), call["summary"]
        if call["tags"] != ["operator"]:
            assert {"401", "403"} <= call["responses"].keys(), call["summary"]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_makes_the_service_fail(node: Node, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", node.client.app)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters):
            continue  # nothing that could be sent wrong
        cases = operation.as_strategy(generation_mode=mode)

        @settings(
            max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
        )
        @given(case=cases, who=st.sampled_from(EVERYONE))
        def run(case: schemathesis.Case[Any], who: str) -> None:
            headers = {"Authorization": f"Bearer {node.access.tokens[who]}"}
            case.call_and_validate(headers=headers, checks=[not_a_server_error])

        run()
