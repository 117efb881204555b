"""Whether what a flag shows still stands: it came in by an agreement, and is void with it, on the minute.

Whoever reads a flag asks here first. Housekeeping purges what is void, and tells those who have read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, Select, Text, cast, select

from service import audit
from service.audit import EventKind
from service.flagged import AskedAs
from service.identity import Caller
from service.notices import NoticeKind, Notices
from service.purge import Purged, purge
from service.roles import Role
from service.schema import flag_candidates, flags
from service.telemetry import log
from watchlists.agreements import Clause, Level, Request, RuleBook
from watchlists.database import writing
from watchlists.records import EntryKey, VisibilityClass
from watchlists.store import Store

ACTOR: Final = "housekeeping"
PAGE: Final = 200
"""Candidates that are looked at, and purged, at once."""
LOOK_EVERY: Final = timedelta(hours=1)
"""How often all flags are looked through while no agreement begins or ends, for those that were opened late."""

_ASKED: Final = TypeAdapter(AskedAs)
_CLAUSES: Final = TypeAdapter(tuple[Clause, ...])


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be seen of a candidate: at once, and after a confirmation; None if that is no more."""

    level: Level = Level.NONE
    later: Level | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate of a flag as it was disclosed: what of it, by which clauses, and to what request.

    Args:
        score, face, finger: -log10(FMR), of all and of each modality; None if that was not compared.
        sequence: the change that wrote the entry as it was compared; None of old flags.
        released: what waited may be seen.
    """

    id: str
    flag_id: str
    check_id: str
    owner: str
    key: EntryKey
    score: float
    face: float | None
    finger: float | None
    sequence: int | None
    shown: Shown
    released: bool
    decided_by: tuple[Clause, ...]
    asked: Request

    @property
    def visible(self) -> Level:
        """The level that may be seen now."""
        return self.shown.later if self.released and self.shown.later is not None else self.shown.level


class Validity:
    """Knows what of flags stands. One thread looks; several processes may: nothing is purged or told twice.

    Args:
        rules: returns the rule book in force.
    """

    def __init__(self, store: Store, notices: Notices, rules: Callable[[], RuleBook]) -> None:
        self._store = store
        self._notices = notices
        self._rules = rules
        self._looked: tuple[frozenset[str], datetime] | None = None

    def stands(self, connection: Connection, candidate_id: UUID, now: datetime) -> bool:
        """Whether a candidate stands at `now`; one that is unknown or cannot be read does not."""
        return self._standing(connection, candidate_id, now) is not None

    def standing(self, connection: Connection, flag_ids: Sequence[str], now: datetime) -> Sequence[Standing]:
        """Return the candidates of these flags that stand at `now`, the best first; the others show nothing."""
        query = _QUERY.where(flag_candidates.c.flag_id.in_(flag_ids))
        rows = connection.execute(query.order_by(flag_candidates.c.score.desc(), flag_candidates.c.candidate_id))
        found = [candidate for row in rows.mappings() if (candidate := _read(row)) is not None]
        return self._standing_of(found, self._rules(), now)

    def look(self, now: datetime) -> int:
        """Purge what no longer stands, once another set of agreements is in force; return how much that was.

        Raises:
            UNAVAILABLE: the database is busy or away; the next look does the rest.
        """
        rules = self._rules()
        in_force = frozenset(agreement.name for agreement in rules.in_force(now))
        if self._looked is not None:
            then, at = self._looked
            if in_force == then and timedelta() <= now - at < LOOK_EVERY:
                return 0
        purged = sum(self._purge(page, rules, now) for page in self._pages())
        self._looked = in_force, now
        return purged

    def _standing(self, connection: Connection, candidate_id: UUID, now: datetime) -> Standing | None:
        query = _QUERY.where(flag_candidates.c.candidate_id == str(candidate_id))
        row = connection.execute(query).mappings().one_or_none()
        candidate = None if row is None else _read(row)
        return candidate if candidate and self._standing_of([candidate], self._rules(), now) else None

    def _pages(self) -> Iterator[list[Standing]]:
        """All candidates that can be read. The others nobody sees, and people must look into them."""
        last = ""
        query = _QUERY.order_by(flag_candidates.c.candidate_id).limit(PAGE)
        while True:
            with self._store.engine.connect() as connection:
                page = connection.execute(query.where(flag_candidates.c.candidate_id > last)).mappings().all()
            if not page:
                return
            yield [candidate for row in page if (candidate := _read(row)) is not None]
            last = page[-1]["candidate_id"]

    def _purge(self, page: Sequence[Standing], rules: RuleBook, now: datetime) -> int:
        standing = {candidate.id for candidate in self._standing_of(page, rules, now)}
        if not (void := [candidate for candidate in page if candidate.id not in standing]):
            return 0
        lasting = {agreement.name for agreement in rules.in_force(now)}
        with writing(self._store.engine) as connection:
            return sum(self._purge_one(connection, candidate, lasting, now) for candidate in void)

    def _purge_one(self, connection: Connection, candidate: Standing, lasting: Set[str], now: datetime) -> bool:
        asker = candidate.asked.partner
        if not purge(connection, Purged(candidate.id, asker, candidate.check_id), now):
            return False  # by another process, since it was found
        ended = ", ".join(sorted({clause.source for clause in candidate.decided_by} - lasting))
        told = {"flag_id": candidate.flag_id, "candidate_id": candidate.id, "agreements": ended}
        self._notices.post(connection, NoticeKind.DATA_PURGED, asker, now, told)
        event = told | {"owner": candidate.owner}
        audit.record(connection, EventKind.DISCLOSURE_VOIDED, Caller(asker, Role.OPERATOR, ACTOR), now, event)
        return True

    def _standing_of(self, candidates: Sequence[Standing], rules: RuleBook, now: datetime) -> list[Standing]:
        """Those that stand: their agreements are in force, or what took their place still allows all of it."""
        moved = [candidate for candidate in candidates if not rules.stands(candidate.decided_by, now)]
        classes = self._store.classes_of([candidate.key for candidate in moved]) if moved else {}
        void = {each.id for each in moved if not _is_left(each, classes.get(each.key), rules, now)}
        return [candidate for candidate in candidates if candidate.id not in void]


def _is_left(candidate: Standing, klass: VisibilityClass | None, rules: RuleBook, now: datetime) -> bool:
    """Whether agreements in force, that took the place of those it came in by, still allow all of it."""
    if klass is None:
        return False
    left, shown = rules.remaining(candidate.decided_by, candidate.asked, klass, candidate.score, now), candidate.shown
    most = left.level if left.later is None else left.later.level
    return left.known and left.level >= shown.level and most >= (shown.later or Level.NONE)


_QUERY: Final[Select[Any]] = (
    select(
        *flag_candidates.c["candidate_id", "flag_id", "owner", "watchlist", "entry", "score", "level", "later_level"],
        *flag_candidates.c["face", "finger", "sequence", "released_at"],
        *flags.c["partner", "check_id", "purpose", "checkpoint", "exercise"],
        # As text, so that one damaged row does not hide the others.
        cast(flag_candidates.c.decided_by, Text).label("decided_by"),
        cast(flags.c.asked, Text).label("asked"),
    )
    .join_from(flag_candidates, flags)
    .where(flag_candidates.c.voided_at.is_(None))
)
"""The candidates that are not purged yet."""


def _read(row: RowMapping) -> Standing | None:
    """Return a candidate; None, and a word in the log, if it cannot be read."""
    try:
        later = row["later_level"]
        asked = _ASKED.validate_json(row["asked"])
        return Standing(
            id=row["candidate_id"],
            flag_id=row["flag_id"],
            check_id=row["check_id"],
            owner=row["owner"],
            key=EntryKey(row["watchlist"], row["entry"]),
            score=row["score"],
            face=row["face"],
            finger=row["finger"],
            sequence=row["sequence"],
            released=row["released_at"] is not None,
            shown=Shown(Level[row["level"].upper()], None if later is None else Level[later.upper()]),
            decided_by=_CLAUSES.validate_json(row["decided_by"]),
            asked=asked.request(row["partner"], row["purpose"], row["checkpoint"], exercise=row["exercise"]),
        )
    except (ValueError, KeyError) as error:
        log.error("a candidate of a flag cannot be read: %s", type(error).__name__)
        return None
