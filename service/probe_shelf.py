"""Probes that wait in memory until the flag of their check is open: for some seconds, whatever was found.

Whether a probe may be kept is decided by the rules of those who own its candidates. So it is not known before there are
candidates, and nobody may notice that there are. Every check therefore leaves its probe here, in the same way, and
`probe_keeper` takes it away again, on a grid in which no check has a part.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from models.fingerprint.cylinders import FingerTemplate

WAIT: Final = 5.0
"""Seconds after which a probe is forgotten: a flag is open within one, unless the database is away."""
IN_USE: Final = WAIT + 10.0
"""Seconds after a check for which the shelf counts as in use: time enough to write the largest probe, if it is kept."""
MOST: Final = 2000
"""Probes that wait at once."""
_BYTES_A_MINUTIA: Final = 64
"""Of memory: place, direction, kind, quality, and its cylinder."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What people compare of a probe.

    Args:
        image: of the face, as it was sent; None if none was.
        fingers: the impressions that were compared.
    """

    image: bytes | None = field(repr=False)
    fingers: tuple[FingerTemplate, ...] = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        minutiae = sum(len(finger.minutiae) for finger in self.fingers)
        return len(self.image or b"") + _BYTES_A_MINUTIA * minutiae


@dataclass(frozen=True, slots=True)
class HeldProbe:
    """A probe that waits.

    Args:
        flag_id: of the flag that its check opens if there are candidates.
        asker: the partner whose check it was.
        at: when that was; the flag says the same.
        log_until: when what the audit log says of it has to be deleted; None to keep it.
    """

    flag_id: UUID
    asker: str
    at: datetime
    probe: Probe
    log_until: datetime | None


class ProbeShelf:
    """Holds the probes of this process that wait. Thread-safe; bounded in number, in bytes and in time.

    Where there are too many the oldest goes, whatever was found: of its flag the probe is then not kept.

    Args:
        most_bytes: of all probes together; 0 to hold none.
        clock: seconds that never go back.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[UUID, tuple[float, HeldProbe]] = OrderedDict()
        self._bytes = 0
        self._last_held = -math.inf

    @property
    def is_in_use(self) -> bool:
        """Whether any probe was left here lately, kept or forgotten since or not: it does not tell what was found."""
        return self._clock() - self._last_held < IN_USE

    def hold(self, held: HeldProbe) -> None:
        """Let a probe wait."""
        with self._lock:
            self._last_held = self._clock()
            self._held[held.flag_id] = self._last_held, held
            self._bytes += held.probe.size
            while self._held and (self._bytes > self._most_bytes or len(self._held) > MOST):
                self._drop(next(iter(self._held)))

    def waiting(self) -> Sequence[HeldProbe]:
        """Return those that wait, the oldest first, and forget those that have waited for long enough."""
        with self._lock:
            oldest = self._clock() - WAIT
            for flag_id in [flag_id for flag_id, (since, _) in self._held.items() if since <= oldest]:
                self._drop(flag_id)
            return [held for _, held in self._held.values()]

    def forget(self, flag_ids: Iterable[UUID]) -> None:
        """Forget probes whose time is over, kept or not."""
        with self._lock:
            for flag_id in flag_ids:
                if flag_id in self._held:
                    self._drop(flag_id)

    def _drop(self, flag_id: UUID) -> None:
        _, held = self._held.pop(flag_id)
        self._bytes -= held.probe.size
