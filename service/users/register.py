"""Users as the operator of a node administers them. Each deed is written down with its event.

1. A new user has a link that is good for a day, and nothing else. Of its code only a digest is kept.
2. A new link voids the one before and the password, and ends all sessions; a second factor that is there stays, and is
   asked for. A reset takes the second factors too.
3. Who is disabled is out at once, everywhere; who is enabled again has what there was before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from service import audit
from service.audit import EventKind
from service.identity import CODE, Caller, InvalidName
from service.roles import Role
from service.user_schema import half_sign_ins, users
from service.users import devices
from service.users.errors import UserDisabled, UserNameTaken
from service.users.names import UserId
from service.users.passkeys import Passkeys
from service.users.records import all_users, change, require_user, row_of
from service.users.secret_ids import digest_of, new_secret
from service.users.sessions import SessionRecord, Sessions, is_of
from service.users.user import ROLES_OF_PEOPLE, State, User, in_order
from watchlists.database import writing

INVITED_FOR: Final = timedelta(hours=24)


class Register:
    """Adds, invites, disables and enables users."""

    def __init__(self, engine: Engine, sessions: Sessions, passkeys: Passkeys, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._sessions = sessions
        self._passkeys = passkeys
        self._clock = clock

    def add(self, user: UserId, roles: Iterable[Role], authority: str = "") -> str:
        """Add a user of a partner that there is; return the code of its enrolment link, which is kept nowhere.

        Raises:
            InvalidName: no role was given, or one that is not for people; or the authority is no code.
            UserNameTaken: the partner has such a user already, if perhaps a disabled one.
        """
        held = frozenset(roles)
        if not held or not held <= set(ROLES_OF_PEOPLE):
            raise InvalidName(f"a user has one or more of the roles {', '.join(ROLES_OF_PEOPLE)}")
        if authority and not CODE.fullmatch(authority):
            raise InvalidName("an authority is lower-case letters, digits and single dashes, as agreements name it")
        with writing(self._engine) as connection:
            if row_of(connection, user) is not None:
                raise UserNameTaken(f"there is a user {user} already")
            names = [role.value for role in in_order(held)]
            row = {
                "partner": user.partner,
                "name": user.name,
                "roles": names,
                "authority": authority,
                "state": State.INVITED.value,
                "handle": secrets.token_bytes(32),
                "added_at": self._clock(),
            }
            connection.execute(users.insert().values(row))
            code = self._invite(connection, user)
            details: audit.Details = {"user": user.name, "roles": names, "authority": authority}
            self._record(connection, EventKind.USER_ADDED, user, "add", details)
        return code

    def invite(self, user: UserId) -> str:
        """Return the code of a new link; the password is void, and all sessions end.

        Raises:
            UnknownUser: there is no such user.
            UserDisabled: it is disabled.
        """
        with writing(self._engine) as connection:
            _require_enabled(require_user(connection, user))
            self._throw_out(connection, user)
            code = self._invite(connection, user)
            self._record(connection, EventKind.USER_INVITED, user, "invite", {"user": user.name})
        return code

    def reset_second_factor(self, user: UserId) -> str:
        """Remove all second factors; return the code of a link to set up another, and another password.

        Raises:
            UnknownUser: there is no such user.
            UserDisabled: it is disabled.
        """
        with writing(self._engine) as connection:
            _require_enabled(require_user(connection, user))
            self._throw_out(connection, user)
            self._passkeys.remove_all(connection, user)
            change(connection, user, sealed_totp=None, totp_step=None)
            code = self._invite(connection, user)
            self._record(connection, EventKind.SECOND_FACTOR_RESET, user, "reset-second-factor", {"user": user.name})
        return code

    def disable(self, user: UserId) -> None:
        """Let a user in no more, and end what it has open. One that is disabled already stays so.

        Raises:
            UnknownUser: there is no such user.
        """
        with writing(self._engine) as connection:
            if require_user(connection, user).state is State.DISABLED:
                return
            self._throw_out(connection, user)
            change(connection, user, state=State.DISABLED.value, invitation=None, invited_until=None)
            self._record(connection, EventKind.USER_DISABLED, user, "disable", {"user": user.name})

    def enable(self, user: UserId) -> State:
        """Let a disabled user in again, with what it had; return where it stands. Without a password it needs a link.

        Raises:
            UnknownUser: there is no such user.
        """
        with writing(self._engine) as connection:
            found = require_user(connection, user)
            if found.state is not State.DISABLED:
                return found.state
            row = row_of(connection, user)
            is_whole = row is not None and row["sealed_password"] is not None and found.has_second_factor
            state = State.ACTIVE if is_whole else State.INVITED
            change(connection, user, state=state.value)
            self._record(connection, EventKind.USER_ENABLED, user, "enable", {"user": user.name, "state": state.value})
        return state

    def all(self, partner: str | None = None) -> Sequence[User]:
        """Return the users of a partner, or of all."""
        with self._engine.connect() as connection:
            return all_users(connection, partner)

    def sessions(self, user: UserId) -> Sequence[SessionRecord]:
        """Return the sessions that a user has open.

        Raises:
            UnknownUser: there is no such user.
        """
        with self._engine.connect() as connection:
            require_user(connection, user)
        return self._sessions.of(user)

    def sign_out(self, user: UserId) -> int:
        """End all sessions of a user; return how many there were.

        Raises:
            UnknownUser: there is no such user.
        """
        with writing(self._engine) as connection:
            require_user(connection, user)
            ended = self._sessions.end_all(connection, user)
            details: audit.Details = {"user": user.name, "sessions": ended, "by": "operator"}
            self._record(connection, EventKind.SIGNED_OUT, user, "sign-out", details)
        return ended

    def _throw_out(self, connection: Connection, user: UserId) -> None:
        self._sessions.end_all(connection, user)
        connection.execute(half_sign_ins.delete().where(*is_of(half_sign_ins, user)))
        devices.forget_all(connection, user)

    def _invite(self, connection: Connection, user: UserId) -> str:
        code = new_secret()
        change(
            connection,
            user,
            state=State.INVITED.value,
            sealed_password=None,
            invitation=digest_of(code),
            invited_until=self._clock() + INVITED_FOR,
        )
        return code

    def _record(
        self, connection: Connection, kind: EventKind, user: UserId, command: str, details: audit.Details
    ) -> None:
        actor = Caller(user.partner, Role.OPERATOR, f"crosscheck user {command}")
        audit.record(connection, kind, actor, self._clock(), details)


def _require_enabled(user: User) -> None:
    if user.state is State.DISABLED:
        raise UserDisabled(f"user {user.id} is disabled")
