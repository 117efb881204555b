"""An entry as it comes in and as it goes back to its owner: from the wire to a record, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from service.api.messages import SubjectMessage
from service.api.owner_messages import (
    EntryBody,
    EntryMessage,
    LinkMessage,
    NearDuplicateMessage,
    ProvenanceMessage,
    WriteAnswer,
)
from service.disclosure import subject_fields
from service.enrolment_defences import MOST_REPORTED, NearDuplicate
from service.identity import Caller
from watchlists.ages import age_on
from watchlists.records import Conditions, Entry, EntryKey, Link, Provenance, Quarantine, Subject, VisibilityClass
from watchlists.store import PutResult, StoredEntry


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write.

    Args:
        result: of the store.
        quarantine: why the entry is not searched; None if it is.
        near_duplicates: other entries of the same owner that it is like, best first.
    """

    result: PutResult
    quarantine: Quarantine | None
    near_duplicates: Sequence[NearDuplicate]


def entry_of(caller: Caller, key: EntryKey, body: EntryBody, today: date) -> Entry:
    """Return what the partner of `caller` wants to have written as `key`.

    Raises:
        InvalidInput: a moment is so far off that UTC cannot express it.
    """
    conditions = _conditions(body, today)
    return Entry(
        id=key.entry,
        klass=VisibilityClass(caller.partner, key.watchlist, body.category, body.action, body.handling, conditions),
        subject=_subject(body.subject),
        review_at=body.review_at,
        expires_at=body.expires_at,
        links=_links(body.links),
        misused_identity=None if body.misused_identity is None else _subject(body.misused_identity),
        provenance=Provenance(body.provenance.source, body.provenance.captured_at),
        author=body.author or f"{caller.partner}/{caller.name}",
    )


def written_message(entry: str, written: Written) -> WriteAnswer:
    """Return what its owner is told of a write."""
    result = written.result
    return WriteAnswer(
        entry_id=entry,
        status=result.outcome.value,
        sequence=result.sequence,
        quarantined=written.quarantine,
        near_duplicates=[
            NearDuplicateMessage(watchlist=other.key.watchlist, entry_id=other.key.entry, score=other.score)
            for other in written.near_duplicates[:MOST_REPORTED]
        ],
    )


def message_of(stored: StoredEntry) -> EntryMessage:
    """Return what the owner reads back; no template and no portrait is in it, but how many there are."""
    entry, klass, conditions = stored.entry, stored.entry.klass, stored.entry.klass.conditions
    misused, provenance = entry.misused_identity, entry.provenance
    return EntryMessage(
        watchlist=klass.watchlist,
        entry_id=entry.id,
        category=klass.category,
        action=klass.action,
        handling=list(klass.handling),
        subject=_subject_message(entry.subject),
        face_templates=len(stored.templates.faces),
        portraits=sum(portrait is not None for portrait in stored.portraits),
        author=entry.author or None,
        finger_positions=[finger.position for finger in stored.templates.fingers],
        review_at=entry.review_at,
        expires_at=entry.expires_at,
        excluded=list(conditions.excluded),
        flagged_by=list(conditions.flagged_by),
        hidden_until=conditions.hidden_until,
        age=conditions.age,
        in_child_interest=conditions.in_child_interest,
        gravity_months=conditions.gravity,
        contested=conditions.contested,
        exercise=conditions.exercise,
        links=[LinkMessage(kind=link.kind, watchlist=link.to.watchlist, entry=link.to.entry) for link in entry.links],
        misused_identity=None if misused is None else _subject_message(misused),
        provenance=None if provenance is None else _provenance_message(provenance),
        quarantined=conditions.quarantine,
        sequence=stored.sequence,
    )


def _conditions(body: EntryBody, today: date) -> Conditions:
    return Conditions(
        excluded=body.excluded,
        flagged_by=body.flagged_by,
        hidden_until=body.hidden_until,
        age=age_on(body.subject.birth_date, today),
        in_child_interest=body.in_child_interest,
        gravity=body.gravity_months,
        contested=body.contested,
        exercise=body.exercise,
    )


def _links(messages: tuple[LinkMessage, ...]) -> tuple[Link, ...]:
    """Return the links in one order, so that sending them in another changes nothing."""
    links = {Link(message.kind, EntryKey(message.watchlist, message.entry)) for message in messages}
    return tuple(sorted(links, key=lambda link: (link.kind, link.to)))


def _subject(message: SubjectMessage) -> Subject:
    return Subject(**message.model_dump())


def _subject_message(subject: Subject) -> SubjectMessage:
    return SubjectMessage.model_validate(subject_fields(subject))


def _provenance_message(provenance: Provenance) -> ProvenanceMessage:
    captured_at = provenance.captured_at
    fields = {"source": provenance.source, "captured_at": None if captured_at is None else captured_at.isoformat()}
    return ProvenanceMessage.model_validate(fields)
