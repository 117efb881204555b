"""A service in a process of its own, and clients that take their time, or too much of everything."""

from __future__ import annotations

import json
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func
from sqlalchemy import select as select_rows

import service.app
from models.weights import ModelStore
from service.commands.local_service import LocalFolder, LocalService, local_folder
from service.identity import Caller
from service.machines.keys import PublicKey, make_key_file
from service.machines.register import KeyKind, MachineRegister
from service.roles import Role
from service.schema import flags, flags_to_open
from service.serving.connections import READ_WITHIN
from service.settings import Settings
from service.storage import open_store
from tests.service.node import entry, finger

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds after which a test fails because nothing happened."""
CONNECTIONS = 20
API = (Path(service.app.__file__).parents[1] / "docs" / "api.md").read_text()


@pytest.fixture(scope="module")
def folder(model_store: ModelStore) -> Iterator[LocalFolder]:
    limits = {"CROSSCHECK_BODY_WITHIN": "1", "CROSSCHECK_MAX_CONNECTIONS": str(CONNECTIONS)}
    with local_folder({"CROSSCHECK_MODELS": str(model_store.folder)} | limits) as folder:
        yield folder


@pytest.fixture(scope="module")
def live(folder: LocalFolder) -> Iterator[LocalService]:
    with folder.serve() as service:
        yield service


def connection(service: LocalService) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    opened = socket.socket()
    opened.settimeout(PATIENCE)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    opened.connect((host, int(port)))
    return opened


def body() -> dict[str, Any]:
    return {
        "check_id": str(uuid4()),
        "purpose": "border-check",
        "checkpoint": "XB-GATE-01",
        "captured_at": datetime.now(UTC).isoformat(),
        "fingerprints": [finger(1, impression=1)],
    }


def check(service: LocalService, **headers: str) -> httpx2.Response:
    token = {"Authorization": f"Bearer {service.access.tokens['xb-terminal']}"}
    return httpx2.post(f"{service.url}/v1/match", json=body(), headers=token | headers, timeout=PATIENCE)


def slug(response: httpx2.Response) -> str:
    return str(response.json()["type"]).removeprefix("urn:crosscheck:problem:")


@pytest.mark.parametrize("beginning", [b"", b"POST /v1/match HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_who_does_not_send_a_head_is_dropped(live: LocalService, beginning: bytes) -> None:
    with connection(live) as slow:
        slow.sendall(beginning)
        assert slow.recv(1) == b""


def test_who_sends_a_head_byte_by_byte_is_dropped(live: LocalService) -> None:
    with connection(live) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert sends_until_dropped(slow, b"x", pause=0.2)


def test_who_does_not_send_the_body_is_told_so(live: LocalService) -> None:
    token = live.access.tokens["xb-terminal"]
    head = f"POST /v1/match HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n"
    with connection(live) as slow:
        slow.sendall(head.encode() + b'{"check_id"')
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_who_does_not_read_the_answers_is_dropped(live: LocalService) -> None:
    """Not before its time, and not for asking too much at once."""
    with connection(live) as deaf:
        ended = select.poll()
        ended.register(deaf, 0)  # nothing is asked for but the end of the connection
        begun = time.monotonic()
        for _ in range(60):  # more answers than there is room for between the two
            deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.1)
        assert ended.poll(1000 * PATIENCE)
        assert READ_WITHIN < time.monotonic() - begun < READ_WITHIN + 10
        assert check(live).status_code == 200


def sends_until_dropped(connection: socket.socket, what: bytes, pause: float = 0) -> bool:
    """Send the same over and over; return whether the other side ended that before our patience did."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            connection.sendall(what)
        except TimeoutError:
            return False
        except OSError:
            return True
        time.sleep(pause)
    return False


def test_a_head_that_is_too_long_is_refused(live: LocalService) -> None:
    answer = httpx2.get(f"{live.url}/healthz", headers={"X-Long": "x" * 2**16}, timeout=PATIENCE)
    assert (answer.status_code, slug(answer)) == (431, "head-too-large")


def test_connections_beyond_the_cap_are_told_to_come_again(live: LocalService) -> None:
    with ExitStack() as open_connections:
        for _ in range(CONNECTIONS):
            open_connections.enter_context(connection(live))
        refused = check(live)
        assert (refused.status_code, slug(refused)) == (503, "overloaded")
        assert refused.headers["retry-after"]
        assert refused.headers["connection"] == "close"
    deadline = time.monotonic() + PATIENCE
    while check(live).status_code != 200:
        assert time.monotonic() < deadline


def test_a_token_that_came_through_a_proxy_is_refused(live: LocalService) -> None:
    refused = check(live, **{"X-Forwarded-For": "127.0.0.1"})
    assert (refused.status_code, slug(refused)) == (401, "bearer-refused")


def test_a_certificate_from_nobody_we_trust_is_refused(live: LocalService) -> None:
    for path in ("/v1/match", "/sign-in", "/healthz"):
        refused = httpx2.get(f"{live.url}{path}", headers={"Client-Cert": ":AAAA:"}, timeout=PATIENCE)
        assert (refused.status_code, slug(refused)) == (403, "untrusted-proxy")


def test_the_example_of_the_documentation_is_answered(live: LocalService, tmp_path: Path) -> None:
    key = make_key_file(tmp_path / "gate-07.key")
    settings = Settings(home=live.folder / "home")
    store = open_store(settings)
    caller = Caller("xb", Role.TERMINAL, "gate-07")
    MachineRegister(store.engine).add(caller, KeyKind.SIGNATURE, PublicKey(key.info, key.ed25519), datetime.now(UTC))
    store.engine.dispose()
    (example,) = re.findall(r"```python\n(import base64, .*?)```", API, re.DOTALL)
    program = example.replace("127.0.0.1:8000", live.url.removeprefix("http://"))
    command = [sys.executable, "-c", f"check = {body()!r}\n{program}"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed)["outcome"] == "no-candidates"


def test_a_service_that_is_asked_to_end_answers_what_it_has_and_opens_its_flags(folder: LocalFolder) -> None:
    folder = replace(folder, environment=dict(folder.environment) | {"CROSSCHECK_DRAIN_NOTICE": "3"})
    with folder.serve("--workers", "2") as service, httpx2.Client(base_url=service.url, timeout=PATIENCE) as client:
        sync = {"Authorization": f"Bearer {service.access.tokens['xb-sync']}"}
        path = "/v1/watchlists/xb-alerts/entries/E-1"
        assert client.put(path, json=entry(finger_number=1), headers=sync).status_code == 201
        assert client.get("/readyz").status_code == 200
        subprocess.run(["kill", f"-{signal.SIGTERM.value}", str(service.pid)], check=True)
        deadline = time.monotonic() + PATIENCE
        while (ready := client.get("/readyz")).status_code == 200:
            assert time.monotonic() < deadline
        assert (ready.status_code, slug(ready)) == (503, "not-ready")
        with ThreadPoolExecutor(4) as terminals:
            answers = list(terminals.map(lambda _: check(service), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["outcome"] for answer in answers} == {"flagged"}
    store = open_store(Settings(home=service.folder / "home"))
    with store.engine.connect() as connection:
        assert connection.execute(select_rows(func.count()).select_from(flags_to_open)).scalar_one() == 0
        opened = set(connection.execute(select_rows(flags.c.id)).scalars())
    assert {answer.json()["flag_id"] for answer in answers} <= opened
    store.engine.dispose()
