"""Whether what was disclosed may be handed on to somebody else. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from watchlists.agreements.actions import Deed
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Request
from watchlists.agreements.ruling import Ruling
from watchlists.records import VisibilityClass

BY_CONSENT: Final = frozenset({Obligation.ONWARD_TRANSFER_BY_CONSENT, "tlp-red", "tlp-amber-strict", "europol-h2"})
"""Codes under which data go to nobody else unless their source says so (TLP 2.0; Europol H2: not to be disseminated
without the permission of the provider)."""


@dataclass(frozen=True, slots=True)
class Consent:
    """An owner's consent to one onward transfer, by the id under which it is on record."""

    id: str
    owner: str
    recipient: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to get the data: a partner or somebody who is none, and the state it belongs to."""

    id: str
    country: str


def may_transfer(
    rules: RuleBook,
    holder: Request,
    klass: VisibilityClass,
    handling: Collection[str],
    recipient: Recipient,
    consent: Consent | None,
    now: datetime,
) -> Ruling:
    """Decide on an onward transfer.

    1. The owner's own word: not to whom the entry excludes, nor while it is hidden.
    2. A code that forbids onward transfer, of the entry or of what was disclosed, forbids it whatever a rule says.
    3. A clause of an agreement between holder and owner must permit it.
    4. Where such a code or the clause asks for consent, there must be one on record: of this owner, for this recipient,
       not expired.

    Args:
        rules: the rule book.
        holder: who wants to hand it on.
        klass: of the entry.
        handling: codes that came with what was disclosed of it.
        recipient: who is to get it.
        consent: the owner's, if there is one.
        now: when.

    What the caller still owes: that the consent is on record, and that handling codes travel along.
    """
    conditions = klass.conditions
    withheld = {recipient.id, recipient.country} & set(conditions.excluded)
    if withheld or (conditions.hidden_until is not None and now < conditions.hidden_until):
        return Ruling(allowed=False)
    codes = {*klass.handling, *handling}
    if Obligation.NO_ONWARD_TRANSFER in codes:
        return Ruling(allowed=False)
    consented = consent is not None and _covers(consent, klass.owner, recipient.id, now)
    more = {"recipient": recipient.id, "recipient_country": recipient.country, "consent": consented}
    ruling = rules.ask(Deed.TRANSFER, holder, klass, now, purpose=holder.purpose, **more)
    forbidden = ruling.terms.has(Obligation.NO_ONWARD_TRANSFER)
    needs_consent = bool(codes & BY_CONSENT) or ruling.terms.has(Obligation.ONWARD_TRANSFER_BY_CONSENT)
    if not ruling.allowed or forbidden or (needs_consent and not consented):
        return Ruling(allowed=False, decided_by=ruling.decided_by)
    return ruling


def _covers(consent: Consent, owner: str, recipient: str, now: datetime) -> bool:
    return (consent.owner, consent.recipient) == (owner, recipient) and now < consent.until
