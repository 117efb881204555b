"""What a page does at its receiver: entries that arrive, opened and allowed, and entries that depart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from models.hubs import is_like_everybody
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.facts import Request
from watchlists.feed.content import EntryCopy, open_copy
from watchlists.feed.errors import FeedContentAltered, FeedNotAllowed, FeedWrongReceiver
from watchlists.feed.messages import Page, Put, Withdraw
from watchlists.feed.residency import Leave, leave_at
from watchlists.records import Entry, Quarantine, Templates


@dataclass(frozen=True, slots=True)
class Receiver:
    """A node: who it is to the rules, and its keys by id, older ones too while contents may be sealed to them."""

    node: Request
    keys: Mapping[str, X25519PrivateKey] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry that came; its `expires_at` is when this copy of it must be gone.

    One that is like everybody comes in quarantine.
    """

    sequence: int
    entry: Entry
    templates: Templates = field(repr=False)


@dataclass(frozen=True, slots=True)
class Departure:
    """An entry that must go, with its data key; the receiver may not have it."""

    sequence: int
    entry: str


def effects(
    page: Page, sealed: Mapping[int, bytes], receiver: Receiver, rules: RuleBook, now: datetime
) -> tuple[Arrival | Departure, ...]:
    """Return what a page does, in order; a put whose content was left out does nothing.

    Raises:
        FeedWrongReceiver, FeedContentAltered, FeedContentUnreadable, FeedNotAllowed: an entry of it cannot be taken.
    """
    may_come = leave_at(rules, receiver.node, now)
    found: list[Arrival | Departure] = []
    for change in page.changes:
        if isinstance(change, Withdraw):
            found.append(Departure(change.sequence, change.entry))
        elif isinstance(change, Put) and change.sequence in sealed:
            copy = _opened(page, change, sealed[change.sequence], receiver)
            found.append(_arrival(change.sequence, copy, page.published, may_come(copy.entry.klass)))
    return tuple(found)


def _opened(page: Page, put: Put, sealed: bytes, receiver: Receiver) -> EntryCopy:
    if sha256(sealed).hexdigest() != put.digest:
        raise FeedContentAltered(f"the content of change {put.sequence} is not the one that was signed")
    key = receiver.keys.get(page.sealed_to)
    if key is None:
        raise FeedWrongReceiver(f"page {page.number} is sealed to key {page.sealed_to[:16]}, which is not here")
    return open_copy(sealed, page.feed, put.entry, put.sequence, key)


def _arrival(sequence: int, copy: EntryCopy, published: datetime, going: Leave) -> Arrival:
    if not going.allowed:
        raise FeedNotAllowed(f"change {sequence} is an entry that no agreement lets this node have")
    limits = [copy.entry.expires_at, copy.until, None if going.life is None else published + going.life]
    expires_at = min((limit for limit in limits if limit is not None), default=None)
    return Arrival(sequence, replace(_defended(copy), expires_at=expires_at), copy.templates)


def _defended(copy: EntryCopy) -> Entry:
    """Return the entry, kept from searches here if a face of it would be found whoever stands there.

    Its owner may have overruled that at home, or not asked: what this node's searches find, this node answers for.
    """
    if not any(is_like_everybody(face.model, face.vector) for face in copy.templates.faces):
        return copy.entry
    klass = copy.entry.klass
    conditions = replace(klass.conditions, quarantine=Quarantine.FACE_LIKE_EVERYBODY)
    return replace(copy.entry, klass=replace(klass, conditions=conditions))
