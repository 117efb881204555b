"""The identity provider that comes with the node: a password, and then a code of an authenticator app or a passkey."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine

from service.identity import InvalidName
from service.users import totp
from service.users.attempts import Attempts
from service.users.errors import CodeRefused, PasskeyRefused, SignInRefused
from service.users.failures import record_failure
from service.users.half_sign_ins import HalfSignIn, HalfSignIns
from service.users.identity_provider import Asked, Proven
from service.users.names import UserId
from service.users.passkeys import Ceremony, Passkeys
from service.users.passwords import Passwords
from service.users.place import Place
from service.users.records import change, row_of
from service.users.user import Factor, State
from service.users.visitor import Visitor
from watchlists.database import writing
from watchlists.keys import KeyRing

USER: Final = "user"
PASSWORD: Final = "password"  # noqa: S105 -- a name
CODE: Final = "code"
CREDENTIAL: Final = "credential"
_LONGEST_NAME: Final = 200


class EmbeddedProvider:
    """Settles by password and second factor who somebody is."""

    def __init__(self, engine: Engine, keys: KeyRing, attempts: Attempts, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._keys = keys
        self._attempts = attempts
        self._clock = clock
        self._passwords = Passwords(keys)
        self._passkeys = Passkeys(keys)
        self._halves = HalfSignIns(clock)

    def begin(self, unverified: Mapping[str, str], visitor: Visitor, place: Place) -> str:  # noqa: ARG002 -- as others
        """Check a name and a password; return the id of the half sign-in.

        1. Admit the attempt, whoever it is for: it counts from now on.
        2. Compare the password, in the same time whether or not there is such a user.
        3. Write down a failure, or take the attempt back.

        Raises:
            SignInRefused: they are wrong, or the user is not active; it does not say which.
            TooManyAttempts: they were not looked at.
        """
        named = unverified.get(USER, "")[:_LONGEST_NAME]
        user = _user_named(named)
        attempt = self._attempts.admit_password(user or named, visitor)
        hashed = None if user is None else self._hash_of(user)
        password = unverified.get(PASSWORD, "")
        is_right = self._passwords.matches(hashed, password)
        if user is None or hashed is None or not is_right:
            with writing(self._engine) as connection:
                record_failure(connection, user if hashed else None, attempt, PASSWORD, self._clock())
            raise SignInRefused
        renewed = self._passwords.hashed(password) if self._passwords.is_outdated(hashed) else None
        with writing(self._engine) as connection:
            self._attempts.take_back(connection, attempt)
            if renewed is not None:
                change(connection, user, sealed_password=self._passwords.seal(connection, user, renewed))
            return self._halves.begin(connection, user)

    def asked(self, unverified_id: str, place: Place) -> Asked:
        """Return which second factors the user has.

        Raises:
            SignInExpired: there is no such half sign-in any more.
        """
        with self._engine.connect() as connection:
            half = self._halves.read(connection, unverified_id)
            row = row_of(connection, half.user)
            options = self._passkeys.options_to_ask(connection, half.user, Ceremony(half.challenge, place))
            return Asked(half.user, row is not None and row["sealed_totp"] is not None, options)

    def complete(self, unverified_id: str, unverified: Mapping[str, str], visitor: Visitor, place: Place) -> Proven:
        """Check a code, or the answer of a passkey.

        1. There is a half sign-in of that id.
        2. Admit the attempt: it counts from now on.
        3. Check what was entered. A time step, and a challenge, are used up in the transaction that accepts them.
        4. Write down a failure, or end the half sign-in.

        Raises:
            CodeRefused: it was wrong, or used before.
            TooManyAttempts: it was not looked at.
            SignInExpired: there is no such half sign-in any more.
        """
        with self._engine.connect() as connection:
            user = self._halves.read(connection, unverified_id).user
        attempt = self._attempts.admit_code(user, visitor)
        with writing(self._engine) as connection:
            half = self._halves.read(connection, unverified_id)
            factor = self._shown(connection, half, unverified, place)
            if factor is None:
                self._halves.change_challenge(connection, unverified_id)
                record_failure(connection, user, attempt, "second factor", self._clock())
            else:
                self._halves.end(connection, unverified_id)
        if factor is None:
            raise CodeRefused
        return Proven(user, factor, attempt)

    def _shown(
        self, connection: Connection, half: HalfSignIn, unverified: Mapping[str, str], place: Place
    ) -> Factor | None:
        """Return the second factor that was shown, and use it up; None if it is not the user's, or was used before."""
        answer, now = unverified.get(CREDENTIAL, ""), self._clock()
        if answer:
            try:
                self._passkeys.check(connection, half.user, answer, Ceremony(half.challenge, place), now)
            except PasskeyRefused:
                return None
            return Factor.PASSKEY
        row = row_of(connection, half.user)
        if row is None or row["sealed_totp"] is None:
            return None
        secret = totp.open_secret(self._keys, connection, half.user, row["sealed_totp"])
        step = totp.matching_step(secret, unverified.get(CODE, ""), now)
        return Factor.TOTP if step is not None and totp.take_step(connection, half.user, step) else None

    def _hash_of(self, user: UserId) -> str | None:
        """Return the hash of the password of an active user; None for everybody else."""
        with self._engine.connect() as connection:
            row = row_of(connection, user)
            if row is None or row["state"] != State.ACTIVE.value or row["sealed_password"] is None:
                return None
            return self._passwords.opened(connection, user, row["sealed_password"])


def _user_named(unverified: str) -> UserId | None:
    try:
        return UserId.parse(unverified)
    except InvalidName:
        return None
