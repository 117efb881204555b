"""A desk without pages: users, and what they enter, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyotp

from service.audit import open_log
from service.roles import Role
from service.users.attempts import Attempts
from service.users.errors import TooManyAttempts
from service.users.names import UserId
from service.users.people import make_people
from service.users.place import Place
from service.users.sessions import SignedIn
from service.users.sign_in import Entered
from service.users.visitor import Visitor
from tests.service.recorded import recorded
from tests.watchlists.makers import NOW, Node

PLACE = Place.of_origin("https://desk.example")
ADA = UserId("xa", "ada")
PASSWORD = "nine lanterns over a quiet harbour"
SOMEWHERE = Visitor("192.0.2.0/24")
ATTACKER = Visitor("198.51.100.0/24")


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        return self.now

    def turn(self, **ahead: float) -> None:
        self.now += timedelta(**ahead)


@dataclass(frozen=True)
class App:
    """An authenticator app."""

    secret: str
    clock: Clock

    def code(self, steps: int = 0) -> str:
        """What it shows, or showed so many steps ago or from now."""
        return pyotp.TOTP(self.secret).at(self.clock.now, counter_offset=steps)


class Desk:
    """One process of the desk; `again` is another one on the same database."""

    def __init__(self, node: Node, clock: Clock | None = None) -> None:
        self.node = node
        self.clock = clock or Clock()
        open_log(node.engine, node.store.keys, NOW)
        self.people = make_people(node.store, self.clock, 4.0)
        self.attempts = Attempts(node.engine, node.store.keys, self.clock)

    def again(self) -> Desk:
        return Desk(self.node.again(), self.clock)

    def add(self, user: UserId = ADA, *roles: Role) -> App:
        """Add an active user with a password and an authenticator app; the present code is used up."""
        code = self.people.register.add(user, roles or (Role.REVIEWER,))
        self.people.enrolling.choose_password(code, PASSWORD)
        app = App(self.people.enrolling.look(code, PLACE).setup.totp_secret, self.clock)
        self.people.enrolling.set_up(code, {"code": app.code()}, PLACE)
        return app

    def enter_password(self, password: str = PASSWORD, *, user: str = str(ADA), visitor: Visitor = SOMEWHERE) -> str:
        """Take the first step; return the id of the half sign-in."""
        return self.people.sign_ins.begin({"user": user, "password": password}, visitor, PLACE)

    def enter_code(self, half: str, code: str, *, visitor: Visitor = SOMEWHERE) -> Entered:
        return self.people.sign_ins.complete(half, {"code": code}, visitor, PLACE)

    def sign_in(self, app: App, *, user: UserId = ADA, visitor: Visitor = SOMEWHERE) -> Entered:
        """Sign in with the next code."""
        self.clock.turn(seconds=30)
        return self.enter_code(self.enter_password(user=str(user), visitor=visitor), app.code(), visitor=visitor)

    def guess(self, visitor: Visitor = ATTACKER, user: str = str(ADA)) -> bool:
        """Make a wrong attempt at a password, as far as it is counted; whether it was heard."""
        try:
            self.attempts.admit_password(ADA if user == str(ADA) else user, visitor)
        except TooManyAttempts:
            return False
        return True

    def known_device(self, app: App) -> Visitor:
        """A device that the user has signed in on, in the network of the attacker of all places."""
        return Visitor(ATTACKER.network, self.sign_in(app, visitor=Visitor(ATTACKER.network)).device)

    def who(self, session: str) -> SignedIn | None:
        return self.people.sessions.recognise(session)

    def signed_in(self, app: App, *, user: UserId = ADA) -> SignedIn:
        found = self.who(self.sign_in(app, user=user).session)
        assert found is not None
        return found

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The details of the events of that kind, in order."""
        return [row["details"] for row in recorded(self.node.store, kind)]
