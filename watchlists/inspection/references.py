"""Rows that refer to something that is not there."""

from __future__ import annotations

from sqlalchemy import Connection, ForeignKeyConstraint, and_, func, select

from watchlists.inspection.part import Flaw, Part
from watchlists.schema import metadata


def references_of(connection: Connection) -> Part:
    """Follow every foreign key of every table."""
    constraints = [
        constraint
        for table in metadata.sorted_tables
        for constraint in sorted(table.foreign_key_constraints, key=_name)
    ]
    flaws = []
    for constraint in constraints:
        if orphans := _orphans(connection, constraint):
            refers = f"{constraint.table.name} to {constraint.referred_table.name}"
            hint = "Restore a backup from before; find out who can write to the database."
            flaws.append(Flaw(f"{orphans} rows refer from {refers}, where nothing is", hint))
    return Part("references", f"{len(constraints)} kinds of references lead somewhere", tuple(flaws))


def _orphans(connection: Connection, constraint: ForeignKeyConstraint) -> int:
    parent = constraint.referred_table.alias()
    pairs = [(element.parent, parent.columns[element.column.name]) for element in constraint.elements]
    joined = constraint.table.outerjoin(parent, and_(*(child == there for child, there in pairs)))
    given = [child.is_not(None) for child, _ in pairs]
    query = select(func.count()).select_from(joined).where(*given, pairs[0][1].is_(None))
    return connection.execute(query).scalar_one()


def _name(constraint: ForeignKeyConstraint) -> str:
    return str(constraint.name)
