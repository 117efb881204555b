"""Tables of the service side, beside those of the watchlists in the same database."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table

from watchlists.schema import UtcDateTime, metadata

tokens = Table(
    "tokens",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of the token"),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("authority", String(64), nullable=False, server_default="", comment="of the partner, such as border-guard"),
)

checks = Table(
    "checks",
    metadata,
    Column("partner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("check_id", String(36), primary_key=True),
    Column("request_digest", LargeBinary(32), nullable=False, comment="keyed, so that no probe can be guessed from it"),
    Column("sealed_answer", LargeBinary, nullable=False, comment="what was disclosed, sealed for the asking partner"),
    Column("answered_at", UtcDateTime, nullable=False),
    Index("checks_by_age", "answered_at"),
)

flags = Table(
    "flags",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False, comment="who asked"),
    Column("check_id", String(36), nullable=False),
    Column("checkpoint", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Index("flags_by_partner", "partner", "opened_at"),
)

flag_candidates = Table(
    "flag_candidates",
    metadata,
    Column("candidate_id", String(36), primary_key=True),
    Column("flag_id", String(36), ForeignKey("flags.id"), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("watchlist", String(64), nullable=False),
    Column("entry", String(64), nullable=False),
    Column("score", Float, nullable=False, comment="-log10(FMR)"),
    Column("level", String(16), nullable=False),
    Column("decided_by", JSON, nullable=False, comment="agreement, version and clause of each deciding rule"),
    Index("flag_candidates_by_flag", "flag_id"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(32), nullable=False, comment="service.audit.EventKind"),
    Column("partner", String(64), comment="of the actor"),
    Column("actor", String(64), nullable=False, comment="name of the token, or of the command"),
    Column("details", JSON, nullable=False, comment="never a biometric or biographic value"),
    sqlite_autoincrement=True,
)
