"""How long somebody has to wait who has guessed wrong. Pure: no clock, no database.

A lock-out that goes by the user alone is a weapon: whoever knows a name locks its owner out. So attempts are counted by
where they come from (after OWASP's device cookies):

1. An attempt from a device on which this very user has signed in before, with both factors, counts against the user on
   that device, and against nothing else. Nobody else's attempts count there, so nobody can make the owner wait there.
2. An attempt from anywhere else counts against the user as tried from that network, against the network whomever it
   tries, and against the user as tried from all unknown devices together; it waits for the longest of the three.
3. The second factor has tallies of its own, for whoever gets there knows the password. It waits much longer.
4. The first attempts are free; after that the wait doubles with each, from `first` up to `most`.
5. Who has to wait is not heard: what was entered is neither looked at nor counted, and does not change the answer.
6. An attempt counts from the moment it is admitted, so that many at once are no way around. If it was right, it is
   taken back; if it led to a sign-in, what counted against the user on that device or from that network is forgotten.
   Against the network, and against all unknown devices, others' wrong attempts stay.
7. Whether there is such a user changes nothing of this.
8. What a tally holds is forgotten when nobody has tried for `forgotten_after`, which is longer than any wait.

What is left: while an attacker with many networks tries a user, that user waits on a device that it has never used. The
owner goes to a known one, or gets a new link from the operator, which makes the new device a known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

NONE: Final = timedelta()
NEVER: Final = 2**31 - 1


class Against(StrEnum):
    """What an attempt counts against."""

    DEVICE = "password, user on a known device"
    USER_FROM_NETWORK = "password, user from a network"
    NETWORK = "password, network"
    USER = "password, user from unknown devices"
    ANYBODY = "password, anybody from unknown devices"
    CODE_ON_DEVICE = "second factor, user on a known device"
    CODE = "second factor, user from unknown devices"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many attempts are free, and how long the waits are after that."""

    free: int
    first: timedelta
    most: timedelta
    forgotten_after: timedelta = timedelta(days=1)

    def wait_after(self, failures: int) -> timedelta:
        """Return how long after the last of so many failures the next attempt may be made."""
        beyond = failures - self.free
        if beyond < 0:
            return NONE
        doublings: int = 2 ** min(beyond, 32)
        return min(self.most, self.first * doublings)


ALLOWANCES: Final[Mapping[Against, Allowance]] = {
    Against.DEVICE: Allowance(5, timedelta(seconds=15), timedelta(minutes=15)),
    Against.USER_FROM_NETWORK: Allowance(5, timedelta(seconds=30), timedelta(hours=1)),
    Against.NETWORK: Allowance(30, timedelta(seconds=15), timedelta(minutes=15)),
    Against.USER: Allowance(50, timedelta(minutes=1), timedelta(minutes=15)),
    Against.ANYBODY: Allowance(NEVER, NONE, NONE),  # counted for the audit log alone: nobody waits for all the others
    Against.CODE_ON_DEVICE: Allowance(5, timedelta(minutes=1), timedelta(days=1), timedelta(days=30)),
    Against.CODE: Allowance(5, timedelta(minutes=1), timedelta(days=1), timedelta(days=30)),
}
"""Guesses at a password from unknown devices: 50, then at most about a hundred a day, for all networks together; SP
800-63B-4 (3.2.2) allows 100 in a row. Guesses at a code: 5, then one a day; each has 3 chances in a million."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What has been counted so far: failures, and when the last was."""

    failures: int
    last_at: datetime


def wait(against: Against, tally: Tally | None, now: datetime) -> timedelta:
    """Return how long an attempt that would count against this has to wait still."""
    if tally is None or is_forgotten(against, tally, now):
        return NONE
    return max(NONE, tally.last_at + ALLOWANCES[against].wait_after(tally.failures) - now)


def counted(against: Against, tally: Tally | None, now: datetime) -> Tally:
    """Return the tally with one more attempt."""
    before = 0 if tally is None or is_forgotten(against, tally, now) else tally.failures
    return Tally(before + 1, now)


def is_forgotten(against: Against, tally: Tally, now: datetime) -> bool:
    """Whether so much time has passed that it counts no more."""
    return now - tally.last_at >= ALLOWANCES[against].forgotten_after


def is_told(failures: int) -> bool:
    """Whether that failure is an audit event: the first five are, then each time the number has doubled.

    Else whoever fails on purpose would fill the log.
    """
    return failures <= 5 or failures & (failures - 1) == 0
