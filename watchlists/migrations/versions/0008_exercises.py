"""Exercises have quotas and authorisations of their own. Counts and grants from before are those of live searches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_LIVE = ("agreement", "partner", "day")


def upgrade() -> None:
    """Tell grants apart, and counts; their table is made anew, for its key grows by a column."""
    op.add_column("authorisations", sa.Column("exercise", sa.Boolean, nullable=False, server_default=sa.false()))
    counted = _counts()
    op.drop_table("quota_uses")
    exercise = sa.Column("exercise", sa.Boolean, nullable=False)
    table = _make_quota_uses(exercise, key=(*_LIVE, exercise.name))
    op.bulk_insert(table, [{**row, "exercise": False} for row in counted])


def downgrade() -> None:
    """Drop what was of exercises: it must not become live."""
    op.execute(sa.text("DELETE FROM authorisations WHERE exercise"))
    op.drop_column("authorisations", "exercise")
    counted = _counts("WHERE NOT exercise")
    op.drop_table("quota_uses")
    op.bulk_insert(_make_quota_uses(key=_LIVE), counted)


def _make_quota_uses(*more: sa.Column[bool], key: tuple[str, ...]) -> sa.Table:
    return op.create_table(
        "quota_uses",
        sa.Column("agreement", sa.String(64), nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        *more,
        sa.Column("used", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_quota_uses"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_quota_uses_partner_partners"),
    )


def _counts(which: str = "") -> list[dict[str, object]]:
    typed = sa.text(f"SELECT agreement, partner, day, used FROM quota_uses {which}").columns(  # noqa: S608
        agreement=sa.String, partner=sa.String, day=sa.Date, used=sa.Integer
    )
    return [dict(row) for row in op.get_bind().execute(typed).mappings()]
