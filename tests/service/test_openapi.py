"""The OpenAPI document is complete, and no request that it allows, or nearly allows, makes the service fail."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

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


def test_no_request_makes_the_service_fail(node: Node) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", node.client.app)
    for operation in schema.get_all_operations():

        @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @schemathesis_given(operation.ok())
        def run(case: schemathesis.Case) -> None:
            for who in EVERYONE:
                case.call_and_validate(headers={"Authorization": f"Bearer {node.access.tokens[who]}"}, checks=[not_a_server_error])

        run()
