"""Tables of the service side, beside those of the watchlists in the same database."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
    text,
)

from service import machine_schema, review_schema, user_schema, webhook_schema  # noqa: F401 -- they declare tables
from watchlists.schema import NOT_IN_BACKUPS, UtcDateTime, metadata, sealed_for

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
    Column("sealed_answer", LargeBinary, nullable=False, info=sealed_for("partner"), comment="what was disclosed"),
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
    Column("exercise", Boolean, nullable=False, server_default=false()),
    Column("asked", JSON, nullable=False, server_default="{}", comment="service.flagged.AskedAs"),
    Column("overdue_at", UtcDateTime, comment="when a confirmation did not come in time"),
    Column("terminal", String(64), comment="name of who asked; null of old flags"),
    Column("emergency", Boolean, nullable=False, server_default=false()),
    Column("samples", JSON, nullable=False, server_default="[]", comment="service.flagged.SampleNote"),
    Column("log_for", Integer, comment="seconds that the log keeps what it says of the review; null for ever"),
    Column("desk", String(64), comment="the agreement that alone decided on all candidates, which may share the flag"),
    Column("state", String(16), nullable=False, server_default="open", comment="service.review.views.FlagState"),
    Column("rank", Integer, nullable=False, server_default="3", comment="0 is to be looked at first"),
    Column("queued_at", UtcDateTime, comment="its deadline, or when it was settled; always set"),
    Index("flags_by_partner", "partner", "opened_at"),
    Index("flags_by_check", "partner", "check_id"),
    Index("flags_queued", "partner", "exercise", "state", "rank", "queued_at", "id"),
    Index("flags_on_desk", "desk", "partner", "exercise", "state", "rank", "queued_at", "id"),
)

flag_candidates = Table(
    "flag_candidates",
    metadata,
    Column("candidate_id", String(36), primary_key=True),
    Column("flag_id", String(36), ForeignKey("flags.id"), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("watchlist", String(64), comment="null once it is purged, like entry and score"),
    Column("entry", String(64)),
    Column("score", Float, comment="-log10(FMR)"),
    Column("level", String(16), nullable=False),
    Column("decided_by", JSON, nullable=False, comment="agreement, version and clause of each deciding rule"),
    Column("terms", JSON, nullable=False, server_default="[]", comment="texts of the duties, now and later"),
    Column("later_level", String(16), comment="what may be seen after a confirmation; null once that has lapsed"),
    Column("silent", Boolean, nullable=False, server_default=false(), comment="the terminal sees nothing of it"),
    Column("voided_at", UtcDateTime, comment="what was disclosed is purged"),
    Column("face", Float, comment="score of the face alone; null if it was not compared, or is purged"),
    Column("finger", Float, comment="score of the fingers alone, likewise"),
    Column("sequence", BigInteger, comment="of the change that wrote the entry as it was compared; null of old flags"),
    Column("review", String(16), nullable=False, server_default="open", comment="agreements.release.Settlement"),
    Column("reviewed_at", UtcDateTime, comment="when people have settled it"),
    Column("released_at", UtcDateTime, comment="since when the later level is seen"),
    Index("flag_candidates_by_flag", "flag_id"),
    Index("flag_candidates_by_owner", "owner", "voided_at"),
)

flags_to_open = Table(
    "flags_to_open",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, comment="in order of the checks"),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False, comment="who asked"),
    Column("check_id", String(36), nullable=False),
    Column("sealed", LargeBinary, nullable=False, info=sealed_for("partner"), comment="one size, whatever was found"),
    sqlite_autoincrement=True,
)

kept_probes = Table(
    "kept_probes",
    metadata,
    Column("flag_id", String(36), ForeignKey("flags.id"), primary_key=True),
    Column("keeper", String(64), ForeignKey("partners.id"), primary_key=True, comment="who may look at it"),
    Column("until", UtcDateTime, nullable=False, comment="when it is destroyed, if the flag is not closed before"),
    Column("decided_by", JSON, nullable=False, comment="agreement, version and clause of each rule that allows it"),
    Column("log_until", UtcDateTime, comment="when what the audit log says of it is deleted; null to keep it"),
    Column("sealed", LargeBinary, nullable=False, info=sealed_for("keeper"), comment="the data key of its parts"),
    Index("kept_probes_by_end", "until"),
    info={NOT_IN_BACKUPS: True},
)

kept_probe_parts = Table(
    "kept_probe_parts",
    metadata,
    Column("flag_id", String(36), primary_key=True, comment="of a flag; or of a process, for its noise"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False, comment="all of one size; image and minutiae, or noise"),
    Column("written_at", UtcDateTime, nullable=False),
    info={NOT_IN_BACKUPS: True},
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False, comment="entries; its row is locked from the append to the commit"),
    Column("last_at", UtcDateTime, comment="of the last entry, or of the last head if that is later"),
    Column("frontier", LargeBinary, nullable=False, comment="service.audit.tree.Frontier"),
    Column("signing_key", String(64), nullable=False, comment="id of the key in use"),
    CheckConstraint("id = 1", name="single_row"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="in commit order, without gaps"),
    Column("at", UtcDateTime, nullable=False, comment="never before the one in front of it"),
    Column("kind", String(32), nullable=False, comment="service.audit.EventKind"),
    Column("partner", String(64), comment="of the actor; null for the operator of the node"),
    Column("keep_until", UtcDateTime, comment="when its payload is deleted; null if it is kept"),
    Column("commitment", LargeBinary(32), nullable=False, comment="SHA-256 of its payload"),
    Column("leaf", LargeBinary(32), nullable=False, comment="its hash in the tree, of all of the above"),
    Column("signing_key", String(64), nullable=False),
    Column("signature", LargeBinary(64), nullable=False, comment="of the promise, see service.audit.Receipt"),
    Index("audit_events_by_partner", "partner", "at"),
)

audit_payloads = Table(
    "audit_payloads",
    metadata,
    Column("number", BigInteger, ForeignKey("audit_events.number"), primary_key=True, autoincrement=False),
    Column("owner", String(64), nullable=False, comment="whose key it is sealed under"),
    Column("keep_until", UtcDateTime, comment="as its event has it"),
    Column("sealed", LargeBinary, nullable=False, info=sealed_for("owner"), comment="in one of few sizes"),
    Index(
        "audit_payloads_by_end",
        "keep_until",
        sqlite_where=text("keep_until IS NOT NULL"),
        postgresql_where=text("keep_until IS NOT NULL"),
    ),
)

audit_nodes = Table(
    "audit_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False, comment="8, 16, 24 ..."),
    Column("place", BigInteger, primary_key=True, autoincrement=False, comment="from 0, among those of its level"),
    Column("hash", LargeBinary(32), nullable=False, comment="of a complete subtree, so that proofs are quick"),
)

audit_parts = Table(
    "audit_parts",
    metadata,
    Column("partner", String(64), primary_key=True, comment="of the actors; the node for the operator"),
    Column("size", BigInteger, nullable=False, comment="entries"),
    Column("frontier", LargeBinary, nullable=False, comment="service.audit.tree.Frontier, of these entries alone"),
    Column("kept_size", BigInteger, nullable=False, comment="as the newest head commits to it; 0 if it does not"),
    Column("kept_root", LargeBinary(32), nullable=False),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("parts", LargeBinary(32), comment="root of the tree of the parts; null in heads of before there were any"),
    Column("signing_key", String(64), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)

audit_keys = Table(
    "audit_keys",
    metadata,
    Column("keyid", String(64), primary_key=True),
    Column("owner", String(64), ForeignKey("partners.id"), nullable=False, comment="the node"),
    Column("sealed_key", LargeBinary, nullable=False, info=sealed_for("owner"), comment="Ed25519"),
    Column("made_at", UtcDateTime, nullable=False),
)

audit_witnesses = Table(
    "audit_witnesses",
    metadata,
    Column("keyid", String(64), primary_key=True),
    Column("partner", String(64), ForeignKey("partners.id"), nullable=False),
    Column("public", String(64), nullable=False, comment="Ed25519, in hexadecimal"),
    Column("registered_at", UtcDateTime, nullable=False),
    Column("withdrawn_at", UtcDateTime),
)

audit_countersignatures = Table(
    "audit_countersignatures",
    metadata,
    Column("size", BigInteger, ForeignKey("audit_heads.size"), primary_key=True, autoincrement=False),
    Column("keyid", String(64), ForeignKey("audit_witnesses.keyid"), primary_key=True),
    Column("signature", LargeBinary(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

audit_events_before = Table(
    "audit_events_before",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("partner", String(64)),
    Column("actor", String(64), nullable=False),
    Column("details", JSON, nullable=False, comment="of before the tree; at the next start it is emptied into it"),
)

notices = Table(
    "notices",
    metadata,
    Column("partner", String(64), ForeignKey("partners.id"), primary_key=True, comment="who is told"),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="of this partner alone, without gaps"),
    Column("kind", String(32), nullable=False, comment="service.notices.NoticeKind"),
    Column("at", UtcDateTime, nullable=False),
    Column("details", JSON, nullable=False, comment="never a biometric or biographic value"),
    Column("sealed_text", LargeBinary, info=sealed_for("partner"), comment="such as a case reference"),
    Column("once", String(64), comment="what it is about, if that is to be told one time only"),
    Index("notices_once", "partner", "kind", "once", unique=True),
    Index("notices_by_age", "at"),
)

authorisations = Table(
    "authorisations",
    metadata,
    Column("owner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("id", String(36), primary_key=True, comment="chosen by the owner"),
    Column("partner", String(64), nullable=False, comment="who may, whether or not there is such a partner here"),
    Column("purpose", String(64), nullable=False),
    Column("exercise", Boolean, nullable=False, server_default=false(), comment="of exercises, and only there"),
    Column("case_digest", LargeBinary(32), nullable=False, comment="of the case reference, keyed by the owner"),
    Column("granted_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False, comment="granted_at: it was declined"),
    Column("withdrawn_at", UtcDateTime),
    Index("authorisations_by_case", "partner", "purpose", "case_digest"),
)

emergencies = Table(
    "emergencies",
    metadata,
    Column("partner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("id", String(36), primary_key=True, comment="chosen by whoever declares it"),
    Column("declared_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, comment="before its time"),
    Column("sealed_justification", LargeBinary, nullable=False, info=sealed_for("partner")),
)

quota_uses = Table(
    "quota_uses",
    metadata,
    Column("agreement", String(64), primary_key=True),
    Column("partner", String(64), ForeignKey("partners.id"), primary_key=True),
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("exercise", Boolean, primary_key=True, comment="searches in exercises are counted by themselves"),
    Column("used", Integer, nullable=False),
)

duties = Table(
    "duties",
    metadata,
    Column("candidate_id", String(36), ForeignKey("flag_candidates.candidate_id"), primary_key=True),
    Column("obligation", String(32), primary_key=True),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, comment="null if there is no hurry"),
    Column("settled_at", UtcDateTime),
    Column("lapsed_at", UtcDateTime, comment="when it took effect that nobody settled it in time"),
    Column("escalate_at", UtcDateTime, comment="when somebody is reminded of it next; null if nobody is"),
    Column("escalations", Integer, nullable=False, server_default="0", comment="1 at half of its time, 2 near its end"),
    Column("escalated_at", UtcDateTime, comment="the last time"),
    Index("duties_by_deadline", "settled_at", "lapsed_at", "due_at"),
    Index("duties_to_escalate", "escalate_at"),
)

wipes_due = Table(
    "wipes_due",
    metadata,
    Column("of_table", String(64), primary_key=True, comment="whose deleted bytes may still be in the files"),
    Column("since", UtcDateTime, nullable=False),
)
