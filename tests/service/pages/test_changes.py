"""Open pages hear that a queue has changed: once for a change, of their own desks alone, from one watcher."""

from __future__ import annotations

import anyio
import pytest

from service.draining import Draining
from service.errors import Overloaded
from service.pages.desk import changes
from service.pages.desk.changes import Changes, Listener, Standing, standing_of, stream
from service.review.access import Desk
from tests.service.review.desk import SAME, ReviewScene
from tests.service.scene import Scene

XA, XB, JOINT = Desk("xa"), Desk("xb"), Desk("xb", "joint")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let watcher and streams look around at once."""
    monkeypatch.setattr(changes, "EVERY", 0.01)
    monkeypatch.setattr(changes, "STILL_HERE", 0.01)


@pytest.fixture
def desk(scene: Scene) -> ReviewScene:
    scene.enrol()
    return ReviewScene(scene)


async def heard(listener: Listener, standing: Standing) -> bool:
    listener.hear(standing)
    return await listener.changed()


def test_a_stream_tells_of_changes_of_its_own_desks_alone(quick: None) -> None:
    async def listen() -> list[bool]:
        listener = Listener([XA, JOINT])
        steps: list[Standing] = [{XA: 1}, {XA: 1}, {XA: 2}, {XA: 2, XB: 9}, {XA: 2, JOINT: 5}, {JOINT: 5}, {}]
        return [await heard(listener, step) for step in steps]

    assert anyio.run(listen) == [False, False, True, False, True, True, True]


def test_nobody_asks_the_database_while_nobody_listens(quick: None) -> None:
    looks: list[int] = []
    draining = Draining()

    def look() -> Standing:
        looks.append(1)
        return {XA: len(looks)}

    watcher = Changes(look, draining)

    async def watch() -> list[str]:
        events: list[str] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watcher.run)
            await anyio.sleep(0.1)
            assert looks == []
            with watcher.listening([XA]) as listener:
                async for event in stream(watcher, listener, lambda: True):
                    events.append(event)
                    if event.startswith("event: changed"):
                        draining.begin()
        return events

    events = anyio.run(watch)
    assert events[0] == "retry: 3000\n\n"
    assert events[-1] == "event: changed\ndata: queue\n\n"


def test_a_stream_ends_when_its_reader_is_signed_out(quick: None) -> None:
    watcher = Changes(dict, Draining())

    async def listen() -> list[str]:
        with watcher.listening([XA]) as listener:
            return [event async for event in stream(watcher, listener, lambda: False)]

    assert anyio.run(listen) == ["retry: 3000\n\n"]


def test_there_is_an_end_to_how_many_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_STREAMS", 1)
    watcher = Changes(dict, Draining())

    async def crowd() -> None:
        with watcher.listening([XA]):
            watcher.require_room()

    with pytest.raises(Overloaded):
        anyio.run(crowd)


def test_a_queue_changes_with_flags_and_settlements_and_not_with_a_first_verdict(desk: ReviewScene) -> None:
    engine = desk.node.runtime.store.engine
    desk.agree(later="reviewers(2)")
    before = standing_of(engine)
    found = desk.open()
    opened = standing_of(engine)
    assert opened[XA] != before.get(XA)
    assert opened.get(XB) == before.get(XB)
    assert desk.say("ada", found, SAME).status_code == 201
    assert standing_of(engine) == opened
    assert desk.say("bo", found, SAME).status_code == 201
    assert standing_of(engine).get(XA) != opened[XA]
