"""The database server goes away and comes back: what is asked meanwhile is to be asked again, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.databases import Databases, OnServer
from tests.postgresql import Server
from tests.service.node import Node, entry

WANTED = 1


@pytest.fixture
def databases(on_server: OnServer) -> Databases:
    return on_server


@pytest.fixture
def away(node: Node, server: Server) -> Iterator[Node]:
    """A node with an entry, whose database server has crashed since."""
    node.enrol("xb", "E-1", finger_number=WANTED)
    assert node.check("xa", finger_number=WANTED)["outcome"] == "flagged"
    server.stop()
    yield node
    server.start()


@pytest.mark.parametrize(
    ("who", "method", "path", "body"),
    [
        ("xa-terminal", "POST", "/v1/match", None),
        ("xb-sync", "PUT", "/v1/watchlists/xb-alerts/entries/E-2", json.dumps(entry(finger_number=2))),
        ("xb-sync", "POST", "/v1/watchlists/xb-alerts/entries:import", json.dumps({"entry_id": "E-2"} | entry())),
        ("xb-sync", "GET", "/v1/watchlists", ""),
    ],
    ids=["check", "put", "import", "list"],
)
def test_whoever_asks_meanwhile_hears_when_to_ask_again(
    away: Node, who: str, method: str, path: str, body: str | None
) -> None:
    content = json.dumps(away.request(finger_number=WANTED)) if body is None else body
    response = away.call(who, method, path, content=content)
    assert (response.status_code, response.json()["type"]) == (503, "urn:crosscheck:problem:not-ready")
    assert int(response.headers["Retry-After"]) >= 1


def test_the_service_lives_on_and_says_that_it_is_not_ready(away: Node, server: Server) -> None:
    away.runtime.keep_house()
    assert away.client.get("/healthz").status_code == 200
    assert away.client.get("/readyz").status_code == 503

    server.start()
    assert away.client.get("/readyz").status_code == 200
    server.stop()


def test_what_was_acknowledged_is_there_when_it_is_back(away: Node, server: Server) -> None:
    repeated = away.request(finger_number=WANTED)
    assert away.send("xa", repeated).status_code == 503

    server.start()
    assert away.send("xa", repeated).json()["outcome"] == "flagged"
    away.enrol("xb", "E-2", finger_number=2)
    assert away.check("xa", finger_number=2)["outcome"] == "flagged"
    away.restart()
    assert away.check("xa", finger_number=WANTED)["outcome"] == "flagged"
    server.stop()
