"""How somebody shows who it is: the seam behind which passwords are one way, and OpenID Connect can be another.

A provider settles in two steps that this is a certain user. What follows, sessions, devices, roles and events, is the
desk's own (`sign_in.py`), whoever provides: users, their partner and their roles are always those of this node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from service.users.attempts import Attempt
from service.users.names import UserId
from service.users.place import Place
from service.users.user import Factor
from service.users.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody has shown to be a user.

    Args:
        attempt: the one that was right, to be taken back; None if none was counted.
    """

    user: UserId
    factor: Factor
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the second step asks for.

    Args:
        user: who is about to sign in.
        has_totp: whether a code of an authenticator app will do.
        passkey_options: for the browser, as JSON; None if the user has no passkey.
    """

    user: UserId
    has_totp: bool
    passkey_options: str | None = field(repr=False)


class IdentityProvider(Protocol):
    """Settles in two steps who somebody is.

    The first one is begun with what was entered, or with nothing where another party is asked; what it returns is kept
    in a cookie for a few minutes. The second is completed with what was entered, or with what the other party has sent.
    """

    def begin(self, unverified: Mapping[str, str], visitor: Visitor, place: Place) -> str:
        """Take the first step; return the id of the half sign-in.

        Raises:
            SignInRefused: it led nowhere.
            TooManyAttempts: it was not heard.
        """
        ...

    def asked(self, unverified_id: str, place: Place) -> Asked:
        """Return what the second step asks for.

        Raises:
            SignInExpired: there is no such half sign-in any more.
        """
        ...

    def complete(self, unverified_id: str, unverified: Mapping[str, str], visitor: Visitor, place: Place) -> Proven:
        """Take the second step; the half sign-in is over if it succeeds.

        Raises:
            CodeRefused: it was wrong.
            TooManyAttempts: it was not heard.
            SignInExpired: there is no such half sign-in any more.
        """
        ...
