"""Writes down that somebody did not get in: as much as shows an attack, and not so much that the log is one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.roles import Role
from service.users.attempts import Attempt
from service.users.back_off import ALLOWANCES
from service.users.names import UserId

NOBODY: Final = Caller("", Role.REVIEWER, "sign-in")
"""Who tries under a name that nobody has is in no partner's part of the log, and the name is not kept: it may be a
password that was entered in the wrong field."""


def actor_of(user: UserId | None) -> audit.Actor:
    """Return in whose name an event of a sign-in stands."""
    return NOBODY if user is None else Caller(user.partner, Role.REVIEWER, user.name)


def record_failure(connection: Connection, user: UserId | None, attempt: Attempt, step: str, now: datetime) -> None:
    """Write down an attempt that was wrong, in its transaction, as far as `back_off.is_told`.

    Args:
        connection: of the transaction.
        user: who was tried; None if there is no such user.
        attempt: that was wrong.
        step: which; never what was entered.
        now: when; aware.
    """
    actor = actor_of(user)
    counts = {against.name.lower(): tally.failures for against, tally in attempt.tallies.items()}
    is_told = attempt.is_told(known=user is not None)
    if is_told:
        details: audit.Details = {"step": step, **counts}
        audit.record(connection, EventKind.SIGN_IN_FAILED, actor, now, details)
    if user is None and not is_told:
        return  # names can be made up without end
    for against in attempt.begins_to_hold_off:
        seconds = ALLOWANCES[against].first.total_seconds()
        held: audit.Details = {"against": against.value, "failures": counts[against.name.lower()], "seconds": seconds}
        audit.record(connection, EventKind.SIGN_IN_HELD_OFF, actor, now, held)
