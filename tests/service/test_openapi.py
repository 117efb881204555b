"""The OpenAPI document is complete, and no request that it allows, or nearly allows, makes the service fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.commands.portraits import ENROLLED
from tests.service.images import blank_image
from tests.service.node import Node, base64_of

EVERYONE = ("xa-terminal", "xa-sync", "xa-reviewer", "xa-operator")


def calls_of(node: Node) -> list[dict[str, Any]]:
    document = node.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    return [call for path in document["paths"].values() for call in path.values()]


def test_every_call_declares_its_problems_as_problem_documents(node: Node) -> None:
    for call in calls_of(node):
        assert call["summary"]
        assert call.get("description"), call["summary"]
        if call["tags"] != ["operator"]:
            assert {"401", "403", "503"} <= call["responses"].keys(), call["summary"]
        failures = {status: answer for status, answer in call["responses"].items() if status >= "400"}
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in failures.values())


def test_every_reference_of_the_document_leads_somewhere(node: Node) -> None:
    text = node.client.get("/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= schemas.keys()
    assert "HTTPValidationError" not in schemas


def damaged(sample: bytes) -> st.SearchStrategy[bytes]:
    """The sample with one byte changed, or cut short."""
    places = st.integers(0, len(sample) - 1)
    changed = st.tuples(places, st.integers(0, 255)).map(
        lambda it: sample[: it[0]] + bytes([it[1]]) + sample[it[0] + 1 :]
    )
    return st.one_of(st.just(sample), changed, places.map(lambda end: sample[: end + 3]))


@pytest.fixture
def sample_bytes(portraits: dict[str, bytes]) -> None:
    """Base64 fields carry real samples, whole and damaged, so that requests reach the models."""
    template = synthetic_template(1, 0, Position.RIGHT_INDEX)
    samples = st.one_of(damaged(template), damaged(blank_image()), damaged(portraits[ENROLLED]), st.binary(min_size=3))
    schemathesis.openapi.format("byte", samples.map(base64_of))


@pytest.mark.slow
@pytest.mark.usefixtures("sample_bytes")
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_makes_the_service_fail(node: Node, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", node.client.app)
    statuses: set[int] = set()
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
            response = case.call_and_validate(headers=headers, checks=[not_a_server_error])
            statuses.add(response.status_code)

        run()
    assert {200, 403, 422} <= statuses or mode is GenerationMode.NEGATIVE
