"""A limit on how long one HTTP exchange with somebody hostile may take as a whole.

Limits of pauses do not do that: whoever sends a byte now and then keeps them all.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Deadline:
    """Ends the connections of exchanges that take too long. For one thread; hand `notice` to httpx2 as `trace`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._connections: list[socket.socket] = []
        self.is_over = False
        """Whether an exchange was broken off."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Break off what is not over within the block after so many seconds."""
        timer = threading.Timer(self._seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def notice(self, event: str, info: dict[str, Any]) -> None:
        """Learn of a connection."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._connections.append(info["return_value"].get_extra_info("socket"))

    def _cut(self) -> None:
        """End the connections from another thread: whoever reads them finds them at their end."""
        self.is_over = True
        # Not closed, for their numbers could be other connections' by then; and not by TLS, whose state is the reader's
        for each in self._connections:
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
