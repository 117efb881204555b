"""A process that was asked to end says so before it ends."""

from __future__ import annotations

import anyio

from service.draining import Draining
from tests.service.node import NodeMaker


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
