"""What rules promise and ask for: notices, authorisations, emergencies, quotas, and duties with their deadlines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables. Of an old flag nothing waits, and no duty of it was kept."""
    _make_notices()
    _make_authorisations()
    _make_emergencies()
    _make_quota_uses()
    _extend_flags()
    _make_duties()
    op.create_index("audit_events_by_partner", "audit_events", ["partner", "kind", "at"])


def downgrade() -> None:
    """Drop them, and with them every promise that is not kept yet."""
    op.drop_index("audit_events_by_partner", "audit_events")
    for table in ("duties", "quota_uses", "emergencies", "authorisations", "notices"):
        op.drop_table(table)
    for column in ("voided_at", "silent", "later_level", "terms"):
        op.drop_column("flag_candidates", column)
    for column in ("overdue_at", "exercise"):
        op.drop_column("flags", column)


def _make_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("sealed_text", sa.LargeBinary),
        sa.Column("once", sa.String(64)),
        sa.PrimaryKeyConstraint("partner", "number", name="pk_notices"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_notices_partner_partners"),
    )
    op.create_index("notices_once", "notices", ["partner", "kind", "once"], unique=True)
    op.create_index("notices_by_age", "notices", ["at"])


def _make_authorisations() -> None:
    op.create_table(
        "authorisations",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("case_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("owner", "id", name="pk_authorisations"),
        sa.ForeignKeyConstraint(["owner"], ["partners.id"], name="fk_authorisations_owner_partners"),
    )
    op.create_index("authorisations_by_case", "authorisations", ["partner", "purpose", "case_digest"])


def _make_emergencies() -> None:
    op.create_table(
        "emergencies",
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("sealed_justification", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("partner", "id", name="pk_emergencies"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_emergencies_partner_partners"),
    )


def _make_quota_uses() -> None:
    op.create_table(
        "quota_uses",
        sa.Column("agreement", sa.String(64), nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("agreement", "partner", "day", name="pk_quota_uses"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_quota_uses_partner_partners"),
    )


def _extend_flags() -> None:
    op.add_column("flags", sa.Column("exercise", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("flags", sa.Column("overdue_at", sa.DateTime(timezone=True)))
    op.add_column("flag_candidates", sa.Column("terms", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("flag_candidates", sa.Column("later_level", sa.String(16)))
    op.add_column("flag_candidates", sa.Column("silent", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("flag_candidates", sa.Column("voided_at", sa.DateTime(timezone=True)))


def _make_duties() -> None:
    op.create_table(
        "duties",
        sa.Column("candidate_id", sa.String(36), nullable=False),
        sa.Column("obligation", sa.String(32), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.Column("lapsed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("candidate_id", "obligation", name="pk_duties"),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["flag_candidates.candidate_id"], name="fk_duties_candidate_id_flag_candidates"
        ),
    )
    op.create_index("duties_by_deadline", "duties", ["settled_at", "lapsed_at", "due_at"])
