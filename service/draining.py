"""The end of a process, announced before it comes: no new work is sent to it, and what is under way is answered.

`/readyz` fails from then on, so that a proxy sends its requests elsewhere; streams of pages end by themselves.
"""

from __future__ import annotations

import threading
from typing import Final

import anyio

_LOOK_EVERY: Final = 0.1


class Draining:
    """Whether this process was asked to end. `begin` may be called by a signal handler."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def begun(self) -> bool:
        return self._asked.is_set()

    def begin(self) -> None:
        self._asked.set()

    async def wait(self) -> None:
        """Return when the process was asked to end; whatever streams without end waits for this beside its events."""
        while not self._asked.is_set():  # the event of a loop could not be set by a signal handler
            await anyio.sleep(_LOOK_EVERY)
