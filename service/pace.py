"""Time classes: whoever must not learn how long something took sees it take a multiple of a step."""

from __future__ import annotations

import time


def remaining(elapsed: float, step: float) -> float:
    """Return the seconds from `elapsed` to the next multiple of `step`; none if it is at one."""
    return -elapsed % step


def wait_out(since: float, step: float) -> None:
    """Sleep until a multiple of `step` seconds has passed since the moment `since` of `time.perf_counter`."""
    time.sleep(remaining(time.perf_counter() - since, step))
