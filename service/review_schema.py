"""Tables of what people say of candidates: in the same database, declared with those of the service (`service.schema`).

What people write in their own words may name somebody: it is sealed for the partner that asked, or whose desk wrote it.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, String, Table

from watchlists.schema import UtcDateTime, metadata, sealed_for


def _of_a_candidate() -> Column[str]:
    key = ForeignKey("flag_candidates.candidate_id")
    return Column("candidate_id", String(36), key, primary_key=True)


verdicts = Table(
    "verdicts",
    metadata,
    _of_a_candidate(),
    Column("partner", String(64), primary_key=True, comment="of the reviewer: on a joint desk not always who asked"),
    Column("reviewer", String(64), primary_key=True),
    Column("kind", String(16), nullable=False, comment="agreements.release.VerdictKind"),
    Column("at", UtcDateTime, nullable=False),
    Column("asker", String(64), ForeignKey("partners.id"), nullable=False, comment="whose flag it is"),
    Column("sealed_reason", LargeBinary, info=sealed_for("asker"), comment="null once the candidate is purged"),
)

waivers = Table(
    "waivers",
    metadata,
    _of_a_candidate(),
    Column("partner", String(64), nullable=False),
    Column("reviewer", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("asker", String(64), ForeignKey("partners.id"), nullable=False),
    Column("sealed_ground", LargeBinary, nullable=False, info=sealed_for("asker"), comment="the law that allows it"),
)

release_decisions = Table(
    "release_decisions",
    metadata,
    _of_a_candidate(),
    Column("granted", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("partner", String(64), nullable=False, comment="the owner of the entry"),
    Column("name", String(64), nullable=False, comment="who decided in its name"),
)

late_authorisations = Table(
    "late_authorisations",
    metadata,
    _of_a_candidate(),
    Column("granted", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False, comment="whose desk wrote it down"),
    Column("name", String(64), nullable=False),
    Column("sealed_text", LargeBinary, nullable=False, info=sealed_for("partner"), comment="authority and reference"),
)
