"""Probes that an agreement lets somebody keep until a flag is decided: sealed, each under a data key of its own.

In memory alone they would show in one process and not in another, and be gone with the next start. So what a rule
allows to be kept is kept in the database, and nothing else ever is: in parts, whose data key is sealed for each partner
that may keep the probe. At the end of its time both are destroyed, the bytes are wiped, and the audit log says so. No
backup holds any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, bindparam, not_, or_, select

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.probe_parts import open_probe
from service.probe_shelf import HeldProbe, Probe
from service.purge import wipe_later
from service.review.views import FlagState
from service.roles import Role
from service.schema import flags, kept_probe_parts, kept_probes
from watchlists.agreements import Clause
from watchlists.agreements.retention import ProbeKeeping
from watchlists.database import ReadyStatement, writing
from watchlists.errors import SealBroken
from watchlists.keys import KeyRing

SEALED_KEY: Final = "key of a kept probe"
ACTOR: Final = "probe keeper"
BROKEN_OFF: Final = timedelta(minutes=5)
"""After that time nobody goes on writing the parts of a probe that nobody has the key of."""
_CLAUSES: Final = TypeAdapter(tuple[Clause, ...])
# Made once: to build a statement takes longer than to run it.
_PUT_PART: Final = ReadyStatement(kept_probe_parts.insert())
_TAKE_PART: Final = ReadyStatement(
    kept_probe_parts.delete().where(
        kept_probe_parts.c.flag_id == bindparam("of"), kept_probe_parts.c.number == bindparam("which")
    )
)
_CLOSED: Final = select(flags.c.id).where(flags.c.state.in_((FlagState.SETTLED, FlagState.VOID)))


class Ended(StrEnum):
    """Why a probe was destroyed."""

    TIME_OVER = "time-over"
    FLAG_CLOSED = "flag-closed"
    NOT_ALLOWED = "not-allowed"
    """The agreement that let it be kept has ended, or another forbids it now."""


@dataclass(frozen=True, slots=True)
class ToKeep:
    """A probe that a rule lets be kept. Args: asker: whose check it was."""

    held: HeldProbe
    asker: str
    keeping: ProbeKeeping

    @property
    def flag_id(self) -> str:
        return str(self.held.flag_id)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Until when a side keeps a probe, and by which clauses. Args: probe: None if it does not open."""

    until: datetime
    decided_by: tuple[Clause, ...]
    probe: Probe | None


class KeptProbes:
    """Puts probes away, opens them for those who keep them, and destroys them."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys

    def put(self, connection: Connection, to_keep: ToKeep, key: bytes, now: datetime) -> None:
        """Hand the key of a probe whose parts are there to each partner that may keep it, and say so in the log.

        All of it in the transaction of `connection`, which has written the last part.
        """
        flag_id, keeping = to_keep.flag_id, to_keep.keeping
        for keeper in keeping.keepers(to_keep.asker):
            row = {
                "flag_id": flag_id,
                "keeper": keeper,
                "until": keeping.until,
                "decided_by": [asdict(clause) for clause in keeping.decided_by],
                "log_until": to_keep.held.log_until,
                "sealed": self._keys.seal_for(keeper, SEALED_KEY, key, flag_id, connection=connection),
            }
            connection.execute(kept_probes.insert().values(row))
            details = {"flag_id": flag_id, "until": keeping.until.isoformat(), "decided_by": _named(keeping.decided_by)}
            audit.record(connection, EventKind.PROBE_KEPT, _actor(keeper), now, details, to_keep.held.log_until)

    def put_part(self, connection: Connection, flag_id: str, number: int, sealed: bytes, now: datetime) -> None:
        """Write one part, or noise in place of the noise before, in the transaction of `connection`."""
        _TAKE_PART.write(connection, {"of": flag_id, "which": number})
        _PUT_PART.write(connection, {"flag_id": flag_id, "number": number, "sealed": sealed, "written_at": now})

    def open(self, connection: Connection, flag_id: UUID, keeper: str, now: datetime) -> Keeping | None:
        """Open the probe of a flag for a partner; None if it keeps none, or no longer may."""
        is_it = kept_probes.c.flag_id == str(flag_id), kept_probes.c.keeper == keeper, kept_probes.c.until > now
        row = connection.execute(select(kept_probes).where(*is_it)).mappings().one_or_none()
        if row is None:
            return None
        return Keeping(row["until"], _CLAUSES.validate_python(row["decided_by"]), self._opened(connection, row))

    def end_what_is_over(self, now: datetime) -> int:
        """Destroy what has been kept for long enough, or whose flag is closed; return how many that were.

        Also late, as after a restart. `service.purge.Wipes` wipes the bytes afterwards.
        """
        ends = {Ended.TIME_OVER: kept_probes.c.until <= now, Ended.FLAG_CLOSED: kept_probes.c.flag_id.in_(_CLOSED)}
        with self._engine.connect() as connection:
            over = select(kept_probes.c.flag_id).where(or_(*ends.values())).limit(1)
            left = select(kept_probe_parts.c.flag_id).where(*_left_behind(now)).limit(1)
            if connection.execute(over).first() is None and connection.execute(left).first() is None:
                return 0
        with writing(self._engine) as connection:
            if connection.execute(kept_probe_parts.delete().where(*_left_behind(now))).rowcount:
                wipe_later(connection, kept_probe_parts, now)
            return sum(self.destroy(connection, which, why, now) for why, which in ends.items())

    def destroy(self, connection: Connection, which: ColumnElement[bool], why: Ended, now: datetime) -> int:
        """Destroy kept probes in the transaction of `connection`; return how many."""
        gone = kept_probes.delete().where(which).returning(*kept_probes.c["flag_id", "keeper", "log_until"])
        rows = connection.execute(gone).all()
        for row in rows:
            details = {"flag_id": row.flag_id, "why": why.value}
            audit.record(connection, EventKind.PROBE_DESTROYED, _actor(row.keeper), now, details, row.log_until)
        if rows:
            parts = kept_probe_parts.c.flag_id.in_([row.flag_id for row in rows])
            connection.execute(kept_probe_parts.delete().where(parts))
            for table in (kept_probes, kept_probe_parts):
                wipe_later(connection, table, now)
        return len(rows)

    def _opened(self, connection: Connection, row: RowMapping) -> Probe | None:
        keeper, flag_id = row["keeper"], row["flag_id"]
        parts = select(kept_probe_parts.c.sealed).where(kept_probe_parts.c.flag_id == flag_id)
        sealed = connection.execute(parts.order_by(kept_probe_parts.c.number)).scalars().all()
        try:
            key = self._keys.open_for(keeper, SEALED_KEY, row["sealed"], flag_id, connection=connection)
            return open_probe(key, sealed, flag_id)
        except (SealBroken, ValueError):
            return None


def _left_behind(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Which parts nobody has the key of: noise, and what was broken off by the end of a process."""
    is_kept = kept_probe_parts.c.flag_id.in_(select(kept_probes.c.flag_id))
    return not_(is_kept), kept_probe_parts.c.written_at <= now - BROKEN_OFF


def _actor(keeper: str) -> Caller:
    return Caller(keeper, Role.OPERATOR, ACTOR)


def _named(clauses: Sequence[Clause]) -> str:
    return ", ".join(f"{by.agreement} v{by.version} {by.clause}" for by in clauses)
