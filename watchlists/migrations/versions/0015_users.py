"""People who sign in: users of partners, what they sign in with, and their sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from watchlists.schema import UtcDateTime

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the tables. Nobody is a user yet."""
    op.create_table(
        "users",
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("authority", sa.String(64), nullable=False, server_default=""),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("handle", sa.LargeBinary(32), nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("sealed_password", sa.LargeBinary),
        sa.Column("sealed_totp", sa.LargeBinary),
        sa.Column("totp_step", sa.BigInteger),
        sa.Column("invitation", sa.LargeBinary(32)),
        sa.Column("invited_until", UtcDateTime),
        sa.PrimaryKeyConstraint("partner", "name", name="pk_users"),
        sa.ForeignKeyConstraint(["partner"], ["partners.id"], name="fk_users_partner_partners"),
        sa.UniqueConstraint("invitation", name="uq_users_invitation"),
    )
    _table_of_users(
        "user_passkeys",
        ["credential"],
        sa.Column("credential", sa.LargeBinary(1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("sealed_label", sa.LargeBinary, nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("used_at", UtcDateTime),
    )
    op.create_index("user_passkeys_by_user", "user_passkeys", ["partner", "name"])
    _table_of_users(
        "user_devices",
        ["device", "partner", "name"],
        sa.Column("device", sa.LargeBinary(32), nullable=False),
        sa.Column("used_at", UtcDateTime, nullable=False),
    )
    _table_of_users(
        "half_sign_ins",
        ["digest"],
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("begun_at", UtcDateTime, nullable=False),
        sa.Column("challenge", sa.LargeBinary(32), nullable=False),
    )
    _table_of_users(
        "user_sessions",
        ["digest"],
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("factor", sa.String(16), nullable=False),
        sa.Column("begun_at", UtcDateTime, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("sealed_setup", sa.LargeBinary),
        sa.Column("setup_until", UtcDateTime),
    )
    op.create_index("user_sessions_by_user", "user_sessions", ["partner", "name"])
    op.create_table(
        "sign_in_tallies",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_tallies"),
    )
    op.create_index("sign_in_tallies_by_age", "sign_in_tallies", ["last_at"])


def _table_of_users(name: str, key: Sequence[str], *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["partner", "name"], ["users.partner", "users.name"], name=f"fk_{name}_partner_users"),
    )


def downgrade() -> None:
    """Drop them: nobody can sign in any more."""
    for table in ("sign_in_tallies", "user_sessions", "half_sign_ins", "user_devices", "user_passkeys", "users"):
        op.drop_table(table)
