"""Several processes of the service on one PostgreSQL database: what one acknowledges, all of them find."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from models.weights import ModelStore
from service.commands.local_service import LocalFolder, LocalService, local_folder
from tests.databases import OnServer
from tests.service.node import entry, finger

pytestmark = pytest.mark.slow

ENTRIES = "/v1/watchlists/xb-alerts/entries"


@pytest.fixture(scope="module")
def data(model_store: ModelStore, on_server: OnServer) -> Iterator[LocalFolder]:
    url = on_server.server.new_database().render_as_string(hide_password=False)
    settings = {"CROSSCHECK_DATABASE": url, "CROSSCHECK_MODELS": str(model_store.folder)}
    with local_folder(settings) as folder:
        yield folder


@pytest.fixture(scope="module")
def two(data: LocalFolder) -> Iterator[tuple[LocalService, LocalService]]:
    """Two services: the first is several processes behind one port, any of which may answer."""
    with ExitStack() as stack:
        yield stack.enter_context(data.serve("--workers", "2")), stack.enter_context(data.serve())


def call(service: LocalService, who: str, method: str, path: str, **kwargs: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {service.access.tokens[who]}"}
    return httpx2.request(method, service.url + path, headers=headers, timeout=30, **kwargs)


def put(service: LocalService, name: str, number: int) -> int:
    answer = call(service, "xb-sync", "PUT", f"{ENTRIES}/{name}", json=entry(finger_number=number))
    assert answer.status_code in {200, 201}, answer.text
    sequence: int = answer.json()["sequence"]
    return sequence


def check(service: LocalService, number: int, **fields: Any) -> httpx2.Response:
    body = {
        "check_id": str(uuid4()),
        "purpose": "border-check",
        "checkpoint": "XB-GATE-01",
        "captured_at": datetime.now(UTC).isoformat(),
        "fingerprints": [finger(number, impression=1)],
    }
    return call(service, "xb-terminal", "POST", "/v1/match", json=body | fields)


def found(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [candidate["reference"] for candidate in answer.json()["candidates"]]


def test_a_write_to_one_is_found_by_the_other(two: tuple[LocalService, LocalService]) -> None:
    for number, (writer, reader) in enumerate([two, two[::-1]]):
        sequence = put(writer, f"E-{number}", number)
        answer = check(reader, number, at_least_sequence=sequence)
        assert found(answer) == [f"xb-alerts/E-{number}"]
        assert answer.json()["gallery_sequence"] >= sequence

        assert call(writer, "xb-sync", "DELETE", f"{ENTRIES}/E-{number}").status_code == 204
        assert found(check(reader, number)) == []


def test_a_process_that_nobody_asks_follows_too(two: tuple[LocalService, LocalService]) -> None:
    writer, idle = two
    sequence = put(writer, "E-9", 9)
    deadline = time.monotonic() + 20
    while f"crosscheck_gallery_sequence {float(sequence)}" not in call(idle, "xb-operator", "GET", "/metrics").text:
        assert time.monotonic() < deadline, "an idle process does not follow the log"
        time.sleep(0.1)


def test_rather_no_answer_than_a_stale_one(two: tuple[LocalService, LocalService]) -> None:
    head = put(two[0], "E-10", 10)
    assert check(two[1], 10, at_least_sequence=head).json()["gallery_sequence"] == head
    answer = check(two[1], 10, at_least_sequence=head + 1)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:crosscheck:problem:gallery-behind")
    assert answer.headers["retry-after"] == "1"
