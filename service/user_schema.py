"""Tables of the people who sign in: in the same database, declared with those of the service (`service.schema`)."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from watchlists.schema import UtcDateTime, metadata, sealed_for


def _of_a_user() -> tuple[Column[str], Column[str], ForeignKeyConstraint]:
    """Return the columns that say whose a row is; it goes when the user goes."""
    return (
        Column("partner", String(64), nullable=False),
        Column("name", String(64), nullable=False),
        ForeignKeyConstraint(["partner", "name"], ["users.partner", "users.name"]),
    )


users = Table(
    "users",
    metadata,
    Column("partner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("name", String(64), primary_key=True, comment="unique within the partner"),
    Column("roles", JSON, nullable=False, comment="some of service.users.ROLES_OF_PEOPLE"),
    Column("authority", String(64), nullable=False, server_default="", comment="as with tokens"),
    Column("state", String(16), nullable=False, comment="service.users.State"),
    Column("handle", LargeBinary(32), nullable=False, comment="random; what authenticators know the user by"),
    Column("added_at", UtcDateTime, nullable=False),
    Column("sealed_password", LargeBinary, info=sealed_for("partner"), comment="its Argon2 hash"),
    Column("sealed_totp", LargeBinary, info=sealed_for("partner"), comment="secret of the authenticator app"),
    Column("totp_step", BigInteger, comment="the last time step whose code was used; none before it counts any more"),
    Column("invitation", LargeBinary(32), unique=True, comment="SHA-256 of the code of the enrolment link"),
    Column("invited_until", UtcDateTime),
)

user_passkeys = Table(
    "user_passkeys",
    metadata,
    Column("credential", LargeBinary(1023), primary_key=True, comment="id that the authenticator gave it"),
    *_of_a_user(),
    Column("public_key", LargeBinary, nullable=False, comment="COSE"),
    Column("counter", BigInteger, nullable=False, comment="signatures so far; 0 where it does not count"),
    Column("sealed_label", LargeBinary, nullable=False, info=sealed_for("partner"), comment="what its owner calls it"),
    Column("added_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Index("user_passkeys_by_user", "partner", "name"),
)

user_devices = Table(
    "user_devices",
    metadata,
    Column("device", LargeBinary(32), primary_key=True, comment="SHA-256 of its cookie"),
    Column("partner", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("used_at", UtcDateTime, nullable=False, comment="when the user last signed in there, with both factors"),
    ForeignKeyConstraint(["partner", "name"], ["users.partner", "users.name"]),
)

half_sign_ins = Table(
    "half_sign_ins",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of its id"),
    *_of_a_user(),
    Column("begun_at", UtcDateTime, nullable=False, comment="when the password was right"),
    Column("challenge", LargeBinary(32), nullable=False, comment="for a passkey; another after each answer"),
)

user_sessions = Table(
    "user_sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of its id"),
    *_of_a_user(),
    Column("factor", String(16), nullable=False, comment="service.users.Factor, beside the password"),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False, comment="to the minute"),
    Column("sealed_setup", LargeBinary, info=sealed_for("partner"), comment="what a new second factor is made from"),
    Column("setup_until", UtcDateTime),
    Index("user_sessions_by_user", "partner", "name"),
)

sign_in_tallies = Table(
    "sign_in_tallies",
    metadata,
    Column("key", LargeBinary(32), primary_key=True, comment="keyed digest of who tries on whom, from where"),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Index("sign_in_tallies_by_age", "last_at"),
)
