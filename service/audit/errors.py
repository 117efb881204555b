"""What can go wrong with the audit log, apart from what `crosscheck audit verify` finds."""

from __future__ import annotations

from models.errors import CrosscheckError, InvalidInput


class HeadUnknown(CrosscheckError):
    slug = "unknown-head"
    hint = "Ask for GET /v1/audit/heads/latest; a new head is signed within seconds of a new entry."


class EntryUnknown(CrosscheckError):
    slug = "unknown-audit-entry"
    hint = "Check the hash: it is `leaf` of a receipt. Auditors see the entries of their own partner."


class WitnessUnknown(CrosscheckError):
    slug = "unknown-witness"
    hint = "Have the operator register the key: crosscheck audit witness add PARTNER KEY."


class WitnessInvalid(InvalidInput):
    slug = "witness-key"
    hint = "Give the Ed25519 public key of the partner: 64 hexadecimal digits."


class CountersignatureWrong(InvalidInput):
    slug = "countersignature-wrong"
    hint = "Sign the head exactly as it was served; docs/audit.md says which bytes."


class AuditFileInvalid(CrosscheckError):
    slug = "audit-file"
    hint = "Give a file that `crosscheck audit export`, `head` or `key` wrote, or an answer with a receipt."
