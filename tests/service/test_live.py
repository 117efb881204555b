"""A service in a process of its own: what it keeps in memory, on disk and in its log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from models.weights import ModelStore
from service.commands.local_service import LocalService, local_service, resident_mb
from service.commands.portraits import ENROLLED, PROBE
from tests.service.images import blank_image, png_bomb
from tests.service.node import entry, face, finger
from tests.service.test_privacy import NAMES, stored_bytes, traces


@pytest.fixture(scope="module")
def service(model_store: ModelStore) -> Iterator[LocalService]:
    os.environ["CROSSCHECK_MODELS"] = str(model_store.folder)
    with local_service() as running:
        yield running


def call(service: LocalService, who: str, method: str, path: str, body: dict[str, Any]) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {service.access.tokens[who]}"}
    return httpx2.request(method, service.url + path, json=body, headers=headers, timeout=60)


def check(service: LocalService, **samples: Any) -> httpx2.Response:
    body = {
        "check_id": str(uuid4()),
        "purpose": "border-check",
        "checkpoint": "XB-GATE-01",
        "captured_at": datetime.now(UTC).isoformat(),
    }
    return call(service, "xb-terminal", "POST", "/v1/match", body | samples)


def test_an_image_bomb_is_refused_before_it_is_decoded(service: LocalService, portraits: dict[str, bytes]) -> None:
    bomb = face(png_bomb())
    check(service, face=face(portraits[PROBE]))  # everything is loaded before memory is read
    before = resident_mb(service.pid, peak=True)
    response = check(service, face=bomb)
    assert (response.status_code, response.json()["type"]) == (413, "urn:crosscheck:problem:image-too-large")
    assert resident_mb(service.pid, peak=True) - before < 60  # decoded, it would be 1,200


def test_disk_and_log_of_a_running_service_hold_nothing_of_a_person(
    service: LocalService, portraits: dict[str, bytes]
) -> None:
    subject = {"family_name": NAMES[0], "given_names": NAMES[1], "documents": [NAMES[2]]}
    body = entry(portrait=portraits[ENROLLED], finger_number=1, subject=subject)
    assert call(service, "xb-sync", "PUT", "/v1/watchlists/xb-alerts/entries/E-1", body).status_code == 201
    found = check(service, face=face(portraits[PROBE]), fingerprints=[finger(1, impression=1)]).json()
    assert found["candidates"][0]["subject"]["family_name"] == NAMES[0]
    for broken in (portraits[PROBE][:5000], blank_image(), b"GIF89a"):
        assert check(service, face=face(broken)).status_code == 422
    assert check(service, face=face(portraits[PROBE]), **{NAMES[1]: NAMES[0]}).status_code == 422

    seen = stored_bytes(service.folder)
    assert b"/v1/match 422" in seen  # the search below looks where the log is
    samples = [portraits[ENROLLED], portraits[PROBE], *(synthetic_template(1, i, Position.RIGHT_INDEX) for i in (0, 1))]
    legible = [trace for sample in samples for trace in traces(sample)] + [name.encode() for name in NAMES]
    assert [trace for trace in legible if trace in seen] == []
