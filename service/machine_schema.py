"""Tables of the machines that call: their keys, and the nonces that they have spent."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table

from watchlists.schema import NOT_IN_BACKUPS, UtcDateTime, metadata

machine_keys = Table(
    "machine_keys",
    metadata,
    Column("keyid", String(64), primary_key=True, comment="SHA-256 of the public key (SPKI, DER), in hexadecimal"),
    Column("kind", String(16), nullable=False, comment="service.machines.register.KeyKind"),
    Column("public", LargeBinary(32), nullable=False, comment="Ed25519; empty for the key of a certificate"),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("authority", String(64), nullable=False, comment="of the partner, such as border-guard; or empty"),
    Column("added_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Index("machine_keys_by_name", "name"),
)

spent_nonces = Table(
    "spent_nonces",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True, comment="SHA-256 of keyid and nonce"),
    Column("until", UtcDateTime, nullable=False, comment="when the signature is too old anyway"),
    Index("spent_nonces_by_end", "until"),
    info={NOT_IN_BACKUPS: True},
)
