"""A user: what it may do, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from service.roles import Role
from service.users.names import UserId

ROLES_OF_PEOPLE: Final = (Role.REVIEWER, Role.AUDITOR)
"""The others are for machines: what stands at a checkpoint or keeps a list in step has no second factor."""


class State(StrEnum):
    INVITED = "invited"
    """Has a link to choose a password and a second factor with, and nothing else."""
    ACTIVE = "active"
    DISABLED = "disabled"


class Factor(StrEnum):
    """What somebody has shown beside the password."""

    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in.

    Args:
        roles: in the order of `ROLES_OF_PEOPLE`; at least one.
        authority: of the partner, as with tokens; "" for none in particular.
        country: that the partner acts for.
        has_totp: whether an authenticator app was set up.
        passkeys: how many were set up.
        invited_until: until when the enrolment link is good; None if there is none.
    """

    id: UserId
    roles: tuple[Role, ...]
    authority: str
    country: str
    state: State
    has_totp: bool
    passkeys: int
    added_at: datetime
    invited_until: datetime | None

    @property
    def has_second_factor(self) -> bool:
        return self.has_totp or self.passkeys > 0


def in_order(roles: frozenset[Role]) -> tuple[Role, ...]:
    """Return roles of people in their fixed order."""
    return tuple(role for role in ROLES_OF_PEOPLE if role in roles)
