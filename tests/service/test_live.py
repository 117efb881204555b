"""A service in a process of its own, on either database: what it keeps in memory, on disk and in its log."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import select

from models.face import FaceEncoder
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from models.weights import ModelStore
from service.audit import Receipt
from service.audit.sources import DatabaseLog
from service.audit.verify import Evidence, Verification
from service.commands.local_service import LocalService, local_service, resident_mb
from service.commands.portraits import ENROLLED, PROBE
from service.keys import change_root_key, rotate_owner_key
from service.settings import Settings
from service.storage import open_store
from tests.databases import KINDS
from tests.postgresql import Server, running_server
from tests.service.images import blank_image, png_bomb
from tests.service.node import entry, face, finger
from tests.service.test_privacy import NAMES, stored_bytes, traces
from watchlists.errors import SealBroken
from watchlists.keys import OwnerKey, OwnerKeyRow
from watchlists.records import EntryKey, Templates
from watchlists.schema import entries, owner_keys
from watchlists.sealing import FileRootKey
from watchlists.store.sealed_rows import open_entry

pytestmark = pytest.mark.slow

CASE = "FILE-4711-QX"
KILLED_AFTER = 12
"""Answers; fewer than the budget of probes of two people."""


@dataclass(frozen=True)
class Live:
    """A service that runs, and where else it keeps data than in its folder."""

    service: LocalService
    settings: Settings
    server: Server | None

    def stored(self) -> bytes:
        """Everything on disk, as it is this moment: data folder, log, files of the database, its write-ahead log."""
        if self.server is None:
            return stored_bytes(self.service.folder)
        self.server.execute("CHECKPOINT")
        return stored_bytes(self.service.folder) + stored_bytes(self.server.folder / "data")


@pytest.fixture(scope="module", params=KINDS)
def live(model_store: ModelStore, request: pytest.FixtureRequest) -> Iterator[Live]:
    os.environ["CROSSCHECK_MODELS"] = str(model_store.folder)
    with contextlib.ExitStack() as stack:
        # A server of its own: the files of the one that tests share hold what all of them have written.
        server = None if request.param == "sqlite" else stack.enter_context(running_server())
        database = "" if server is None else server.new_database().render_as_string(hide_password=False)
        running = stack.enter_context(local_service({"CROSSCHECK_DATABASE": database}))
        settings = Settings(home=running.folder / "home", database=database)  # type: ignore[arg-type]
        yield Live(running, settings, server)


@pytest.fixture
def service(live: Live) -> LocalService:
    return live.service


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


def slices(templates: Templates) -> list[bytes]:
    """Return what of templates would betray them."""
    whole = [face.vector.tobytes() for face in templates.faces]
    whole += [finger.minutiae.to_bytes() for finger in templates.fingers]
    return [part for each in whole for part in (each[:24], each[-24:])]


def test_nothing_of_a_person_is_on_disk_or_in_the_log_and_what_was_withdrawn_never_opens_again(
    live: Live, portraits: dict[str, bytes], faces: FaceEncoder, tmp_path: Path
) -> None:
    service, settings = live.service, live.settings
    subject = {"family_name": NAMES[0], "given_names": NAMES[1], "documents": [NAMES[2]]}
    body = entry(portrait=portraits[ENROLLED], finger_number=1, subject=subject, misused_identity=subject)
    for name in ("E-1", "E-2"):
        assert call(service, "xb-sync", "PUT", f"/v1/watchlists/xb-alerts/entries/{name}", body).status_code == 201
    reference = {"case_reference": CASE}
    found = check(service, face=face(portraits[PROBE]), fingerprints=[finger(1, impression=1)], **reference).json()
    assert found["candidates"][0]["subject"]["family_name"] == NAMES[0]
    for broken in (portraits[PROBE][:5000], blank_image(), b"GIF89a"):
        assert check(service, face=face(broken)).status_code == 422
    assert check(service, face=face(portraits[PROBE]), **{NAMES[1]: NAMES[0]}).status_code == 422

    samples = [portraits[ENROLLED], portraits[PROBE], *(synthetic_template(1, i, Position.RIGHT_INDEX) for i in (0, 1))]
    legible = [trace for sample in samples for trace in traces(sample)] + [name.encode() for name in (*NAMES, CASE)]
    probe = faces.encode(portraits[PROBE]).vector
    assert probe is not None
    store = open_store(settings)
    enrolled = store.entry(EntryKey("xb-alerts", "E-1")).templates
    assert (len(enrolled.faces), len(enrolled.fingers)) == (1, 1)
    legible += [*slices(enrolled), probe.tobytes()[:24], probe.tobytes()[-24:]]
    seen = live.stored()
    assert b"/v1/match 422" in seen  # the search looks where the log is
    assert b"xb-alerts" in seen  # and where the database is
    assert [trace for trace in legible if trace in seen] == []

    with store.engine.connect() as connection:
        old_copy = {row.id: row for row in connection.execute(select(entries))}
        key = store.keys.generation(connection, "xb", 1)
    assert open_entry(old_copy["E-1"], key)[1] == enrolled
    assert call(service, "xb-sync", "DELETE", "/v1/watchlists/xb-alerts/entries/E-1", {}).status_code == 204
    rotate_owner_key(store, "xb", lambda _done, _all: None)  # beside the running service

    assert [trace for trace in legible if trace in live.stored()] == []
    with store.engine.connect() as connection:
        left = [store.keys.generation(connection, "xb", n) for n in store.keys.generations(connection, "xb")]
        for row in old_copy.values():
            for key in left:
                with pytest.raises(SealBroken):
                    open_entry(row, key)
        now = connection.execute(select(entries)).one()
        assert open_entry(now, left[0])[1] == enrolled
    if live.server is None:  # PostgreSQL overwrites when it needs the space; docs/operations.md says so
        assert old_copy["E-1"].wrapped_key not in live.stored()
        assert old_copy["E-1"].sealed_templates not in live.stored()
    again = check(service, face=face(portraits[PROBE]), fingerprints=[finger(1, impression=1)]).json()
    assert (again["complete"], len(again["candidates"])) == (True, 1)

    # A copy of the whole database has its own wrapped keys: those open until the root key is changed, and no longer.
    with store.engine.connect() as connection:
        key_rows = connection.execute(select(owner_keys)).mappings().all()
    change_root_key(settings, tmp_path / "new.key")
    new = FileRootKey.load(tmp_path / "new.key")
    for wrapped in key_rows:
        with pytest.raises(SealBroken):
            OwnerKey.from_row(new, OwnerKeyRow(**wrapped))
    assert check(service, face=face(portraits[PROBE])).json()["complete"]  # it goes on until it is restarted


def check_until_it_dies(service: LocalService, finger_number: int, receipts: list[Receipt]) -> None:
    with contextlib.suppress(httpx2.HTTPError):
        while (answer := check(service, fingerprints=[finger(finger_number)])).status_code == 200:
            receipts.append(Receipt.read(answer.json()["receipt"]))


def test_a_service_that_is_killed_has_answered_nothing_that_is_not_in_its_log(live: Live) -> None:
    """The last test here: afterwards there is no service."""
    receipts = list[Receipt]()
    with ThreadPoolExecutor(2) as terminals:
        checking = [terminals.submit(check_until_it_dies, live.service, number, receipts) for number in (2, 3)]
        while len(receipts) < KILLED_AFTER and not all(each.done() for each in checking):
            time.sleep(0.01)
        os.kill(live.service.pid, signal.SIGKILL)
    store = open_store(live.settings)
    with store.engine.connect() as connection:
        log = DatabaseLog(connection, store.keys)
        report = Verification(log, datetime.now(UTC), Evidence(receipts=receipts)).run()
    store.engine.dispose()
    assert report.flaw is None
    assert report.entries > len(receipts) >= KILLED_AFTER
