"""A service that is killed with `kill -9` while it imports and withdraws has kept all that it acknowledged.

Over HTTP; `make kill-cycles` runs a tenth of its count on each kind of database, CI one cycle.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import URL

from models.weights import ModelStore
from service.commands.local_service import LocalService, local_folder
from tests.databases import Databases
from tests.service.node import entry

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
