"""A service that is killed with `kill -9` has kept all that it acknowledged, and every answer has its event.

Over HTTP; `make kill-cycles` runs a tenth of its count on each kind of database, CI one cycle.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import URL

from models.weights import ModelStore
from service.audit import Receipt
from service.audit.sources import DatabaseLog
from service.audit.verify import Evidence, Verification
from service.commands.local_service import UNCOUNTED, LocalService, local_folder
from service.settings import Settings
from service.storage import open_store
from tests.databases import Databases
from tests.service.node import entry, finger

pytestmark = pytest.mark.slow

CYCLES = max("CROSSCHECK_TEST_EVERYTHING" in os.environ, int(os.environ.get("CROSSCHECK_TEST_KILL_CYCLES", "0")) // 10)
SEED = int(os.environ.get("CROSSCHECK_TEST_KILL_SEED") or random.randrange(10**6))
ON_BOTH_DATABASES = CYCLES > 1
LIST = "/v1/watchlists/xb-alerts"
PEOPLE = 12

State = dict[str, str | None]
"""The family name of each entry that was acknowledged, by its id; None for one that was withdrawn."""


class Client(threading.Thread):
    """Imports batches and withdraws entries, over and over, until the service is gone; keeps what was acknowledged."""

    def __init__(self, service: LocalService, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        headers = {"Authorization": f"Bearer {service.access.tokens['xb-sync']}"}
        self._http = httpx2.Client(base_url=service.url, headers=headers, timeout=30)
        self._seed = seed
        self.acknowledged: State = {}
        self.open: State = {}
        """What was sent since the last answer."""
        self.answers = 0

    def run(self) -> None:
        with suppress(httpx2.TransportError), self._http:
            while True:
                self._import() if self._chance.random() < 0.6 else self._withdraw()

    def _import(self) -> None:
        numbers = self._chance.sample(range(PEOPLE), 4)
        name = f"Version {self._seed} {self.answers}"
        self.open = {f"E-{number}": name for number in numbers}
        fields = {"family_name": name}
        lines = [entry(finger_number=number, subject=fields) | {"entry_id": f"E-{number}"} for number in numbers]
        content = "\n".join(map(json.dumps, lines)) + "\n"
        with self._http.stream("POST", f"{LIST}/entries:import", content=content) as answer:
            for line in answer.iter_lines():
                result = json.loads(line)
                assert result["status"] != "refused", result
                self._is_done(result["entry_id"])

    def _withdraw(self) -> None:
        name = f"E-{self._chance.randrange(PEOPLE)}"
        self.open = {name: None}
        assert self._http.delete(f"{LIST}/entries/{name}").status_code == 204
        self._is_done(name)

    def _is_done(self, name: str) -> None:
        self.acknowledged[name] = self.open.pop(name)
        self.answers += 1


@pytest.mark.skipif(CYCLES == 0, reason="takes long: `make kill-cycles`")
def test_a_service_that_is_killed_keeps_what_it_acknowledged(
    tmp_path: Path, model_store: ModelStore, databases: Databases
) -> None:
    place = databases.empty(tmp_path)
    settings = {"CROSSCHECK_MODELS": str(model_store.folder)}
    if isinstance(place, URL):
        settings["CROSSCHECK_DATABASE"] = place.render_as_string(hide_password=False)
    chance, expected, answers = random.Random(SEED), State(), 0
    with local_folder(settings) as data:
        for cycle in range(CYCLES):
            with data.serve() as service:
                _look(service, expected)
                client = Client(service, cycle)
                client.start()
                client.join(chance.uniform(0.2, 2))
                os.kill(service.pid, signal.SIGKILL)
                client.join()
            answers += client.answers
            expected |= client.acknowledged
            expected |= {name: f"{expected.get(name)}|{version}" for name, version in client.open.items()}
        with data.serve() as service:
            _look(service, expected)
    print(f"\n{CYCLES} cycles of the service, seed {SEED}: {answers} answers, nothing lost")  # noqa: T201
    assert answers > 0


@pytest.mark.skipif(CYCLES == 0, reason="takes long: `make kill-cycles`")
def test_a_service_that_is_killed_while_it_checks_has_answered_nothing_that_is_not_in_its_log(
    tmp_path: Path, model_store: ModelStore, databases: Databases
) -> None:
    place = databases.empty(tmp_path)
    database = place.render_as_string(hide_password=False) if isinstance(place, URL) else ""
    settings = {"CROSSCHECK_MODELS": str(model_store.folder), "CROSSCHECK_DATABASE": database}
    chance, receipts = random.Random(SEED), list[Receipt]()
    with local_folder(UNCOUNTED | settings) as data:
        for _ in range(CYCLES + 1):
            with data.serve() as service, ThreadPoolExecutor(2) as terminals:
                checking = [terminals.submit(_check_until_it_dies, service, number, receipts) for number in (2, 3)]
                wait(checking, timeout=chance.uniform(0.2, 1.5))
                os.kill(service.pid, signal.SIGKILL)
        home = Path(data.environment["CROSSCHECK_HOME"])
        store = open_store(Settings(home=home, models=model_store.folder, database=SecretStr(database)))
        with store.engine.connect() as connection:
            log = DatabaseLog(connection, store.keys)
            report = Verification(log, datetime.now(UTC), Evidence(receipts=receipts)).run()
        store.engine.dispose()
    print(f"\n{CYCLES + 1} cycles of checks, seed {SEED}: {len(receipts)} answers, each with its event")  # noqa: T201
    assert report.flaw is None
    assert report.entries > len(receipts) > 0


def _check_until_it_dies(service: LocalService, number: int, receipts: list[Receipt]) -> None:
    headers = {"Authorization": f"Bearer {service.access.tokens['xb-terminal']}"}
    body = {"purpose": "border-check", "checkpoint": "XB-GATE-01", "fingerprints": [finger(number)]}
    with suppress(httpx2.TransportError), httpx2.Client(base_url=service.url, headers=headers, timeout=30) as http:
        while True:
            fresh = {"check_id": str(uuid4()), "captured_at": datetime.now(UTC).isoformat()}
            answer = http.post("/v1/match", json=body | fresh)
            assert answer.status_code == 200, answer.text
            receipts.append(Receipt.read(answer.json()["receipt"]))


def _look(service: LocalService, expected: State) -> None:
    """Every entry is as acknowledged; one that was being written may be as before or as sent. Then that is expected."""
    headers = {"Authorization": f"Bearer {service.access.tokens['xb-sync']}"}
    with httpx2.Client(base_url=service.url, headers=headers, timeout=30) as http:
        for name, version in expected.items():
            answer = http.get(f"{LIST}/entries/{name}")
            found = _family_name(answer.json()) if answer.status_code == 200 else None
            assert str(found) in str(version).split("|"), f"seed {SEED}: {name} is not as it was acknowledged"
            expected[name] = found
        report = http.get(LIST.rpartition("/")[0]).json()["watchlists"]
        assert [each["entries"] for each in report] == [sum(version is not None for version in expected.values())]


def _family_name(body: dict[str, Any]) -> str:
    name: str = body["subject"]["family_name"]
    return name
