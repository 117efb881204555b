"""Tokens, answered checks, flags and audit events: what the service remembers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of the service side."""
    _make_tokens()
    _make_checks()
    _make_flags()
    _make_audit_events()


def downgrade() -> None:
    """Drop them."""
    for table in ("audit_events", "flag_candidates", "flags", "checks", "tokens"):
        op.drop_table(table)


def _partner(table: str, *, nullable: bool = False) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    constraint = sa.ForeignKeyConstraint(["partner"], ["partners.id"], name=f"fk_{table}_partner_partners")
    return sa.Column("partner", sa.String(64), nullable=nullable), constraint


def _make_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        *_partner("tokens"),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("digest", name="pk_tokens"),
    )


def _make_checks() -> None:
    op.create_table(
        "checks",
        *_partner("checks"),
        sa.Column("check_id", sa.String(36), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed_answer", sa.LargeBinary, nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner", "check_id", name="pk_checks"),
    )
    op.create_index("checks_by_age", "checks", ["answered_at"])


def _make_flags() -> None:
    op.create_table(
        "flags",
        sa.Column("id", sa.String(36), nullable=False),
        *_partner("flags"),
        sa.Column("check_id", sa.String(36), nullable=False),
        sa.Column("checkpoint", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flags"),
    )
    op.create_index("flags_by_partner", "flags", ["partner", "opened_at"])
    op.create_table(
        "flag_candidates",
        sa.Column("candidate_id", sa.String(36), nullable=False),
        sa.Column("flag_id", sa.String(36), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("watchlist", sa.String(64), nullable=False),
        sa.Column("entry", sa.String(64), nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("decided_by", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("candidate_id", name="pk_flag_candidates"),
        sa.ForeignKeyConstraint(["flag_id"], ["flags.id"], name="fk_flag_candidates_flag_id_flags"),
    )
    op.create_index("flag_candidates_by_flag", "flag_candidates", ["flag_id"])


def _make_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("partner", sa.String(64)),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_events"),
        sqlite_autoincrement=True,
    )
