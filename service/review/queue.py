"""The queue: flags that somebody may see, the most urgent first, then by deadline; what is over, the latest first.

A page is read off an index, from the place of the last flag of the page before (keyset): it takes no longer with many
flags, and a flag that moves up or down between two pages is not shown twice in the same place. Flags of several
partners, at joint desks, are read one partner after the other and merged.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, Select, and_, exists, literal, select, tuple_

from service.errors import BadCursor
from service.identity import Caller, require
from service.review.access import Desk, desks_of, shared_by
from service.review.cases import person
from service.review.flag_state import NEVER
from service.review.reading import Reading
from service.review.views import FlagState, QueueFilter, QueueItem, QueuePage, Urgency
from service.review_schema import verdicts
from service.roles import Role
from service.schema import flag_candidates, flags
from watchlists.agreements import Agreement
from watchlists.agreements.release import Settlement
from watchlists.schema import UtcDateTime, entries

OVER: Final = (FlagState.SETTLED, FlagState.VOID)
_PLACE: Final = flags.c["rank", "queued_at", "id"]
_STILL_OPEN: Final = (Settlement.OPEN.value, Settlement.THIRD.value)


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The place of a flag in the queue."""

    rank: int
    queued_at: datetime
    id: str

    @classmethod
    def of(cls, row: RowMapping) -> Cursor:
        return cls(row["rank"], row["queued_at"], row["id"])

    def text(self) -> str:
        """Return it as something that may stand in a URL."""
        plain = f"{self.rank} {self.queued_at.astimezone(UTC).isoformat()} {self.id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, unverified_text: str) -> Cursor:
        """Return what `text` gave.

        Raises:
            BadCursor: it is something else.
        """
        try:
            padded = unverified_text.encode("ascii") + b"=" * (-len(unverified_text) % 4)
            rank, moment, identifier = base64.urlsafe_b64decode(padded).decode("ascii").split(" ")
            queued_at = datetime.fromisoformat(moment).astimezone(UTC)
            return cls(_small(int(rank)), queued_at, str(UUID(identifier)))
        except (ValueError, OverflowError, binascii.Error):
            raise BadCursor from None


class Queue:
    """Lists flags for reviewers."""

    def __init__(self, engine: Engine, reading: Reading, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._reading = reading
        self._clock = clock

    def page(self, caller: Caller, wanted: QueueFilter, after: str | None, limit: int) -> QueuePage:
        """Return the next `limit` flags, or fewer where some of them are void since a moment.

        Raises:
            WrongRole: the caller is no reviewer.
            BadCursor: `after` is not what a page gave.
        """
        require(caller, Role.REVIEWER)
        now, cursor = self._clock(), None if after is None else Cursor.read(after)
        in_force = self._reading.rules().in_force(now)
        desks = desks_of(caller.partner, in_force)
        with self._engine.connect() as connection:
            queries = (query_of(desk, caller, wanted, cursor, limit + 1) for desk in desks)
            rows = _merged((connection.execute(query).mappings().all() for query in queries), wanted)
            items = self._items(connection, rows[:limit], in_force, now)
        following = Cursor.of(rows[limit - 1]).text() if len(rows) > limit else None
        return QueuePage(tuple(items), following)

    def waiting(self, caller: Caller, *, exercise: bool = False) -> int:
        """Return how many flags wait for a verdict of the caller; counted up to `MOST_COUNTED`, for a badge on a page.

        Raises:
            WrongRole: the caller is no reviewer.
        """
        require(caller, Role.REVIEWER)
        desks = desks_of(caller.partner, self._reading.rules().in_force(self._clock()))
        wanted = QueueFilter(exercise=exercise, mine=True)
        with self._engine.connect() as connection:
            queries = (query_of(desk, caller, wanted, None, MOST_COUNTED) for desk in desks)
            return min(MOST_COUNTED, sum(len(connection.execute(query).all()) for query in queries))

    def _items(
        self,
        connection: Connection,
        rows: Sequence[RowMapping],
        in_force: Sequence[Agreement],
        now: datetime,
    ) -> list[QueueItem]:
        """What is over may be void; of what is not, something still stands."""
        standing: dict[str, int] = {}
        for each in self._reading.validity.standing(connection, [row["id"] for row in rows], now):
            standing[each.flag_id] = standing.get(each.flag_id, 0) + 1
        return [
            _item(row, standing.get(row["id"], 0), shared_by(row["partner"], row["desk"], in_force))
            for row in rows
            if row["id"] in standing or row["state"] == FlagState.VOID.value
        ]


MOST_COUNTED: Final = 100


def _small(rank: int) -> int:
    if not 0 <= rank <= max(Urgency):
        raise ValueError("no rank")
    return rank


def _merged(found: Iterable[Sequence[RowMapping]], wanted: QueueFilter) -> list[RowMapping]:
    return list(merge(*found, key=Cursor.of, reverse=wanted.state in OVER))


def query_of(desk: Desk, caller: Caller, wanted: QueueFilter, after: Cursor | None, limit: int) -> Select[Any]:
    """Return the query for the next flags of one desk, in the order of the index that it is read off."""
    mine = _is_mine(caller)
    query = select(flags, mine.label("mine"), _SILENT.label("silent"), _STANDS.label("stands")).where(
        flags.c.partner == desk.partner,
        flags.c.exercise.is_(wanted.exercise),
        flags.c.state == wanted.state.value,
    )
    for column, value in ((flags.c.desk, desk.agreement), *_columns(wanted)):
        if value is not None:
            query = query.where(column == value)
    if wanted.mine:
        query = query.where(mine)
    backwards = wanted.state in OVER
    if after is not None:
        place = tuple_(*_PLACE)
        there = tuple_(literal(after.rank), literal(after.queued_at, UtcDateTime), literal(after.id))
        query = query.where(place < there if backwards else place > there)
    order = [column.desc() for column in _PLACE] if backwards else list(_PLACE)
    return query.order_by(*order).limit(limit)


def _columns(wanted: QueueFilter) -> tuple[tuple[ColumnElement[Any], str | None], ...]:
    return (flags.c.purpose, wanted.purpose), (flags.c.checkpoint, wanted.checkpoint)


def _is_mine(caller: Caller) -> ColumnElement[bool]:
    """Whether a candidate of the flag waits for a verdict of the caller, who has neither given one nor entered it."""
    said = and_(
        verdicts.c.candidate_id == flag_candidates.c.candidate_id,
        verdicts.c.partner == caller.partner,
        verdicts.c.reviewer == caller.name,
    )
    own = and_(
        entries.c.watchlist == flag_candidates.c.watchlist,
        entries.c.id == flag_candidates.c.entry,
        entries.c.author == person(caller.partner, caller.name),
    )
    return exists().where(
        flag_candidates.c.flag_id == flags.c.id,
        flag_candidates.c.voided_at.is_(None),
        flag_candidates.c.review.in_(_STILL_OPEN),
        ~exists().where(said),
        ~exists().where(own),
    )


_OF_FLAG: Final = flag_candidates.c.flag_id == flags.c.id
_SILENT: Final = exists().where(_OF_FLAG, flag_candidates.c.silent.is_(True))
_STANDS: Final = exists().where(
    _OF_FLAG,
    flag_candidates.c.voided_at.is_(None),
    entries.c.watchlist == flag_candidates.c.watchlist,
    entries.c.id == flag_candidates.c.entry,
)
"""Whether a candidate of the flag has an entry still."""


def _item(row: RowMapping, standing: int, desk: str | None) -> QueueItem:
    state = FlagState(row["state"])
    hurried = state not in OVER and row["queued_at"] < NEVER
    return QueueItem(
        id=UUID(row["id"]),
        partner=row["partner"],
        opened_at=row["opened_at"],
        due_at=row["queued_at"] if hurried else None,
        urgency=Urgency(max(Urgency) - row["rank"]) if state not in OVER else Urgency.ROUTINE,
        purpose=row["purpose"],
        checkpoint=row["checkpoint"],
        exercise=row["exercise"],
        emergency=row["emergency"],
        silent=row["silent"],
        state=state,
        candidates=standing,
        desk=desk,
        mine=row["mine"],
        withdrawn=state not in OVER and not row["stands"],
    )
