"""Counts attempts to sign in, in the database, so that all processes count together and a restart forgets nothing.

`back_off.py` says what follows from the counts. Keys are digests under the node's own key: the table tells nobody who
was tried, or from where.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from sqlalchemy import Connection, Engine, select

from service.user_schema import sign_in_tallies, user_devices
from service.users.back_off import ALLOWANCES, Against, Tally, counted, is_told, wait
from service.users.errors import TooManyAttempts
from service.users.names import UserId
from service.users.secret_ids import digest_of
from service.users.visitor import Visitor
from watchlists.database import upsert, writing
from watchlists.keys import KeyRing
from watchlists.schema import NODE

_Parts = Mapping[Against, Sequence[str]]
"""What an attempt counts against, and what the key of each tally is made of."""
LONGEST_MEMORY: Final = max(allowance.forgotten_after for allowance in ALLOWANCES.values())


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was admitted, and has been counted as a failure until it turns out otherwise.

    Args:
        keys: of the tallies that it counts in.
        tallies: as they are now, this attempt with them.
    """

    keys: Mapping[Against, bytes]
    tallies: Mapping[Against, Tally]

    @property
    def begins_to_hold_off(self) -> Sequence[Against]:
        """What the next attempt will have to wait for, for the first time."""
        return [against for against, tally in self.tallies.items() if tally.failures == ALLOWANCES[against].free]

    def is_told(self, *, known: bool) -> bool:
        """Whether it is an audit event if it was wrong; `known`: whether there is such a user.

        Who makes up names is counted together, for else each would have its first failures written down.
        """
        counts = [tally.failures for each, tally in self.tallies.items() if (each is not Against.ANYBODY) == known]
        return not counts or any(is_told(failures) for failures in counts)


class Attempts:
    """Admits attempts, or says how long they have to wait."""

    def __init__(self, engine: Engine, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock

    def admit_password(self, user: UserId | str, visitor: Visitor) -> Attempt:
        """Admit an attempt at a password, and count it.

        Args:
            user: whoever was named; the text as it was entered if that can be no user.
            visitor: where it comes from.

        Raises:
            TooManyAttempts: it has to wait.
        """
        name, network = str(user), visitor.network
        on_device = {Against.DEVICE: (name, visitor.device)}
        elsewhere: _Parts = {
            Against.USER: (name,),
            Against.USER_FROM_NETWORK: (name, network),
            Against.NETWORK: (network,),
            Against.ANYBODY: (),
        }
        return self._admit(user, visitor, on_device, elsewhere)

    def admit_code(self, user: UserId, visitor: Visitor) -> Attempt:
        """Admit an attempt at the second factor, and count it.

        Raises:
            TooManyAttempts: it has to wait.
        """
        on_device = {Against.CODE_ON_DEVICE: (str(user), visitor.device)}
        return self._admit(user, visitor, on_device, {Against.CODE: (str(user),)})

    def take_back(self, connection: Connection, attempt: Attempt) -> None:
        """Take an attempt back that was right, in the transaction of `connection`."""
        keys = list(attempt.keys.values())
        fewer = sign_in_tallies.update().where(sign_in_tallies.c.key.in_(keys), sign_in_tallies.c.failures > 0)
        connection.execute(fewer.values(failures=sign_in_tallies.c.failures - 1))

    def forgive(self, connection: Connection, user: UserId, visitor: Visitor) -> None:
        """Forget what counts against a user there, who has signed in with both factors."""
        name = str(user)
        parts = {
            Against.DEVICE: (name, visitor.device),
            Against.USER_FROM_NETWORK: (name, visitor.network),
            Against.CODE_ON_DEVICE: (name, visitor.device),
        }
        keys = [self._key(against, its) for against, its in parts.items()]
        connection.execute(sign_in_tallies.delete().where(sign_in_tallies.c.key.in_(keys)))

    def forget(self, connection: Connection) -> None:
        """Delete what counts no more, in the transaction of `connection`."""
        old = sign_in_tallies.c.last_at <= self._clock() - LONGEST_MEMORY
        connection.execute(sign_in_tallies.delete().where(old))

    def _admit(self, user: UserId | str, visitor: Visitor, on_device: _Parts, elsewhere: _Parts) -> Attempt:
        with self._engine.connect() as connection:  # a flood of what has to wait takes nobody's turn to write
            parts = on_device if self._is_known(connection, user, visitor) else elsewhere
            keys = {against: self._key(against, its) for against, its in parts.items()}
            self._look(connection, keys)
        with writing(self._engine) as connection:
            now, tallies = self._clock(), self._look(connection, keys)
            grown = {against: counted(against, tally, now) for against, tally in tallies.items()}
            for against, key in keys.items():
                _write(connection, key, grown[against])
        return Attempt(keys, grown)

    def _look(self, connection: Connection, keys: Mapping[Against, bytes]) -> Mapping[Against, Tally | None]:
        """Return what is counted so far; raise TooManyAttempts if that makes wait."""
        now = self._clock()
        query = select(sign_in_tallies).where(sign_in_tallies.c.key.in_(list(keys.values())))
        found = {row["key"]: Tally(row["failures"], row["last_at"]) for row in connection.execute(query).mappings()}
        tallies = {against: found.get(key) for against, key in keys.items()}
        if longest := max(wait(against, tally, now) for against, tally in tallies.items()):
            raise TooManyAttempts(longest)
        return tallies

    def _is_known(self, connection: Connection, user: UserId | str, visitor: Visitor) -> bool:
        if not isinstance(user, UserId) or not visitor.device:
            return False
        its = user_devices.c.device == digest_of(visitor.device), user_devices.c.partner == user.partner
        return (
            connection.execute(select(user_devices).where(*its, user_devices.c.name == user.name)).first() is not None
        )

    def _key(self, against: Against, parts: Sequence[str]) -> bytes:
        text = "\0".join((against.value, *parts)).encode()
        return hmac.digest(self._secret, text, "sha256")

    @cached_property
    def _secret(self) -> bytes:
        """The same for ever: digest keys outlive rotations."""
        return self._keys.digest_for(NODE, "sign-in tallies", b"")


def _write(connection: Connection, key: bytes, tally: Tally) -> None:
    values = {"failures": tally.failures, "last_at": tally.last_at}
    insert = upsert(connection, sign_in_tallies).values(key=key, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=values))
