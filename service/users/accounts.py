"""What people who are signed in change about themselves.

1. Whoever changes how the user signs in enters the password once more: a browser left open is not enough. Wrong ones
   count as at sign-in.
2. A new password ends all other sessions, and gives this one another id.
3. A user keeps one second factor at least.
4. A new second factor is made from a seed that was asked for with the password, and is good for ten minutes, once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, Update, select

from service import audit
from service.audit import EventKind
from service.user_schema import user_sessions
from service.users import totp
from service.users.attempts import Attempts
from service.users.embedded import CODE, CREDENTIAL
from service.users.enrolling import LABEL
from service.users.errors import LastFactor, NotSignedIn, SignInExpired, SignInRefused
from service.users.failures import record_failure
from service.users.passkeys import Ceremony, Passkey, Passkeys
from service.users.password_rules import require_fit
from service.users.passwords import Passwords
from service.users.place import Place
from service.users.records import change, require_user, row_of
from service.users.sessions import SessionRecord, Sessions, SignedIn
from service.users.setup import Setup
from service.users.user import User
from service.users.visitor import Visitor
from watchlists.database import writing
from watchlists.keys import KeyRing

SETUP_LASTS: Final = timedelta(minutes=10)
_SETUP: Final = "second factor on its way"


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody sees of its own."""

    user: User
    passkeys: Sequence[Passkey]
    sessions: Sequence[SessionRecord]


class Accounts:
    """Changes passwords, second factors and sessions of whoever is signed in."""

    def __init__(
        self, engine: Engine, keys: KeyRing, attempts: Attempts, sessions: Sessions, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._attempts = attempts
        self._sessions = sessions
        self._clock = clock
        self._passwords = Passwords(keys)
        self._passkeys = Passkeys(keys)

    def of(self, signed_in: SignedIn) -> Account:
        """Return what somebody who is signed in has."""
        with self._engine.connect() as connection:
            user = require_user(connection, signed_in.user)
            passkeys = self._passkeys.of(connection, signed_in.user)
        return Account(user, passkeys, self._sessions.of(signed_in.user))

    def change_password(self, signed_in: SignedIn, unverified_old: str, unverified_new: str, visitor: Visitor) -> str:
        """Set another password; return the new id of this session.

        Raises:
            SignInRefused: the present password is another.
            PasswordUnfit: the new one is none that this user may have.
            TooManyAttempts: it was not looked at.
        """
        self._require_password(signed_in, unverified_old, visitor)
        user = signed_in.user
        hashed = self._passwords.hashed(require_fit(unverified_new, user))
        with writing(self._engine) as connection:
            change(connection, user, sealed_password=self._passwords.seal(connection, user, hashed))
            ended = self._sessions.end_all(connection, user, but=signed_in.session_id)
            secret = self._sessions.renew(connection, signed_in)
            self._record(connection, EventKind.PASSWORD_CHANGED, signed_in, {"sessions_ended": ended})
        return secret

    def begin_setup(self, signed_in: SignedIn, unverified_password: str, visitor: Visitor) -> None:
        """Let a second factor be set up in this session.

        Raises:
            SignInRefused: the password is another.
            TooManyAttempts: it was not looked at.
        """
        self._require_password(signed_in, unverified_password, visitor)
        user = signed_in.user
        with writing(self._engine) as connection:
            seed = secrets.token_bytes(32)
            sealed = self._keys.seal_for(user.partner, _SETUP, seed, user.name, connection=connection)
            until = self._clock() + SETUP_LASTS
            connection.execute(_session(signed_in).values(sealed_setup=sealed, setup_until=until))

    def setup(self, signed_in: SignedIn, place: Place) -> tuple[Setup, str]:
        """Return what a second factor is made from, and what the browser needs to have a passkey made, as JSON.

        Raises:
            SignInExpired: the password was not entered for that, or too long ago.
        """
        with self._engine.connect() as connection:
            found = self._setup(connection, signed_in)
            row = row_of(connection, signed_in.user)
            if row is None:
                raise NotSignedIn
            ceremony = Ceremony(found.challenge, place)
            return found, self._passkeys.options_to_make(connection, signed_in.user, row["handle"], ceremony)

    def set_up(self, signed_in: SignedIn, unverified: Mapping[str, str], place: Place) -> None:
        """Add a passkey, or put another authenticator app in place of the one there is.

        Raises:
            SignInExpired: the password was not entered for that, or too long ago.
            CodeRefused: the code is not one of the app that was set up.
            PasskeyRefused: the passkey was not made for this.
        """
        user, now = signed_in.user, self._clock()
        with writing(self._engine) as connection:
            setup = self._setup(connection, signed_in)
            if answer := unverified.get(CREDENTIAL, ""):
                ceremony = Ceremony(setup.challenge, place)
                self._passkeys.add(connection, user, answer, unverified.get(LABEL, ""), ceremony, now)
            else:
                totp.set_up(self._keys, connection, user, setup.totp_secret, unverified.get(CODE, ""), now)
            connection.execute(_session(signed_in).values(sealed_setup=None, setup_until=None))
            details = {"factor": "passkey" if answer else "totp"}
            self._record(connection, EventKind.SECOND_FACTOR_ADDED, signed_in, details)

    def remove_passkey(
        self, signed_in: SignedIn, unverified_id: str, unverified_password: str, visitor: Visitor
    ) -> None:
        """Remove a passkey; one that is gone already stays so.

        Raises:
            SignInRefused: the password is another.
            LastFactor: there would be no second factor left.
            TooManyAttempts: the password was not looked at.
        """
        self._require_password(signed_in, unverified_password, visitor)
        with writing(self._engine) as connection:
            if self._passkeys.remove(connection, signed_in.user, unverified_id):
                self._require_factor(connection, signed_in)
                self._record(connection, EventKind.SECOND_FACTOR_REMOVED, signed_in, {"factor": "passkey"})

    def remove_totp(self, signed_in: SignedIn, unverified_password: str, visitor: Visitor) -> None:
        """Remove the authenticator app.

        Raises:
            SignInRefused: the password is another.
            LastFactor: there would be no second factor left.
            TooManyAttempts: the password was not looked at.
        """
        self._require_password(signed_in, unverified_password, visitor)
        with writing(self._engine) as connection:
            change(connection, signed_in.user, sealed_totp=None)
            self._require_factor(connection, signed_in)
            self._record(connection, EventKind.SECOND_FACTOR_REMOVED, signed_in, {"factor": "totp"})

    def end_session(self, signed_in: SignedIn, unverified_session: str) -> None:
        """End another session of the same user; one that has ended already stays so."""
        with writing(self._engine) as connection:
            if self._sessions.end(connection, signed_in.user, unverified_session):
                self._record(connection, EventKind.SIGNED_OUT, signed_in, {"sessions": 1, "by": "user"})

    def _require_password(self, signed_in: SignedIn, unverified_password: str, visitor: Visitor) -> None:
        user = signed_in.user
        attempt = self._attempts.admit_password(user, visitor)
        with self._engine.connect() as connection:
            row = row_of(connection, user)
            sealed = None if row is None else row["sealed_password"]
            hashed = None if sealed is None else self._passwords.opened(connection, user, sealed)
        is_right = self._passwords.matches(hashed, unverified_password)
        with writing(self._engine) as connection:
            if is_right:
                self._attempts.take_back(connection, attempt)
            else:
                record_failure(connection, user, attempt, "password, while signed in", self._clock())
        if not is_right:
            raise SignInRefused

    def _setup(self, connection: Connection, signed_in: SignedIn) -> Setup:
        columns = select(user_sessions.c.sealed_setup, user_sessions.c.setup_until)
        its = user_sessions.c.digest == bytes.fromhex(signed_in.session_id)
        row = connection.execute(columns.where(its)).first()
        if row is None or row.sealed_setup is None or row.setup_until <= self._clock():
            raise SignInExpired
        user = signed_in.user
        seed = self._keys.open_for(user.partner, _SETUP, row.sealed_setup, user.name, connection=connection)
        return Setup(seed)

    def _require_factor(self, connection: Connection, signed_in: SignedIn) -> None:
        if not require_user(connection, signed_in.user).has_second_factor:
            raise LastFactor

    def _record(self, connection: Connection, kind: EventKind, signed_in: SignedIn, details: audit.Details) -> None:
        audit.record(connection, kind, signed_in.caller, self._clock(), details)


def _session(signed_in: SignedIn) -> Update:
    return user_sessions.update().where(user_sessions.c.digest == bytes.fromhex(signed_in.session_id))
