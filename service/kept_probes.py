"""Probes that an agreement lets somebody keep until a flag is decided: sealed, each under a data key of its own.

In memory alone they would show in one process and not in another, and be gone with the next start. So what a rule
allows to be kept is kept in the database, sealed for each partner that may keep it, and nothing else ever is. At the
end of its time the row is destroyed with its data key, its bytes are wiped, and the audit log says so. No backup holds
any.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, or_, select

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.probe_shelf import HeldProbe, Probe
from service.purge import wipe_later
from service.review.views import FlagState
from service.roles import Role
from service.schema import flags, kept_probes
from watchlists.agreements import Clause
from watchlists.agreements.retention import ProbeKeeping
from watchlists.database import writing
from watchlists.errors import SealBroken
from watchlists.keys import KeyRing
from watchlists.records import Templates
from watchlists.templates import pack_templates, unpack_templates

SEALED_PROBE: Final = "kept probe"
ACTOR: Final = "probe keeper"
VERSION: Final = 1
_HEADER: Final = struct.Struct("<B?I")  # version, whether there is an image, its length
_CLAUSES: Final = TypeAdapter(tuple[Clause, ...])
_CLOSED: Final = select(flags.c.id).where(flags.c.state.in_((FlagState.SETTLED, FlagState.VOID)))


class Ended(StrEnum):
    """Why a probe was destroyed."""

    TIME_OVER = "time-over"
    FLAG_CLOSED = "flag-closed"
    NOT_ALLOWED = "not-allowed"
    """The agreement that let it be kept has ended, or another forbids it now."""


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

    def put(
        self, connection: Connection, held: HeldProbe, asker: str, keeping: ProbeKeeping, now: datetime
    ) -> Sequence[str]:
        """Seal a probe for each partner that may keep it, in the transaction of `connection`; return these partners."""
        keepers = keeping.keepers(asker)
        flag_id, packed = str(held.flag_id), pack_probe(held.probe)
        for keeper in keepers:
            row = {
                "flag_id": flag_id,
                "keeper": keeper,
                "until": keeping.until,
                "decided_by": [asdict(clause) for clause in keeping.decided_by],
                "log_until": held.log_until,
                "sealed": self._keys.seal_for(keeper, SEALED_PROBE, packed, flag_id, connection=connection),
            }
            connection.execute(kept_probes.insert().values(row))
            details = {"flag_id": flag_id, "until": keeping.until.isoformat(), "decided_by": _named(keeping.decided_by)}
            audit.record(connection, EventKind.PROBE_KEPT, _actor(keeper), now, details, held.log_until)
        return keepers

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
            if connection.execute(over).first() is None:
                return 0
        with writing(self._engine) as connection:
            return sum(self.destroy(connection, which, why, now) for why, which in ends.items())

    def destroy(self, connection: Connection, which: ColumnElement[bool], why: Ended, now: datetime) -> int:
        """Destroy kept probes in the transaction of `connection`; return how many."""
        gone = kept_probes.delete().where(which).returning(*kept_probes.c["flag_id", "keeper", "log_until"])
        rows = connection.execute(gone).all()
        for row in rows:
            details = {"flag_id": row.flag_id, "why": why.value}
            audit.record(connection, EventKind.PROBE_DESTROYED, _actor(row.keeper), now, details, row.log_until)
        if rows:
            wipe_later(connection, kept_probes, now)
        return len(rows)

    def _opened(self, connection: Connection, row: RowMapping) -> Probe | None:
        keeper, flag_id = row["keeper"], row["flag_id"]
        try:
            sealed = self._keys.open_for(keeper, SEALED_PROBE, row["sealed"], flag_id, connection=connection)
            return unpack_probe(sealed)
        except (SealBroken, ValueError):
            return None


def pack_probe(probe: Probe) -> bytes:
    """Encode a probe: a header, the image, and the fingers as `pack_templates` has them."""
    image = probe.image or b""
    header = _HEADER.pack(VERSION, probe.image is not None, len(image))
    return header + image + pack_templates(Templates(fingers=probe.fingers))


def unpack_probe(packed: bytes) -> Probe:
    """Decode what `pack_probe` gave.

    Raises:
        ValueError: not of this version, or damaged.
    """
    if len(packed) < _HEADER.size or packed[0] != VERSION:
        raise ValueError(f"a kept probe is not a container of version {VERSION}")
    _, has_image, length = _HEADER.unpack_from(packed)
    image = packed[_HEADER.size : _HEADER.size + length]
    if len(image) != length:
        raise ValueError("a kept probe ends inside its image")
    return Probe(image if has_image else None, unpack_templates(packed[_HEADER.size + length :]).fingers)


def _actor(keeper: str) -> Caller:
    return Caller(keeper, Role.OPERATOR, ACTOR)


def _named(clauses: Sequence[Clause]) -> str:
    return ", ".join(f"{by.agreement} v{by.version} {by.clause}" for by in clauses)
