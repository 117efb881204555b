"""The parts of the log as the database has them: how they grow now, and as the newest head commits to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, select

from service.audit.parts import Growing, Part, parts_root
from service.audit.tree import EMPTY_ROOT, Frontier
from service.schema import audit_events, audit_parts
from watchlists.database import ReadyStatement

_PARTNER: Final = audit_parts.c.partner
# Made once: to build a statement takes longer than to run it.
_OF: Final = ReadyStatement(select(*audit_parts.c["partner", "size", "frontier"]).where(bindparam("of") == _PARTNER))
_GROW: Final = ReadyStatement(
    audit_parts.update()
    .where(bindparam("of") == _PARTNER)
    .values(size=bindparam("grown_to"), frontier=bindparam("edge"))
)


def read_parts(connection: Connection, partners: Collection[str]) -> Growing:
    """Return the parts of those partners, to append to. The row of `audit_log` has to be locked."""
    found = Growing()
    for partner in partners:
        for row in _OF.rows(connection, {"of": partner}):
            found.frontiers[partner] = Frontier.of_bytes(row["size"], row["frontier"])
    return found


def write_parts(connection: Connection, parts: Growing) -> None:
    """Keep parts that have grown."""
    for partner, edge in parts.frontiers.items():
        grown = {"of": partner, "grown_to": edge.size, "edge": edge.to_bytes()}
        if not _GROW.write(connection, grown):
            begun = {"size": edge.size, "frontier": edge.to_bytes(), "kept_size": 0, "kept_root": EMPTY_ROOT}
            connection.execute(audit_parts.insert().values(partner=partner, **begun))


def keep_parts(connection: Connection) -> bytes:
    """Keep the parts as they are now, for proofs under the head that is being signed; return the root of their tree."""
    parts = list[Part]()
    for row in connection.execute(select(audit_parts)).all():
        part = Part(row.partner, row.size, Frontier.of_bytes(row.size, row.frontier).root())
        if row.kept_size != part.size:
            kept = audit_parts.update().where(row.partner == _PARTNER)
            connection.execute(kept.values(kept_size=part.size, kept_root=part.root))
        parts.append(part)
    return parts_root(parts)


def kept_parts(connection: Connection) -> Sequence[Part]:
    """Return the parts that the newest head commits to."""
    rows = connection.execute(select(audit_parts).where(audit_parts.c.kept_size > 0)).all()
    return [Part(row.partner, row.kept_size, row.kept_root) for row in rows]


def needs_counting(engine: Engine) -> bool:
    """Whether there are entries, and no parts yet."""
    with engine.connect() as connection:
        has_parts = connection.execute(select(_PARTNER).limit(1)).first() is not None
        return not has_parts and connection.execute(select(audit_events.c.number).limit(1)).first() is not None


def count_parts(connection: Connection) -> None:
    """Count the entries of before there were parts into theirs, unless somebody has. The log has to be locked."""
    if connection.execute(select(_PARTNER).limit(1)).first() is not None:
        return
    parts = Growing()
    entries = select(*audit_events.c["partner", "leaf"]).order_by(audit_events.c.number)
    for row in connection.execute(entries.execution_options(yield_per=10_000)):
        parts.add(row.partner, row.leaf)
    write_parts(connection, parts)
