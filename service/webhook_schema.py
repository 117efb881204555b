"""Tables of the webhooks: in the same database, declared with those of the service (`service.schema`)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from watchlists.schema import UtcDateTime, metadata, sealed_for

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False, comment="whose notices it gets"),
    Column("name", String(64), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("delivered", Integer, nullable=False, comment="number of the last notice that arrived, or was left out"),
    Column("failures", Integer, nullable=False, comment="tries of the next notice that came to nothing"),
    Column("failing_since", UtcDateTime, comment="the first of these"),
    Column("next_try_at", UtcDateTime, comment="null: at once"),
    Column("paused_at", UtcDateTime, comment="by the operator"),
    Column("parked_at", UtcDateTime, comment="given up, until the operator says otherwise"),
    Index("webhooks_by_name", "partner", "name", unique=True),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("webhook", String(36), ForeignKey("webhooks.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False),
    Column("scheme", String(8), nullable=False, comment="service.webhooks.signing.Scheme"),
    Column("sealed", LargeBinary, nullable=False, info=sealed_for("partner"), comment="what is signed with"),
    Column("made_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, comment="when nothing is signed with it any more, after a rotation"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook", String(36), ForeignKey("webhooks.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="of the notice"),
    Column("tries", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("outcome", String(32), nullable=False, comment="of the last try; service.webhooks.transport.Outcome"),
    Column("status", Integer, comment="of HTTP, if there was an answer"),
    Index("webhook_deliveries_by_age", "last_at"),
)

webhook_turn = Table(
    "webhook_turn",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(36), nullable=False, comment="the process that delivers"),
    Column("until", UtcDateTime, nullable=False, comment="then another one may"),
    CheckConstraint("id = 1", name="single_row"),
)
