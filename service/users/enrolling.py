"""A new user at work with an enrolment link: first a password, then a second factor; then the link is used up.

1. The link is good for a day, until it was used, and until there is another one.
2. A password alone makes nobody active. Who has a second factor already, and was only given a new link, shows that one
   in an ordinary sign-in.
3. What the second factor is made from follows from the code of the link under the key of the partner, so that the page
   can be loaded again before it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, RowMapping, select

from service import audit
from service.audit import EventKind
from service.user_schema import users
from service.users import totp
from service.users.embedded import CODE, CREDENTIAL, PASSWORD
from service.users.errors import CodeRefused, InvitationVoid
from service.users.failures import actor_of
from service.users.half_sign_ins import HalfSignIns
from service.users.identity_provider import Proven
from service.users.names import UserId
from service.users.passkeys import Ceremony, Passkeys
from service.users.password_rules import require_fit
from service.users.passwords import Passwords
from service.users.place import Place
from service.users.records import change, row_of
from service.users.secret_ids import digest_of
from service.users.setup import Setup
from service.users.user import Factor, State
from watchlists.database import writing
from watchlists.keys import KeyRing

LABEL: Final = "label"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link leads to.

    Args:
        has_password: whether the password was chosen, so that the second factor is next.
        setup: what that is made from.
        passkey_options: for the browser, as JSON, to make a passkey.
    """

    user: UserId
    has_password: bool
    setup: Setup = field(repr=False)
    passkey_options: str = field(repr=False)


class Enrolling:
    """Takes users from their link to being active."""

    def __init__(self, engine: Engine, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._passwords = Passwords(keys)
        self._passkeys = Passkeys(keys)
        self._halves = HalfSignIns(clock)

    def look(self, unverified_code: str, place: Place) -> Invitation:
        """Return what a link leads to; changes nothing.

        Raises:
            InvitationVoid: it leads nowhere any more.
        """
        with self._engine.connect() as connection:
            row = self._row(connection, unverified_code)
            user = _user_of(row)
            setup = self._setup(connection, user, unverified_code)
            ceremony = Ceremony(setup.challenge, place)
            options = self._passkeys.options_to_make(connection, user, row["handle"], ceremony)
            return Invitation(user, row["sealed_password"] is not None, setup, options)

    def choose_password(self, unverified_code: str, unverified_password: str) -> str | None:
        """Set the password. Return None if a second factor has to be set up next, else the id of a half sign-in.

        Raises:
            InvitationVoid: the link leads nowhere any more.
            PasswordUnfit: the password is none that this user may have.
        """
        with self._engine.connect() as connection:
            user = _user_of(self._row(connection, unverified_code))
        hashed = self._passwords.hashed(require_fit(unverified_password, user))
        with writing(self._engine) as connection:
            row = self._row(connection, unverified_code)
            change(connection, user, sealed_password=self._passwords.seal(connection, user, hashed))
            if row["sealed_totp"] is None and not row["passkeys"]:
                return None
            self._finish(connection, user, PASSWORD)
            return self._halves.begin(connection, user)

    def set_up(self, unverified_code: str, unverified: Mapping[str, str], place: Place) -> Proven:
        """Set up the first second factor, which makes the user active.

        Raises:
            InvitationVoid: the link leads nowhere any more.
            CodeRefused: the code is not one of the app that was set up, or there is no password yet.
            PasskeyRefused: the passkey was not made for this.
        """
        with writing(self._engine) as connection:
            row = self._row(connection, unverified_code)
            if row["sealed_password"] is None:
                raise CodeRefused
            user, now = _user_of(row), self._clock()
            setup = self._setup(connection, user, unverified_code)
            if answer := unverified.get(CREDENTIAL, ""):
                ceremony = Ceremony(setup.challenge, place)
                self._passkeys.add(connection, user, answer, unverified.get(LABEL, ""), ceremony, now)
                factor = Factor.PASSKEY
            else:
                totp.set_up(self._keys, connection, user, setup.totp_secret, unverified.get(CODE, ""), now)
                factor = Factor.TOTP
            self._finish(connection, user, factor.value)
        return Proven(user, factor)

    def _finish(self, connection: Connection, user: UserId, what: str) -> None:
        change(connection, user, state=State.ACTIVE.value, invitation=None, invited_until=None)
        audit.record(connection, EventKind.USER_ENROLLED, actor_of(user), self._clock(), {"set": what})

    def _row(self, connection: Connection, unverified_code: str) -> RowMapping:
        its = users.c.invitation == digest_of(unverified_code), users.c.state == State.INVITED.value
        query = select(users.c.partner, users.c.name).where(*its, users.c.invited_until > self._clock())
        found = connection.execute(query).first()
        row = None if found is None else row_of(connection, UserId(found.partner, found.name))
        if row is None:
            raise InvitationVoid
        return row

    def _setup(self, connection: Connection, user: UserId, code: str) -> Setup:
        return Setup(self._keys.digest_for(user.partner, "enrolment", code.encode(), connection=connection))


def _user_of(row: RowMapping) -> UserId:
    return UserId(row["partner"], row["name"])
