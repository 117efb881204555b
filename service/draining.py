"""The end of a process, announced before it comes: no new work is sent to it, and what is under way is answered.

`/readyz` fails from then on, so that a proxy sends its requests elsewhere; streams of pages end by themselves.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

_Waiter: TypeAlias = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Draining:
    """Whether this process was asked to end. `begin` may be called by a signal handler, and from any thread."""

    def __init__(self) -> None:
        self._asked: Final = threading.Event()
        self._waiters: Final = set[_Waiter]()

    @property
    def begun(self) -> bool:
        return self._asked.is_set()

    def begin(self) -> None:
        self._asked.set()
        for loop, heard in tuple(self._waiters):  # a signal handler runs between any two steps of the loop
            loop.call_soon_threadsafe(heard.set)

    async def wait(self) -> None:
        """Return when the process was asked to end; whatever streams without end waits for this beside its events."""
        with self._waiter() as heard:
            if not self.begun:  # asked after the waiter is known, so that it cannot be missed
                await heard.wait()

    @contextmanager
    def _waiter(self) -> Iterator[asyncio.Event]:
        waiter = asyncio.get_running_loop(), asyncio.Event()
        self._waiters.add(waiter)
        try:
            yield waiter[1]
        finally:
            self._waiters.discard(waiter)
