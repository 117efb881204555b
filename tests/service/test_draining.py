"""A process that was asked to end says so before it ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import anyio
import httpx2
import pytest

from models.face import FaceEncoder
from models.weights import ModelStore
from service.draining import Draining
from service.pages.cookies import SESSION
from tests.service.live import LiveNode
from tests.service.node import NodeMaker
from tests.service.people import entered


def test_a_process_that_is_to_end_is_not_ready_but_still_answers(make_node: NodeMaker) -> None:
    node = make_node()
    assert node.client.get("/readyz").status_code == 200
    node.runtime.draining.begin()
    refused = node.client.get("/readyz")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:crosscheck:problem:not-ready")
    assert refused.headers["retry-after"]
    assert node.client.get("/healthz").status_code == 200
    assert node.check("xa", finger_number=3)["outcome"] == "no-candidates"


def test_who_waits_for_the_end_learns_of_it() -> None:
    async def wait() -> None:
        draining = Draining()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(draining.wait)
            assert not draining.begun
            draining.begin()

    anyio.run(wait)


@pytest.mark.parametrize("how", ["in a thread", "by a signal"])
def test_who_waits_learns_of_an_end_that_comes_from_elsewhere(how: str) -> None:
    draining = Draining()
    old = signal.signal(signal.SIGUSR1, lambda *_: draining.begin())

    def ask() -> None:
        time.sleep(0.05)
        if how == "in a thread":
            draining.begin()
        else:
            os.kill(os.getpid(), signal.SIGUSR1)

    async def wait() -> None:
        async with anyio.create_task_group() as tasks:
            with anyio.fail_after(5):
                for _ in range(3):
                    tasks.start_soon(draining.wait)
                threading.Thread(target=ask).start()
                await draining.wait()

    try:
        anyio.run(wait)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert draining.begun


def test_streams_of_pages_end_at_once_and_none_begins_any_more(
    tmp_path: Path, model_store: ModelStore, faces: FaceEncoder
) -> None:
    node = LiveNode(tmp_path / "node", model_store.folder, faces)
    cookies = {SESSION: entered(node).session}
    with httpx2.stream("GET", f"{node.url}/review/changes", cookies=cookies, timeout=20) as stream:
        events = stream.iter_lines()
        assert next(events).startswith("retry:")
        node.runtime.draining.begin()
        begun = time.monotonic()
        assert [line for line in events if line] == []
        assert time.monotonic() - begun < 0.9  # not at the next look at the database
    again = httpx2.get(f"{node.url}/review/changes", cookies=cookies, timeout=20)
    assert again.text.startswith("retry:")
    assert "changed" not in again.text
    node.stop()
