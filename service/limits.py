"""Overload: work that would not be answered in time is refused before it is read.

Little's law gives the wait of a new arrival: (requests ahead of it) x (mean service time) / (workers). Arrivals whose
wait would pass the limit get 503 with `Retry-After`; the rest run at most `workers` at a time.

One partner cannot take the whole queue: it holds no more places than are free after it (the dynamic threshold of
Choudhury and Hahne, 1998, with a factor of one). Alone it gets half of the queue, two that ask for too much get a third
each, and whoever asks for little always finds a place.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from service.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")
SMOOTHING = 0.1  # weight of the newest service time in the running mean
TYPICAL = 0.05  # seconds of work, before any was measured
LEAST = 0.02  # quick work, such as a repeated check, must not make room for a flood of slow work
MOST_PLACES = 64  # a worker: what waits has its body, of several megabytes, in memory


class Admission:
    """Admits one kind of requests to worker threads. `enter` and `run` are called from the event loop only."""

    def __init__(self, workers: int, answer_within: float) -> None:
        self._workers = workers
        self._answer_within = answer_within
        self._mean_service_time = TYPICAL
        self._measuring = threading.Lock()
        self._held = Counter[str | None]()
        self._threads = ThreadPoolExecutor(workers, "work")

    @property
    def admitted(self) -> int:
        """Requests that are being read, waiting or worked on."""
        return self._held.total()

    @contextmanager
    def enter(self, partner: str | None = None) -> Iterator[None]:
        """Hold a place for one request of `partner`, from before its body is read until its answer is ready.

        Without a partner, as of people who are not signed in yet, there is no share that it could exceed.

        Raises:
            Overloaded: the wait would be longer than `answer_within`, or others must find a place too.
        """
        free = self._places() - self.admitted
        # A worker that is free is anybody's: nobody waits for it.
        mine = 0 if partner is None else self._held[partner]
        if free <= 0 or (self.admitted >= self._workers and mine >= free):
            raise Overloaded(retry_after=max(1, math.ceil(self._wait())))
        self._held[partner] += 1
        try:
            yield
        finally:
            self._held[partner] -= 1
            if not self._held[partner]:
                del self._held[partner]

    def _places(self) -> int:
        """Return how many can hold a place: those at work, and those that will be answered in time."""
        waiting = int(self._answer_within * self._workers / self._service_time())
        return min(self._workers + waiting, MOST_PLACES * self._workers)

    def _wait(self) -> float:
        """Return for how many seconds the next one would wait."""
        return max(0, self.admitted - self._workers + 1) * self._service_time() / self._workers

    def _service_time(self) -> float:
        return max(self._mean_service_time, LEAST)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a worker thread, at most `workers` of them at once."""
        timed = partial(self._timed, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, timed)

    def close(self) -> None:
        """Wait for what is at work; nothing begins any more."""
        self._threads.shutdown(cancel_futures=True)

    def _timed(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        begun = time.perf_counter()
        try:
            result = work(*args, **kwargs)  # work that fails is quick, and says nothing of work that does not
        except StopIteration as error:  # which no future takes: whoever waits for it would wait for ever
            raise RuntimeError("work was at the end of something") from error
        with self._measuring:
            self._mean_service_time += SMOOTHING * (time.perf_counter() - begun - self._mean_service_time)
        return result
