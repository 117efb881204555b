"""Takes probes off the shelf once their flag is open: keeps them where a rule allows it, and forgets them at once.

On the grid on which flags are opened, in each process for the probes that it holds; which process opens a flag does
not matter. Nothing of it shows at a terminal: for some time after a check the turn to write is taken at each moment of
the grid, one part is written, of a probe or of noise, and the turn is held for a multiple of a slot; whether anything
waits or is kept or not. Only where no agreement in force speaks of keeping probes none of this is done.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Select, bindparam, select

from service.flag_outbox import SLOT
from service.flagged import AskedAs
from service.kept_probes import Ended, KeptProbes, ToKeep
from service.pace import wait_out
from service.probe_parts import MOST_PARTS, SealedProbe, noise, seal_probe
from service.probe_shelf import HeldProbe, ProbeShelf
from service.schema import flag_candidates, flags, kept_probes
from watchlists.agreements import Deed, Request, RuleBook
from watchlists.agreements.retention import ProbeKeeping, probe_keeping
from watchlists.database import ReadyStatement, Row, writing
from watchlists.records import EntryKey
from watchlists.store import Store

LOOK_EVERY: Final = timedelta(hours=1)
"""How often all kept probes are looked at while no agreement begins or ends."""

_ASKED: Final = TypeAdapter(AskedAs)


@dataclass(frozen=True, slots=True)
class _OpenFlag:
    """An open flag: as what it was asked, and the entries of its candidates that stand."""

    id: str
    asked: Request
    entries: tuple[EntryKey, ...]


@dataclass(slots=True)
class _Writing:
    """A probe on its way into the database, and how many of its parts are there."""

    to_keep: ToKeep
    sealed: SealedProbe
    there: int = 0

    @property
    def left(self) -> int:
        return len(self.sealed.parts) - self.there


class ProbeKeeper:
    """Decides about probes that wait, and again about those that are kept once other agreements are in force.

    Thread-safe; several processes may run one each.

    Args:
        rules: returns the rule book in force.
    """

    def __init__(self, store: Store, shelf: ProbeShelf, kept: KeptProbes, rules: Callable[[], RuleBook]) -> None:
        self._store = store
        self._shelf = shelf
        self._kept = kept
        self._rules = rules
        self._looked: tuple[frozenset[str], datetime] | None = None
        self._one_at_a_time = threading.Lock()
        self._writing: deque[_Writing] = deque()
        self._noise = str(uuid4())

    @property
    def is_writing(self) -> bool:
        """Whether a probe that is kept is not whole in the database yet."""
        return bool(self._writing)

    def run(self, now: datetime) -> int:
        """Take probes whose flag is open off the shelf, and write one part of those that are kept.

        Returns:
            How many are kept since this turn.

        Raises:
            UNAVAILABLE: the database is busy or away; what waits goes on waiting, though not for long.
        """
        with self._one_at_a_time:
            return self._run(now)

    def _run(self, now: datetime) -> int:
        if not _may_keep(self._rules(), now):
            self._shelf.forget([held.flag_id for held in self._shelf.waiting()])
            return 0
        self._decide(now)
        if not self._shelf.is_in_use and not self._writing:  # not whether any waits: that tells what was found
            return 0
        with writing(self._store.engine) as connection:
            begun = time.perf_counter()
            kept = self._write(connection, now)
            wait_out(begun, SLOT)  # a check that waits for its turn must not learn whether a probe was kept
        if self._writing:
            self._writing[0].there += 1
            if not self._writing[0].left:
                self._writing.popleft()
        return kept

    def _decide(self, now: datetime) -> None:
        """Take the probes off the shelf whose flag is open; what may not be kept, or is too much, is forgotten."""
        waiting = {str(held.flag_id): held for held in self._shelf.waiting()}
        found = {flag.id: flag for flag in self._lately_opened(waiting.values())}
        for flag, held in ((found[flag_id], held) for flag_id, held in waiting.items() if flag_id in found):
            keeping = self._keeping(flag, now)
            if keeping is not None:
                new = _Writing(ToKeep(held, flag.asked.partner, keeping), seal_probe(held.probe, flag.id))
                if sum(each.left for each in (*self._writing, new)) <= MOST_PARTS:
                    self._writing.append(new)
            self._shelf.forget([held.flag_id])

    def _write(self, connection: Connection, now: datetime) -> int:
        """Write one part of the first probe, or noise; with its last part a probe is kept. Return how many are."""
        if not self._writing:
            self._kept.put_part(connection, self._noise, 0, noise(), now)
            return 0
        first = self._writing[0]
        self._kept.put_part(connection, first.to_keep.flag_id, first.there, first.sealed.parts[first.there], now)
        if first.left > 1:
            return 0
        self._kept.put(connection, first.to_keep, first.sealed.key, now)
        return 1

    def look(self, now: datetime) -> int:
        """Destroy what is over, and what the agreements in force no longer let be kept; return how many these are.

        Raises:
            UNAVAILABLE: the database is busy or away; the next look does the rest.
        """
        over = self._kept.end_what_is_over(now)
        in_force = frozenset(agreement.name for agreement in self._rules().in_force(now))
        if self._looked is not None:
            then, at = self._looked
            if in_force == then and timedelta() <= now - at < LOOK_EVERY:
                return over
        with self._store.engine.connect() as connection:
            kept = set(connection.execute(_KEPT).scalars())
        allowed = {flag.id for flag in self._kept_flags() if self._keeping(flag, now) is not None}
        for flag_id in sorted(kept - allowed):
            with writing(self._store.engine) as connection:
                over += self._kept.destroy(connection, kept_probes.c.flag_id == flag_id, Ended.NOT_ALLOWED, now)
        self._looked = in_force, now
        return over

    def _lately_opened(self, waiting: Collection[HeldProbe]) -> list[_OpenFlag]:
        """Return the flags that are open since the oldest of these checks, with what of them stands.

        Hardly any check opens one, so that these are fewer than the checks.
        """
        askers = {held.asker for held in waiting}
        since = {asker: min(held.at for held in waiting if held.asker == asker) for asker in askers}
        looks = (_LATELY.look(self._store.engine, {"asker": asker, "since": at}) for asker, at in since.items())
        return _open_flags(chain.from_iterable(looks))

    def _kept_flags(self) -> list[_OpenFlag]:
        """Return the flags that a probe is kept of, with what of them stands."""
        with self._store.engine.connect() as connection:
            return _open_flags(connection.execute(_QUERY.where(flags.c.id.in_(_KEPT))).mappings())

    def _keeping(self, flag: _OpenFlag, now: datetime) -> ProbeKeeping | None:
        classes = self._store.classes_of(flag.entries)
        if len(classes) < len(set(flag.entries)):
            return None  # of an entry that is gone its owner can no longer allow anything
        return probe_keeping(self._rules(), flag.asked, classes.values(), now)


def _may_keep(rules: RuleBook, now: datetime) -> bool:
    """Whether any agreement in force lets any probe be kept at all."""
    policies = (policy for agreement in rules.in_force(now) for policy in agreement.policies)
    return any(policy.permits and Deed.KEEP_PROBE in policy.actions for policy in policies)


_QUERY: Final[Select[Any]] = (
    select(
        *flags.c["id", "partner", "purpose", "checkpoint", "exercise", "asked"],
        *flag_candidates.c["watchlist", "entry"],
    )
    .join_from(flags, flag_candidates)
    .where(flag_candidates.c.voided_at.is_(None))
)
_LATELY: Final = ReadyStatement(
    _QUERY.where(flags.c.partner == bindparam("asker"), flags.c.opened_at >= bindparam("since"))
)
_KEPT: Final[Select[Any]] = select(kept_probes.c.flag_id)


def _open_flags(rows: Iterable[Row]) -> list[_OpenFlag]:
    of_flag: dict[str, list[Row]] = {}
    for row in rows:
        of_flag.setdefault(row["id"], []).append(row)
    found = (_open_flag(flag_id, candidates) for flag_id, candidates in of_flag.items())
    return [flag for flag in found if flag is not None]


def _open_flag(flag_id: str, rows: Sequence[Row]) -> _OpenFlag | None:
    first = rows[0]
    try:
        asked = _ASKED.validate_python(first["asked"])
    except ValidationError:  # nobody can be asked, so nothing is kept
        return None
    request = asked.request(first["partner"], first["purpose"], first["checkpoint"], exercise=first["exercise"])
    return _OpenFlag(flag_id, request, tuple(EntryKey(row["watchlist"], row["entry"]) for row in rows))
