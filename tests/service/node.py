"""One Crosscheck node for tests: the real parts on a temporary data folder, spoken to over HTTP in sentences."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi.testclient import TestClient
from httpx2 import Response

from models.face import FaceEncoder
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.app import bootstrap, create_app
from service.settings import BearerTokens, Settings
from tests.databases import Databases, Files
from tests.service.sample_folder import sample_folder

RATES = tuple(name for name in Settings.model_fields if "_per_minute" in name)


class Clock:
    """A clock that tests can turn."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def turn(self, ahead: timedelta) -> None:
        self._ahead += ahead

    def set(self, moment: datetime) -> None:
        self.turn(moment - self())


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def finger(number: int, impression: int = 0, position: Position = Position.RIGHT_INDEX) -> dict[str, str]:
    """An impression of a generated finger, as a request carries it."""
    return {"position": position.value, "template": base64_of(synthetic_template(number, impression, position))}


def face(image: bytes) -> dict[str, str]:
    return {"image": base64_of(image)}


def entry(*, portrait: bytes | None = None, finger_number: int | None = None, **fields: Any) -> dict[str, Any]:
    """An entry body with the given samples; `fields` replace its other fields."""
    body: dict[str, Any] = {
        "category": "wanted",
        "action": "inform-officer",
        "handling": ["tlp-amber"],
        "subject": {"family_name": "Quillfeather", "given_names": "Ottoline", "nationality": "XB"},
        "provenance": {"source": "State police of XB, warrant register"},
        "faces": [] if portrait is None else [face(portrait)],
        "fingerprints": [] if finger_number is None else [finger(finger_number)],
    }
    return body | fields


@dataclass
class Node:
    """A node with the sample partners XA and XB. `settings` overrides single settings."""

    home: Path
    models: Path
    faces: FaceEncoder
    settings: dict[str, Any] = field(default_factory=dict)
    databases: Databases = field(default_factory=Files)

    def __post_init__(self) -> None:
        self.clock = Clock()
        # A client of a test has no address, and may be quicker than a rate allows.
        quick = dict.fromkeys(RATES, 10**6) | {"bearer_tokens": BearerTokens.INSECURE_ANYWHERE}
        sample = sample_folder(self.databases)
        at = {"home": self.home, "models": self.models, "database": sample.copy(self.home)}
        self._settings = Settings.model_validate(at | quick | self.settings)
        self.access = sample.access  # of this node alone: tests add to it
        self.start()

    def start(self) -> None:
        self.runtime = bootstrap(self._settings, self.clock, self.faces)
        self.client = TestClient(create_app(self.runtime), raise_server_exceptions=False)
        self.client.__enter__()  # one event loop for all requests, as in a server

    def stop(self) -> None:
        self.client.__exit__(None, None, None)

    def restart(self) -> None:
        self.stop()
        self.start()

    def settle(self) -> None:
        """Have the flags opened that checks have left, and their probes kept, as happens within seconds anyway."""
        assert self.runtime.open_flags()
        while self.runtime.probe_keeper.is_writing:
            assert self.runtime.open_flags()

    def call(self, who: str, method: str, path: str, **kwargs: Any) -> Response:
        """Send a request with the token of `who`, such as "xa-terminal"."""
        headers = {"Authorization": f"Bearer {self.access.tokens[who]}"} | kwargs.pop("headers", {})
        response: Response = self.client.request(method, path, headers=headers, **kwargs)
        return response

    def put_entry(self, owner: str, entry_id: str, body: dict[str, Any]) -> Response:
        return self.call(f"{owner}-sync", "PUT", f"/v1/watchlists/{owner}-alerts/entries/{entry_id}", json=body)

    def enrol(self, owner: str, entry_id: str, **samples: Any) -> None:
        """Put an entry on the owner's watchlist; it must succeed."""
        response = self.put_entry(owner, entry_id, entry(**samples))
        assert response.status_code in {200, 201}, response.text

    def withdraw(self, owner: str, entry_id: str) -> None:
        response = self.call(f"{owner}-sync", "DELETE", f"/v1/watchlists/{owner}-alerts/entries/{entry_id}")
        assert response.status_code == 204, response.text

    def import_lines(self, owner: str, lines: list[bytes]) -> list[dict[str, Any]]:
        path = f"/v1/watchlists/{owner}-alerts/entries:import"
        response = self.call(f"{owner}-sync", "POST", path, content=b"\n".join(lines))
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.text.splitlines()]

    def request(
        self, *, portrait: bytes | None = None, finger_number: int | None = None, **fields: Any
    ) -> dict[str, Any]:
        """A match request with the given samples, the finger in another impression than the enrolled one."""
        body: dict[str, Any] = {
            "check_id": str(uuid4()),
            "purpose": "border-check",
            "case_reference": None,
            "checkpoint": "XA-GATE-07",
            "captured_at": self.clock().isoformat(),
        }
        if portrait is not None:
            body["face"] = face(portrait)
        if finger_number is not None:
            body["fingerprints"] = [finger(finger_number, impression=1)]
        return body | fields

    def check(self, asker: str, **samples: Any) -> dict[str, Any]:
        """Check a person; it must be answered."""
        response = self.send(asker, self.request(**samples))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def send(self, asker: str, body: dict[str, Any]) -> Response:
        return self.call(f"{asker}-terminal", "POST", "/v1/match", json=body)


NodeMaker = Callable[..., Node]
