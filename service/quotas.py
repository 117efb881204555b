"""Quotas: how many searches an agreement allows a partner in a day (UTC), counted exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, Engine

from service.schema import quota_uses
from watchlists.agreements import Quota
from watchlists.database import upsert, writing


@dataclass(frozen=True, slots=True)
class QuotaLeft:
    """What is left of a quota until it is full again."""

    agreement: str
    limit: int
    left: int
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class Spent:
    """What became of the quotas that one search spent.

    Args:
        exhausted: ids of the agreements by which nothing was left; what they permit does not count for this search.
        left: what remains after this search, in the order in which the quotas were given.
    """

    exhausted: frozenset[str] = frozenset()
    left: tuple[QuotaLeft, ...] = ()


class Quotas:
    """Counts searches, those in exercises by themselves: an exercise must not leave a partner without searches.

    Threads and processes may spend at once; none of them gets one too many.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def spend(self, partner: str, quotas: Sequence[Quota], now: datetime, *, exercise: bool = False) -> Spent:
        """Take one search from each of the quotas of `partner` that has one left. Writes nothing if there is none."""
        if not quotas:
            return Spent()
        day = now.astimezone(UTC).date()
        with writing(self._engine) as connection:
            used = [(quota, _take(connection, partner, quota, day, exercise=exercise)) for quota in quotas]
        resets_at = datetime.combine(day + timedelta(days=1), time(), UTC)
        return Spent(
            exhausted=frozenset(quota.agreement for quota, count in used if count is None),
            left=tuple(
                QuotaLeft(quota.agreement, quota.limit, 0 if count is None else quota.limit - count, resets_at)
                for quota, count in used
            ),
        )

    def forget(self, now: datetime) -> None:
        """Delete the counts of days that are over; yesterday's stay, for a search that began before midnight."""
        over = quota_uses.c.day < now.astimezone(UTC).date() - timedelta(days=1)
        with writing(self._engine) as connection:
            connection.execute(quota_uses.delete().where(over))


def _take(connection: Connection, partner: str, quota: Quota, day: date, *, exercise: bool) -> int | None:
    """Count one search and return how many there were with it; None, and nothing counted, if the limit is reached.

    One statement, so that nobody comes between the look and the count.
    """
    statement = (
        upsert(connection, quota_uses)
        .values(agreement=quota.agreement, partner=partner, day=day, exercise=exercise, used=1)
        .on_conflict_do_update(
            index_elements=["agreement", "partner", "day", "exercise"],
            set_={"used": quota_uses.c.used + 1},
            where=quota_uses.c.used < quota.limit,
        )
        .returning(quota_uses.c.used)
    )
    taken: int | None = connection.execute(statement).scalar_one_or_none()
    return taken
