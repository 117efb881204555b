"""From somebody who has shown who it is to a session, and back to nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from service import audit
from service.audit import EventKind
from service.users import devices
from service.users.attempts import Attempts
from service.users.failures import actor_of
from service.users.identity_provider import Asked, IdentityProvider, Proven
from service.users.place import Place
from service.users.secret_ids import new_secret
from service.users.sessions import Sessions, SignedIn
from service.users.visitor import Visitor
from watchlists.database import writing


@dataclass(frozen=True, slots=True)
class Entered:
    """What a browser gets after a sign-in: the id of its session, and that of the device, which it may have had."""

    session: str = field(repr=False)
    device: str = field(repr=False)


class SignIns:
    """Signs people in and out, whoever the identity provider is."""

    def __init__(
        self,
        engine: Engine,
        provider: IdentityProvider,
        sessions: Sessions,
        attempts: Attempts,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._provider = provider
        self._sessions = sessions
        self._attempts = attempts
        self._clock = clock

    def begin(self, unverified: Mapping[str, str], visitor: Visitor, place: Place) -> str:
        """Take the first step; `IdentityProvider.begin` says what it returns and raises."""
        return self._provider.begin(unverified, visitor, place)

    def asked(self, unverified_id: str, place: Place) -> Asked:
        """Return what the second step asks for; `IdentityProvider.asked` says what it raises."""
        return self._provider.asked(unverified_id, place)

    def complete(self, unverified_id: str, unverified: Mapping[str, str], visitor: Visitor, place: Place) -> Entered:
        """Take the second step, and begin a session; `IdentityProvider.complete` says what it raises."""
        return self.enter(self._provider.complete(unverified_id, unverified, visitor, place), visitor)

    def enter(self, proven: Proven, visitor: Visitor) -> Entered:
        """Begin a session for somebody who has shown both factors just now."""
        user, now, device = proven.user, self._clock(), visitor.device or new_secret()
        with writing(self._engine) as connection:
            if proven.attempt is not None:
                self._attempts.take_back(connection, proven.attempt)
            self._attempts.forgive(connection, user, visitor)
            devices.remember(connection, user, device, now)
            session = self._sessions.begin(connection, user, proven.factor)
            audit.record(connection, EventKind.SIGNED_IN, actor_of(user), now, {"factor": proven.factor.value})
        return Entered(session, device)

    def sign_out(self, signed_in: SignedIn) -> None:
        """End the session of somebody who asks for it."""
        with writing(self._engine) as connection:
            ended = int(self._sessions.end(connection, signed_in.user, signed_in.session_id))
            details: audit.Details = {"sessions": ended, "by": "user"}
            audit.record(connection, EventKind.SIGNED_OUT, signed_in.caller, self._clock(), details)
