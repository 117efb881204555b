"""Moving windows in memory, for one event loop.

Those of `limits` start a thread with every request, to forget what is over, and a request then waits until that thread
has had its turn: among threads that compute, for milliseconds. Here each look forgets what is over itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from limits.storage import MemoryStorage

SWEEP_EVERY: Final = 60.0
"""Seconds after which everybody who has not called for a whole window is forgotten."""


class RateWindows(MemoryStorage):
    """When everybody has called, exactly. Not thread-safe.

    Args:
        clock: POSIX seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[str, tuple[int, deque[float]]] = {}  # of each key: its seconds, and when it has called
        self._swept_at = clock()

    def remembered(self) -> list[str]:
        """Return the keys of those who have called lately."""
        return list(self._windows)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` calls at once if the window of `expiry` seconds then holds no more than `limit`."""
        now = self._clock()
        self._sweep(now)
        calls = self._windows.setdefault(key, (expiry, deque()))[1]
        _forget(calls, now - expiry)
        if len(calls) + amount > limit:
            return False
        calls.extend([now] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """Return when the window of a key began, now if it is empty, and how many calls are in it."""
        now = self._clock()
        _, calls = self._windows.get(key, (expiry, deque()))
        _forget(calls, now - expiry)
        return (calls[0], len(calls)) if calls else (now, 0)

    def clear(self, key: str) -> None:
        """Forget one of them."""
        self._windows.pop(key, None)

    def reset(self) -> int:
        """Forget all of them; return how many there were."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def _sweep(self, now: float) -> None:
        if 0 <= now - self._swept_at < SWEEP_EVERY:
            return
        self._swept_at = now
        self._windows = {
            key: (expiry, calls) for key, (expiry, calls) in self._windows.items() if calls and calls[-1] > now - expiry
        }


def _forget(calls: deque[float], until: float) -> None:
    while calls and calls[0] <= until:
        calls.popleft()
