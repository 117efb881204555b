"""Sessions of people who are signed in with both factors.

1. The id is random, stands in a cookie only, and of it only a digest is stored.
2. A session ends 15 minutes after it was last used, 8 hours after it began, and at once when somebody ends it, or when
   the user is disabled: state and roles are read anew with each request.
3. It begins after the second factor with an id of its own; whatever id the browser held before is worth nothing then.

The caller still owes: that both factors were shown, and the event of what begins or ends a session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, Table, select

from service.identity import Caller, require
from service.roles import Role
from service.user_schema import user_sessions, users
from service.users.names import UserId
from service.users.secret_ids import csrf_token, digest_of, new_secret
from service.users.user import Factor, State, in_order
from watchlists.database import writing
from watchlists.schema import partners

IDLE: Final = timedelta(minutes=15)
ABSOLUTE: Final = timedelta(hours=8)
"""Both as OWASP has them for applications of high value (Session Management Cheat Sheet)."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""Not every page that is read writes when it was; a session ends by so much earlier, never later."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in, as pages get to know them.

    Args:
        caller: with the first of the user's roles; `acting_as` gives another.
        roles: of the user, all of one partner.
        session_id: names the session, and opens nothing.
        csrf_token: every form carries it.
        begun_at: when the second factor was shown.
    """

    caller: Caller
    roles: tuple[Role, ...]
    session_id: str
    csrf_token: str = field(repr=False)
    begun_at: datetime

    @property
    def user(self) -> UserId:
        return UserId(self.caller.partner, self.caller.name)

    def acting_as(self, *roles: Role) -> SignedIn:
        """Return the same person in the first of these roles that it has.

        Raises:
            WrongRole: it has none of them.
        """
        mine = next((role for role in self.roles if role in roles), self.caller.role)
        return replace(self, caller=require(replace(self.caller, role=mine), *roles))


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as its user finds it listed."""

    session_id: str
    factor: Factor
    begun_at: datetime
    seen_at: datetime


class Sessions:
    """Begins, recognises and ends sessions; in the database, so that all processes know them."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, connection: Connection, user: UserId, factor: Factor) -> str:
        """Begin a session in the transaction of `connection`; return its id, for the cookie."""
        secret, now = new_secret(), self._clock()
        row = {"digest": digest_of(secret), "factor": factor.value, "begun_at": now, "seen_at": now}
        connection.execute(user_sessions.insert().values(partner=user.partner, name=user.name, **row))
        return secret

    def recognise(self, unverified_id: str | None, *, use: bool = True) -> SignedIn | None:
        """Return who holds that session; None if nobody does any more.

        Args:
            unverified_id: what the cookie holds; None if there is none.
            use: whether this counts as use. What a page asks for by itself must not keep a session alive.
        """
        if not unverified_id:
            return None
        now, digest = self._clock(), digest_of(unverified_id)
        with self._engine.connect() as connection:
            row = connection.execute(_ALIVE.where(user_sessions.c.digest == digest, *_lasts(now))).mappings().first()
        if row is None:
            return None
        if use and now - row["seen_at"] >= SEEN_EVERY:
            self._see(digest, now)
        return _signed_in(row, unverified_id)

    def lasts(self, signed_in: SignedIn) -> bool:
        """Whether a session that was recognised has not ended since; to be asked now and then by what stays open."""
        digest = bytes.fromhex(signed_in.session_id)
        with self._engine.connect() as connection:
            query = _ALIVE.where(user_sessions.c.digest == digest, *_lasts(self._clock()))
            return connection.execute(query).first() is not None

    def of(self, user: UserId) -> Sequence[SessionRecord]:
        """Return the sessions of a user that have not ended, the newest first."""
        query = select(user_sessions).where(*is_of(user_sessions, user), *_lasts(self._clock()))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(user_sessions.c.begun_at.desc())).mappings().all()
        return [
            SessionRecord(row["digest"].hex(), Factor(row["factor"]), row["begun_at"], row["seen_at"]) for row in rows
        ]

    def end(self, connection: Connection, user: UserId, session_id: str) -> bool:
        """End one session of a user, in the transaction of `connection`; return whether there was one."""
        one = is_of(user_sessions, user), user_sessions.c.digest == _digest_named(session_id)
        return connection.execute(user_sessions.delete().where(*one[0], one[1])).rowcount > 0

    def end_all(self, connection: Connection, user: UserId, *, but: str | None = None) -> int:
        """End all sessions of a user, or all but the one named, in the transaction of `connection`; return how many."""
        gone = user_sessions.delete().where(*is_of(user_sessions, user))
        if but is not None:
            gone = gone.where(user_sessions.c.digest != _digest_named(but))
        return connection.execute(gone).rowcount

    def renew(self, connection: Connection, signed_in: SignedIn) -> str:
        """Give a session another id, in the transaction of `connection`; the old one is void. Return the new one."""
        secret = new_secret()
        moved = user_sessions.update().where(user_sessions.c.digest == _digest_named(signed_in.session_id))
        connection.execute(moved.values(digest=digest_of(secret)))
        return secret

    def forget(self, connection: Connection) -> int:
        """Delete sessions whose time is over, in the transaction of `connection`; return how many."""
        now = self._clock()
        over = (user_sessions.c.seen_at <= now - IDLE) | (user_sessions.c.begun_at <= now - ABSOLUTE)
        return connection.execute(user_sessions.delete().where(over)).rowcount

    def _see(self, digest: bytes, now: datetime) -> None:
        with writing(self._engine) as connection:
            connection.execute(user_sessions.update().where(user_sessions.c.digest == digest).values(seen_at=now))


_ALIVE: Final = (
    select(user_sessions, users.c.roles, users.c.authority, partners.c.country)
    .join(users, (users.c.partner == user_sessions.c.partner) & (users.c.name == user_sessions.c.name))
    .join(partners, partners.c.id == user_sessions.c.partner)
    .where(users.c.state == State.ACTIVE.value)
)


def is_of(table: Table, user: UserId) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return which rows of a table are of a user."""
    return table.c.partner == user.partner, table.c.name == user.name


def _lasts(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return user_sessions.c.seen_at > now - IDLE, user_sessions.c.begun_at > now - ABSOLUTE


def _signed_in(row: RowMapping, secret: str) -> SignedIn:
    roles = in_order(frozenset(Role(role) for role in row["roles"]))
    caller = Caller(row["partner"], roles[0], row["name"], row["authority"], row["country"])
    return SignedIn(caller, roles, row["digest"].hex(), csrf_token(secret), row["begun_at"])


def _digest_named(session_id: str) -> Any:
    try:
        return bytes.fromhex(session_id)
    except ValueError:  # of no session
        return b""
