"""Overload: what would not be answered in time is refused at once, and room that is given back is used again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import anyio
import anyio.to_thread
import pytest

from service.errors import Overloaded
from service.limits import Admission
from tests.service.node import NodeMaker


def test_a_queue_grows_no_further_than_can_be_answered_in_time() -> None:
    admission = Admission(workers=2, answer_within=0.1)  # with 0.05 s a check, 2 run and about 4 wait
    with ExitStack() as places:
        for partner in ("xa", "xa", "xa", "xb", "xc", "xd"):
            places.enter_context(admission.enter(partner))
        with pytest.raises(Overloaded) as refused:
            places.enter_context(admission.enter("xe"))
    assert refused.value.retry_after >= 1
    assert admission.admitted == 0


def held_of(admission: Admission, partner: str, places: ExitStack) -> int:
    """How many places a partner gets that asks for as many as there are."""
    for number in range(100):
        try:
            places.enter_context(admission.enter(partner))
        except Overloaded:
            return number
    raise AssertionError("there is no end")


def test_one_partner_cannot_take_the_whole_queue() -> None:
    admission = Admission(workers=2, answer_within=1.0)  # 42 places: 2 at work, 40 that wait a second at most
    with ExitStack() as places:
        assert held_of(admission, "xa", places) == 21
        assert held_of(admission, "xb", places) == 11
        assert held_of(admission, "xa", places) == 0
        assert held_of(admission, "xc", places) == 5


def test_workers_that_are_free_are_anybodys() -> None:
    admission = Admission(workers=2, answer_within=0.001)
    with ExitStack() as places:
        assert held_of(admission, "xa", places) == 2
        assert held_of(admission, "xb", places) == 0


def test_a_place_is_given_back_even_after_an_error() -> None:
    admission = Admission(workers=1, answer_within=0.01)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.enter("xa"):
            _ = 1 / 0
    assert admission.admitted == 0


def test_no_more_than_the_workers_run_at_once() -> None:
    admission = Admission(workers=2, answer_within=9.0)
    running, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.02)
        with lock:
            running -= 1

    async def many() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(admission.run, work)

    anyio.run(many)
    assert most == 2


def test_work_that_ends_an_iteration_fails_like_any_other() -> None:
    """A future does not take that error: whoever waited for it would wait for ever."""
    admission = Admission(workers=1, answer_within=9.0)

    async def run() -> None:
        with pytest.raises(RuntimeError), admission.enter("xa"), anyio.fail_after(5):
            await admission.run(next, iter(()))

    anyio.run(run)
    assert admission.admitted == 0


def test_an_end_waits_for_what_is_at_work() -> None:
    admission, begun, done = Admission(workers=1, answer_within=9.0), threading.Event(), []

    def work() -> None:
        begun.set()
        threading.Event().wait(0.1)
        done.append(True)

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(admission.run, work)
            await anyio.to_thread.run_sync(begun.wait)
            admission.close()
            assert done == [True]

    anyio.run(run)


def test_overload_answers_503_with_retry_after(make_node: NodeMaker) -> None:
    node = make_node(workers=1, answer_within=0.001)
    with ThreadPoolExecutor(8) as threads:
        bodies = [node.request(finger_number=1) for _ in range(24)]
        responses = list(threads.map(lambda body: node.send("xa", body), bodies))
    statuses = {response.status_code for response in responses}
    assert statuses == {200, 503}
    refused = next(response for response in responses if response.status_code == 503)
    assert refused.json()["type"] == "urn:crosscheck:problem:overloaded"
    assert int(refused.headers["retry-after"]) >= 1
    assert node.check("xa", finger_number=1)["outcome"] == "no-candidates"
