"""Whether what was disclosed may be handed on to somebody else. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchlists.agreements.actions import Deed
from watchlists.agreements.decide import RuleBook, Ruling
from watchlists.agreements.duties import Obligation
from watchlists.agreements.facts import Request
from watchlists.records import VisibilityClass


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
    recipient: Recipient,
    consent: Consent | None,
    now: datetime,
) -> Ruling:
    """Decide on an onward transfer.

    1. The owner's own word: not to whom the entry excludes, nor while it is hidden.
    2. A code that forbids onward transfer, on the entry, forbids it whatever a rule says.
    3. A clause of an agreement between holder and owner must permit it.
    4. Where the clause asks for consent, there must be one on record: of this owner, for this recipient, not expired.

    What the caller still owes: that the consent is on record, and that handling codes travel along.
    """
    conditions = klass.conditions
    withheld = {recipient.id, recipient.country} & set(conditions.excluded)
    if withheld or (conditions.hidden_until is not None and now < conditions.hidden_until):
        return Ruling(allowed=False)
    if Obligation.NO_ONWARD_TRANSFER in klass.handling:
        return Ruling(allowed=False)
    consented = consent is not None and _covers(consent, klass.owner, recipient.id, now)
    more = {"recipient": recipient.id, "recipient_country": recipient.country, "consent": consented}
    ruling = rules.ask(Deed.TRANSFER, holder, klass, now, purpose=holder.purpose, **more)
    forbidden = ruling.terms.has(Obligation.NO_ONWARD_TRANSFER)
    unconsented = ruling.terms.has(Obligation.ONWARD_TRANSFER_BY_CONSENT) and not consented
    if not ruling.allowed or forbidden or unconsented:
        return Ruling(allowed=False, decided_by=ruling.decided_by)
    return ruling


def _covers(consent: Consent, owner: str, recipient: str, now: datetime) -> bool:
    return (consent.owner, consent.recipient) == (owner, recipient) and now < consent.until
