"""The audit log becomes a Merkle tree with sealed payloads. Old events are moved into it when the keys are at hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_MOMENT = sa.DateTime(timezone=True)
_TABLES = (
    "audit_log",
    "audit_events",
    "audit_payloads",
    "audit_nodes",
    "audit_heads",
    "audit_keys",
    "audit_witnesses",
    "audit_countersignatures",
)


def upgrade() -> None:
    """Put the old events aside, and make the tables, empty."""
    op.drop_index("audit_events_by_partner", "audit_events")
    op.rename_table("audit_events", "audit_events_before")
    if op.get_bind().dialect.name == "postgresql":  # names of keys are the table's own on SQLite
        op.execute("ALTER TABLE audit_events_before RENAME CONSTRAINT pk_audit_events TO pk_audit_events_before")
    _make_log()
    _make_heads()
    _make_witnesses()


def downgrade() -> None:
    """Drop them, and with them every event: nothing sealed can be read without the keys."""
    for table in reversed(_TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE audit_events_before RENAME CONSTRAINT pk_audit_events_before TO pk_audit_events")
    op.rename_table("audit_events_before", "audit_events")
    op.create_index("audit_events_by_partner", "audit_events", ["partner", "kind", "at"])


def _make_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("last_at", _MOMENT),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("signing_key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
        sa.CheckConstraint("id = 1", name="ck_audit_log_single_row"),
    )
    op.create_table(
        "audit_events",
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("partner", sa.String(64)),
        sa.Column("keep_until", _MOMENT),
        sa.Column("commitment", sa.LargeBinary(32), nullable=False),
        sa.Column("leaf", sa.LargeBinary(32), nullable=False),
        sa.Column("signing_key", sa.String(64), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_events"),
    )
    op.create_index("audit_events_by_partner", "audit_events", ["partner", "at"])
    op.create_table(
        "audit_payloads",
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("keep_until", _MOMENT),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_payloads"),
        sa.ForeignKeyConstraint(["number"], ["audit_events.number"], name="fk_audit_payloads_number_audit_events"),
    )
    has_end = sa.text("keep_until IS NOT NULL")
    op.create_index(
        "audit_payloads_by_end", "audit_payloads", ["keep_until"], sqlite_where=has_end, postgresql_where=has_end
    )
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("place", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("level", "place", name="pk_audit_nodes"),
    )


def _make_heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("size", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("signing_key", sa.String(64), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_audit_heads"),
    )
    op.create_table(
        "audit_keys",
        sa.Column("keyid", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("keyid", name="pk_audit_keys"),
        sa.ForeignKeyConstraint(["owner"], ["partners.id"], name="fk_audit_keys_owner_partners"),
    )


def _make_witnesses() -> None:
    op.create_table(
        "audit_witnesses",
        sa.Column("keyid", sa.String(64), nullable=False),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("public", sa.String(64), nullable=False),
        sa.Column("registered_at", _MOMENT, nullable=False),
        sa.Column("withdrawn_at", _MOMENT),
        sa.PrimaryKeyConstraint("keyid", name="pk_audit_witnesses"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_audit_witnesses_partner_partners"),
    )
    op.create_table(
        "audit_countersignatures",
        sa.Column("size", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("keyid", sa.String(64), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("size", "keyid", name="pk_audit_countersignatures"),
        sa.ForeignKeyConstraint(["size"], ["audit_heads.size"], name="fk_audit_countersignatures_size_audit_heads"),
        sa.ForeignKeyConstraint(
            ["keyid"], ["audit_witnesses.keyid"], name="fk_audit_countersignatures_keyid_audit_witnesses"
        ),
    )
