"""Sign-ins between the first step and the second: no sessions, and good for nothing but the second step.

1. Its id is as that of a session, of its own cookie and its own table: nothing takes one for the other.
2. It lasts five minutes, and only while the user is active.
3. The challenge for a passkey is answered once: whoever takes it leaves another in its place.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from service.user_schema import half_sign_ins, users
from service.users.errors import SignInExpired
from service.users.names import UserId
from service.users.secret_ids import digest_of, new_secret
from service.users.user import State

LASTS: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class HalfSignIn:
    """Somebody whose first step was right."""

    user: UserId
    challenge: bytes = field(repr=False)


class HalfSignIns:
    """Begins and ends them, in transactions of the caller."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def begin(self, connection: Connection, user: UserId) -> str:
        """Begin one; return its id, for the cookie."""
        secret = new_secret()
        row = {"digest": digest_of(secret), "begun_at": self._clock(), "challenge": secrets.token_bytes(32)}
        connection.execute(half_sign_ins.insert().values(partner=user.partner, name=user.name, **row))
        return secret

    def read(self, connection: Connection, unverified_id: str) -> HalfSignIn:
        """Return the one of that id.

        Raises:
            SignInExpired: there is none, or not any more.
        """
        its_user = (users.c.partner == half_sign_ins.c.partner) & (users.c.name == half_sign_ins.c.name)
        query = select(half_sign_ins).join(users, its_user).where(users.c.state == State.ACTIVE.value)
        lasts = half_sign_ins.c.begun_at > self._clock() - LASTS
        is_it = half_sign_ins.c.digest == digest_of(unverified_id)
        row = connection.execute(query.where(is_it, lasts)).mappings().first()
        if row is None:
            raise SignInExpired
        return HalfSignIn(UserId(row["partner"], row["name"]), row["challenge"])

    def change_challenge(self, connection: Connection, secret: str) -> None:
        """Put another challenge in place of the one that was answered, rightly or wrongly."""
        its = half_sign_ins.update().where(half_sign_ins.c.digest == digest_of(secret))
        connection.execute(its.values(challenge=secrets.token_bytes(32)))

    def end(self, connection: Connection, secret: str) -> None:
        """End one."""
        connection.execute(half_sign_ins.delete().where(half_sign_ins.c.digest == digest_of(secret)))

    def forget(self, connection: Connection) -> None:
        """Delete those whose time is over."""
        over = half_sign_ins.c.begun_at <= self._clock() - LASTS
        connection.execute(half_sign_ins.delete().where(over))
