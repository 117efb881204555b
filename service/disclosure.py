"""From candidates to what is known of them, and to what the terminal gets to see: the rules decide, the mask cuts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from models.scores import band
from service.api.messages import CandidateMessage
from service.telemetry import log
from watchlists.agreements import (
    Disclosure,
    Extra,
    FullCandidate,
    Level,
    MaskedCandidate,
    Obligation,
    Request,
    RuleBook,
    mask,
    tenths,
)
from watchlists.errors import SealBroken
from watchlists.gallery import Candidate
from watchlists.records import EntryKey, Link, Subject, VisibilityClass
from watchlists.store import Store
from watchlists.templates import Details

NO_DETAILS = Details(Subject())
_PSEUDONYM = 24
"""Hexadecimal digits, 96 bits: two entries do not share a pseudonym by chance."""


class Entries(Protocol):
    """What disclosure reads of entries."""

    def details(self, key: EntryKey, sequence: int | None = None) -> Details:
        """Open what is sealed about people, in the version of `sequence`; EntryChanged if that is gone."""
        ...

    def classes_of(self, keys: Collection[EntryKey]) -> Mapping[EntryKey, VisibilityClass]:
        """Return the classes of those of `keys` that there are."""
        ...

    def pseudonym(self, owner: str, key: EntryKey, partner: str) -> str:
        """Return a name for the entry that `partner` recognises it by and learns nothing from."""
        ...


class StoredEntries:
    """`Entries` of a store."""

    def __init__(self, store: Store) -> None:
        self.details = store.details
        self.classes_of = store.classes_of
        self._keys = store.keys

    def pseudonym(self, owner: str, key: EntryKey, partner: str) -> str:
        named = "\0".join((key.watchlist, key.entry, partner))
        return self._keys.digest_for(owner, "pseudonym", named.encode()).hex()[:_PSEUDONYM]


@dataclass(frozen=True, slots=True)
class DisclosedCandidate:
    """One candidate of a flag: what was found, what the rules say, and what goes out; None if nothing does."""

    id: UUID
    found: Candidate
    decision: Disclosure
    message: CandidateMessage | None


def disclose(
    rules: RuleBook, asked: Request, candidates: Iterable[Candidate], entries: Entries, now: datetime
) -> tuple[DisclosedCandidate, ...]:
    """Return the candidates that somebody may know of, ordered by what is shown of them and by nothing that is not.

    Raises:
        EntryChanged: a candidate was rewritten or withdrawn since it was found.
    """
    decided = [(found, rules.disclosure(asked, found.klass, found.score, now)) for found in candidates]
    known = _capped([(found, decision) for found, decision in decided if decision.known])
    disclosing = _Disclosing(rules, asked, entries, now)
    return tuple(sorted((disclosing.disclose(*each) for each in known), key=_shown_order))


def seen_by_people(
    rules: RuleBook, asked: Request, found: Candidate, decision: Disclosure, entries: Entries, now: datetime
) -> MaskedCandidate | None:
    """Return what people of the asking side see of a candidate, be it a silent alarm; None if that is nothing.

    Raises:
        EntryChanged: the entry was rewritten or withdrawn since `found` was read.
    """
    if decision.level is Level.NONE:
        return None
    return _Disclosing(rules, asked, entries, now).masked(found, decision)


def _capped(known: Sequence[tuple[Candidate, Disclosure]]) -> Iterator[tuple[Candidate, Disclosure]]:
    """Keep of each owner's candidates the best, as many as the strictest cap among their terms allows.

    What the terminal sees and what it does not are counted apart: were they counted together, a candidate missing from
    the answer would betray a silent alarm.
    """
    caps: dict[tuple[str, bool], int] = {}
    for found, decision in known:
        cap, counted = decision.duties.count(Obligation.CANDIDATES), _counted_with(found, decision)
        if cap is not None:
            caps[counted] = min(cap, caps.get(counted, cap))
    taken = Counter[tuple[str, bool]]()
    for found, decision in sorted(known, key=lambda each: -each[0].score):
        counted = _counted_with(found, decision)
        taken[counted] += 1
        if taken[counted] <= caps.get(counted, taken[counted]):
            yield found, decision


def _counted_with(found: Candidate, decision: Disclosure) -> tuple[str, bool]:
    return found.klass.owner, decision.shown is Level.NONE


@dataclass(frozen=True, slots=True)
class _Disclosing:
    """One disclosure: all candidates of one check, under one rule book."""

    rules: RuleBook
    asked: Request
    entries: Entries
    now: datetime

    def disclose(self, found: Candidate, decision: Disclosure) -> DisclosedCandidate:
        candidate_id = uuid4()
        if decision.shown is Level.NONE:
            return DisclosedCandidate(candidate_id, found, decision, None)
        shown = self.masked(found, decision)
        message = CandidateMessage.model_validate({"candidate_id": candidate_id, "owner": found.klass.owner, **shown})
        return DisclosedCandidate(candidate_id, found, decision, message)

    def masked(self, found: Candidate, decision: Disclosure) -> MaskedCandidate:
        decision, details = self._details(found, decision)
        return mask(decision, self._full(found, decision, details))

    def _details(self, found: Candidate, decision: Disclosure) -> tuple[Disclosure, Details]:
        """Open the sealed details, only for those who may read some of them."""
        if decision.level < Level.BIOGRAPHICS and not decision.extras:
            return decision, NO_DETAILS
        try:
            return decision, self.entries.details(found.key, found.sequence)
        except SealBroken:  # one damaged row must not hide that there is a hit, nor the hits of others
            log.error("the details of a candidate do not open; it is disclosed at level alert")
            return replace(decision, level=min(decision.level, Level.ALERT), extras=frozenset()), NO_DETAILS

    def _full(self, found: Candidate, decision: Disclosure, details: Details) -> FullCandidate:
        hides = decision.terms.has(Obligation.PSEUDONYM)
        misused = details.misused_identity
        return FullCandidate(
            score=found.score,
            band=band(tenths(found.score) / 10).value,  # the score that is shown, so that the two never disagree
            reference=f"{found.key.watchlist}/{found.key.entry}",
            pseudonym=self.entries.pseudonym(found.klass.owner, found.key, self.asked.partner) if hides else "",
            category=found.klass.category,
            subject=subject_fields(details.subject),
            links=tuple(self._links(details.links, found.score)) if Extra.LINKS in decision.extras else (),
            misused_identity=None if misused is None else subject_fields(misused),
        )

    def _links(self, links: Iterable[Link], score: float) -> Iterator[dict[str, str]]:
        """The links to entries that the terminal would see by name if it had found them with this score.

        The others are left out as if they did not exist, those with a silent alarm among them.
        """
        targets = list(links)
        classes = self.entries.classes_of([link.to for link in targets])
        visible = self.rules.visible(self.asked, classes.values(), self.now)
        for link in targets:
            klass = classes.get(link.to)
            if klass is None or klass not in visible:
                continue
            seen = self.rules.disclosure(self.asked, klass, score, self.now)
            if seen.shown >= Level.REFERENCE:
                yield {"kind": link.kind.value, "reference": self._name(link.to, klass.owner, seen)}

    def _name(self, key: EntryKey, owner: str, decision: Disclosure) -> str:
        if decision.terms.has(Obligation.PSEUDONYM):
            return self.entries.pseudonym(owner, key, self.asked.partner)
        return f"{key.watchlist}/{key.entry}"


def subject_fields(subject: Subject) -> dict[str, object]:
    """Return the biographic fields by their API names."""
    return {
        "family_name": subject.family_name,
        "given_names": subject.given_names,
        "birth_date": subject.birth_date,
        "nationality": subject.nationality,
        "documents": subject.documents,
    }


def _shown_order(candidate: DisclosedCandidate) -> tuple[int, float, str]:
    """Alerts by their priority among those that are seen as such, then by the score that is shown."""
    message = candidate.message
    priority = candidate.decision.priority if message is not None and message.alert is not None else 0
    shown = message.score if message is not None else None
    return (priority, -shown if shown is not None else 0.0, str(candidate.id))
