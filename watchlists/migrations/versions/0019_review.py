"""The review desk: what is queued, what people have said of candidates, and when somebody is reminded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from watchlists.schema import UtcDateTime

revision = "0019"
down_revision = "0018"

_INDEXES: Final = {
    "flags_by_check": ("flags", ["partner", "check_id"]),
    "flags_queued": ("flags", ["partner", "exercise", "state", "rank", "queued_at", "id"]),
    "flags_on_desk": ("flags", ["desk", "partner", "exercise", "state", "rank", "queued_at", "id"]),
    "flag_candidates_by_owner": ("flag_candidates", ["owner", "voided_at"]),
    "duties_to_escalate": ("duties", ["escalate_at"]),
}
_NEVER: Final = sa.bindparam("never", datetime(9000, 1, 1, tzinfo=UTC), UtcDateTime)
_OPEN: Final = "duties.settled_at IS NULL AND duties.lapsed_at IS NULL"

_DUE: Final = f"""SELECT min(due_at) FROM duties
    JOIN flag_candidates ON duties.candidate_id = flag_candidates.candidate_id
    WHERE flag_candidates.flag_id = flags.id AND {_OPEN}"""  # noqa: S608


def _added() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Return the new columns of tables that are there, made anew at each call."""
    return {
        "flags": (
            sa.Column("terminal", sa.String(64)),
            sa.Column("emergency", sa.Boolean, nullable=False, server_default=sa.false()),
            sa.Column("samples", sa.JSON, nullable=False, server_default="[]"),
            sa.Column("log_for", sa.Integer),
            sa.Column("desk", sa.String(64)),
            sa.Column("state", sa.String(16), nullable=False, server_default="open"),
            sa.Column("rank", sa.Integer, nullable=False, server_default="3"),
            sa.Column("queued_at", UtcDateTime),
        ),
        "flag_candidates": (
            sa.Column("face", sa.Float),
            sa.Column("finger", sa.Float),
            sa.Column("sequence", sa.BigInteger),
            sa.Column("review", sa.String(16), nullable=False, server_default="open"),
            sa.Column("reviewed_at", UtcDateTime),
            sa.Column("released_at", UtcDateTime),
        ),
        "duties": (
            sa.Column("escalate_at", UtcDateTime),
            sa.Column("escalations", sa.Integer, nullable=False, server_default="0"),
            sa.Column("escalated_at", UtcDateTime),
        ),
    }


def upgrade() -> None:
    """Queue the flags that are there, each by its next deadline, and remind of open duties from now on."""
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    _make_tables()
    op.execute(sa.text(f"UPDATE flags SET queued_at = coalesce(({_DUE}), :never)").bindparams(_NEVER))  # noqa: S608
    standing = "SELECT 1 FROM flag_candidates WHERE flag_candidates.flag_id = flags.id AND voided_at IS NULL"
    void = f"UPDATE flags SET state = 'void', rank = 0, queued_at = opened_at WHERE NOT EXISTS ({standing})"  # noqa: S608
    op.execute(sa.text(void))
    op.execute(sa.text(f"UPDATE duties SET escalate_at = opened_at WHERE due_at IS NOT NULL AND {_OPEN}"))  # noqa: S608
    for name, (table, columns_of_index) in _INDEXES.items():
        op.create_index(name, table, columns_of_index)


def downgrade() -> None:
    """Forget the review: flags stay."""
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    for table in ("late_authorisations", "release_decisions", "waivers", "verdicts"):
        op.drop_table(table)
    for table, columns in _added().items():
        for column in columns:
            op.drop_column(table, column.name)


def _make_tables() -> None:
    _table(
        "verdicts",
        ["candidate_id", "partner", "reviewer"],
        "asker",
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("reviewer", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("asker", sa.String(64), nullable=False),
        sa.Column("sealed_reason", sa.LargeBinary),
    )
    _table(
        "waivers",
        ["candidate_id"],
        "asker",
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("reviewer", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("asker", sa.String(64), nullable=False),
        sa.Column("sealed_ground", sa.LargeBinary, nullable=False),
    )
    _table("release_decisions", ["candidate_id"], None, *_decided())
    text = sa.Column("sealed_text", sa.LargeBinary, nullable=False)
    _table("late_authorisations", ["candidate_id"], "partner", *_decided(), text)


def _decided() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
    )


def _table(name: str, key: Sequence[str], partner: str | None, *columns: sa.Column[Any]) -> None:
    of_candidate = sa.ForeignKeyConstraint(
        ["candidate_id"], ["flag_candidates.candidate_id"], name=f"fk_{name}_candidate_id_flag_candidates"
    )
    of_partner = (
        ()
        if partner is None
        else (sa.ForeignKeyConstraint([partner], ["partners.id"], name=f"fk_{name}_{partner}_partners"),)
    )
    op.create_table(
        name,
        sa.Column("candidate_id", sa.String(36), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        of_candidate,
        *of_partner,
    )
