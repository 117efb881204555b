"""Where the pages are, for the roles that may go there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from service.pages.translation import marked
from service.roles import Role


@dataclass(frozen=True, slots=True)
class Place:
    """One link of the navigation; `label` is its source text."""

    path: str
    label: str
    roles: frozenset[Role]


PLACES: Final[Sequence[Place]] = (
    Place("/review", marked("Flags"), frozenset({Role.REVIEWER})),
    Place("/review/requests", marked("Requests to us"), frozenset({Role.REVIEWER})),
    Place("/review/webhooks", marked("Webhooks"), frozenset({Role.REVIEWER, Role.AUDITOR})),
    Place("/review/log", marked("Audit log"), frozenset({Role.AUDITOR})),
)


def places_of(roles: Iterable[Role]) -> list[Place]:
    """Return the places that somebody with these roles may go to, in order."""
    return [place for place in PLACES if not place.roles.isdisjoint(roles)]
