"""Takes probes off the shelf once their flag is open: keeps them where a rule allows it, and forgets them at once.

On the grid on which flags are opened, in each process for the probes that it holds; which process opens a flag does
not matter. Nothing of it shows at a terminal: for as long after a check as its probe could wait, the turn to write is
taken at each moment of the grid, and held for a multiple of a slot, whether anything waits or is kept or not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import RowMapping, Select, select

from service.flag_outbox import SLOT
from service.flagged import AskedAs
from service.kept_probes import Ended, KeptProbes
from service.pace import wait_out
from service.probe_shelf import HeldProbe, ProbeShelf
from service.schema import flag_candidates, flags, kept_probes
from watchlists.agreements import Request, RuleBook
from watchlists.agreements.retention import ProbeKeeping, probe_keeping
from watchlists.database import writing
from watchlists.records import EntryKey
from watchlists.store import Store

BYTES_A_TURN: Final = 2**20
"""Of probes that are kept in one turn, so that it is as short as without; a larger one has a turn to itself."""
LOOK_EVERY: Final = timedelta(hours=1)
"""How often all kept probes are looked at while no agreement begins or ends."""

_ASKED: Final = TypeAdapter(AskedAs)


@dataclass(frozen=True, slots=True)
class _OpenFlag:
    """An open flag: as what it was asked, and the entries of its candidates that stand."""

    id: str
    asked: Request
    entries: tuple[EntryKey, ...]


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

    def run(self, now: datetime) -> int:
        """Keep what may be kept of the probes that wait, and forget those whose flag is open; return how many are kept.

        Raises:
            UNAVAILABLE: the database is busy or away; what waits goes on waiting, though not for long.
        """
        with self._one_at_a_time:
            return self._run(now)

    def _run(self, now: datetime) -> int:
        if not self._shelf.is_in_use:  # not whether any waits: those whose flag is open wait no longer
            return 0
        waiting = {str(held.flag_id): held for held in self._shelf.waiting()}
        decided = [(waiting[flag.id], flag, self._keeping(flag, now)) for flag in self._open_flags(list(waiting))]
        to_keep = [(held, flag.asked.partner, keeping) for held, flag, keeping in decided if keeping is not None]
        due = to_keep[: _in_one_turn([held for held, *_ in to_keep])]
        later = {held.flag_id for held, *_ in to_keep[len(due) :]}
        with writing(self._store.engine) as connection:
            begun = time.perf_counter()
            for held, asker, keeping in due:
                self._kept.put(connection, held, asker, keeping, now)
            wait_out(begun, SLOT)  # a check that waits for its turn must not learn whether a probe was kept
        self._shelf.forget(held.flag_id for held, *_ in decided if held.flag_id not in later)
        return len(due)

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
        allowed = {flag.id for flag in self._open_flags(_KEPT) if self._keeping(flag, now) is not None}
        for flag_id in sorted(kept - allowed):
            with writing(self._store.engine) as connection:
                over += self._kept.destroy(connection, kept_probes.c.flag_id == flag_id, Ended.NOT_ALLOWED, now)
        self._looked = in_force, now
        return over

    def _open_flags(self, flag_ids: list[str] | Select[Any]) -> list[_OpenFlag]:
        """Return those of the flags that are open, with what of them stands."""
        rows: dict[str, list[RowMapping]] = {}
        with self._store.engine.connect() as connection:
            for row in connection.execute(_QUERY.where(flags.c.id.in_(flag_ids))).mappings():
                rows.setdefault(row["id"], []).append(row)
        found = (_open_flag(flag_id, candidates) for flag_id, candidates in rows.items())
        return [flag for flag in found if flag is not None]

    def _keeping(self, flag: _OpenFlag, now: datetime) -> ProbeKeeping | None:
        classes = self._store.classes_of(flag.entries)
        if len(classes) < len(set(flag.entries)):
            return None  # of an entry that is gone its owner can no longer allow anything
        return probe_keeping(self._rules(), flag.asked, classes.values(), now)


def _in_one_turn(held: Sequence[HeldProbe]) -> int:
    """Return how many of them, from the first on, are kept in one turn: one at least, if there is one."""
    total = 0
    for number, each in enumerate(held):
        total += each.probe.size
        if number and total > BYTES_A_TURN:
            return number
    return len(held)


_QUERY: Final[Select[Any]] = (
    select(
        *flags.c["id", "partner", "purpose", "checkpoint", "exercise", "asked"],
        *flag_candidates.c["watchlist", "entry"],
    )
    .join_from(flags, flag_candidates)
    .where(flag_candidates.c.voided_at.is_(None))
)
_KEPT: Final[Select[Any]] = select(kept_probes.c.flag_id)


def _open_flag(flag_id: str, rows: Sequence[RowMapping]) -> _OpenFlag | None:
    first = rows[0]
    try:
        asked = _ASKED.validate_python(first["asked"])
    except ValidationError:  # nobody can be asked, so nothing is kept
        return None
    request = asked.request(first["partner"], first["purpose"], first["checkpoint"], exercise=first["exercise"])
    return _OpenFlag(flag_id, request, tuple(EntryKey(row["watchlist"], row["entry"]) for row in rows))
