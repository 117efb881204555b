"""The parts that deal with people, as one service process works with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service.users.sessions import Sessions
from watchlists.store import Store


@dataclass(frozen=True, slots=True)
class People:
    sessions: Sessions


def make_people(store: Store, clock: Callable[[], datetime]) -> People:
    """Put the parts together over the database of `store`."""
    return People(sessions=Sessions(store.engine, clock))
