"""The parts that deal with people, as one service process works with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from service.limits import Admission
from service.users import devices
from service.users.accounts import Accounts
from service.users.attempts import Attempts
from service.users.embedded import EmbeddedProvider
from service.users.enrolling import Enrolling
from service.users.half_sign_ins import HalfSignIns
from service.users.passkeys import Passkeys
from service.users.register import Register
from service.users.sessions import Sessions
from service.users.sign_in import SignIns
from watchlists.database import writing
from watchlists.store import Store

PASSWORD_THREADS = 2
"""Passwords that are hashed at once: each takes tens of megabytes, and checks of people need the processor too."""


@dataclass(frozen=True, slots=True)
class People:
    """What pages and commands work with.

    Args:
        threads: where passwords are hashed.
    """

    sessions: Sessions
    register: Register
    sign_ins: SignIns
    enrolling: Enrolling
    accounts: Accounts
    threads: Admission
    house: PeopleHouse


class PeopleHouse:
    """Forgets what nobody needs any more."""

    def __init__(self, engine: Engine, sessions: Sessions, attempts: Attempts, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._sessions = sessions
        self._attempts = attempts
        self._clock = clock

    def run(self) -> None:
        """Delete sessions and sign-ins whose time is over, and devices and failures of long ago."""
        with writing(self._engine) as connection:
            self._sessions.forget(connection)
            HalfSignIns(self._clock).forget(connection)
            self._attempts.forget(connection)
            devices.forget(connection, self._clock())


def make_people(store: Store, clock: Callable[[], datetime], answer_within: float) -> People:
    """Put the parts together over the database of `store`."""
    engine, keys = store.engine, store.keys
    sessions, attempts = Sessions(engine, clock), Attempts(engine, keys, clock)
    return People(
        sessions=sessions,
        register=Register(engine, sessions, Passkeys(keys), clock),
        sign_ins=SignIns(engine, EmbeddedProvider(engine, keys, attempts, clock), sessions, attempts, clock),
        enrolling=Enrolling(engine, keys, clock),
        accounts=Accounts(engine, keys, attempts, sessions, clock),
        threads=Admission(PASSWORD_THREADS, answer_within),
        house=PeopleHouse(engine, sessions, attempts, clock),
    )
