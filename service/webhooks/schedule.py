"""When a message is tried again, and when no more. Pure.

1. After the first failure in 5 seconds, then after four times as long each time, at most an hour.
2. Each time is moved by up to a fifth, so that a receiver that comes back is not met by everybody at once.
3. A receiver that asks for more time gets it, up to the longest pause.
4. After three days of failures, or at once if the receiver says that it is gone for good, the endpoint is parked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=5)
FACTOR: Final = 4
LONGEST: Final = timedelta(hours=1)
JITTER: Final = 0.2
GIVE_UP_AFTER: Final = timedelta(days=3)


def pause_after(failures: int, chance: float, asked: timedelta | None = None) -> timedelta:
    """Return how long to wait after the `failures`-th failure in a row.

    Args:
        failures: from 1.
        chance: from 0 to 1, drawn at random.
        asked: what the receiver has asked for.
    """
    steps = min(failures - 1, 16)  # beyond it is the longest anyway, and numbers stay small
    pause = min(FIRST * int(FACTOR**steps), LONGEST) * (1 + JITTER * (2 * chance - 1))
    return pause if asked is None else max(pause, min(asked, LONGEST))


def is_given_up(failing_since: datetime, now: datetime) -> bool:
    """Whether the failures have lasted for so long that somebody should look."""
    return now - failing_since >= GIVE_UP_AFTER
