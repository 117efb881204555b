"""Overload: work that would not be answered in time is refused before it is read.

Little's law gives the wait of a new arrival: (requests ahead of it) x (mean service time) / (workers). Arrivals whose
wait would pass the limit get 503 with `Retry-After`; the rest run at most `workers` at a time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

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
        self._admitted = 0
        self._limiter: anyio.CapacityLimiter | None = None

    @property
    def admitted(self) -> int:
        """Requests that are being read, waiting or worked on."""
        return self._admitted

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place for one request, from before its body is read until its answer is ready.

        Raises:
            Overloaded: the wait would be longer than `answer_within`, or too many hold a place.
        """
        ahead = max(0, self._admitted - self._workers + 1)
        wait = ahead * max(self._mean_service_time, LEAST) / self._workers
        if wait > self._answer_within or self._admitted >= MOST_PLACES * self._workers:
            raise Overloaded(retry_after=max(1, math.ceil(wait)))
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a worker thread, at most `workers` of them at once."""
        if self._limiter is None:  # made here because a limiter belongs to one event loop
            self._limiter = anyio.CapacityLimiter(self._workers)
        return await anyio.to_thread.run_sync(lambda: self._timed(work, *args, **kwargs), limiter=self._limiter)

    def _timed(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        begun = time.perf_counter()
        result = work(*args, **kwargs)  # work that fails is quick, and says nothing of work that does not
        with self._measuring:
            self._mean_service_time += SMOOTHING * (time.perf_counter() - begun - self._mean_service_time)
        return result
