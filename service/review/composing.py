"""One candidate as one reviewer may see it now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from service.duties import Duties
from service.identity import Caller
from service.review.cases import CaseFile
from service.review.flag_state import NEVER
from service.review.history import visible_verdicts
from service.review.reading import Reading
from service.review.seeing import Eyes, Sight, seen_of
from service.review.views import CandidateView, Deciding, Demanded, OwedView, VerdictView, WhyNot
from service.review.waivers import may_waive
from service.review.words import SEALED_GROUND, SEALED_REASON, Words
from service.validity import Standing
from watchlists.agreements import Obligation
from watchlists.agreements.release import ReleaseState, Settlement

BY_OWNER: Final = Obligation.RELEASE_BY_OWNER
NOTHING_LEFT: Final = frozenset({ReleaseState.NOTHING_WAITS, ReleaseState.RELEASED})
"""Where nothing is left of what the rules ask for before everything is seen."""


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes views of candidates for `reader` at `now`, in one read of the database."""

    reading: Reading
    duties: Duties
    eyes: Eyes
    words: Words
    connection: Connection
    reader: Caller
    now: datetime

    def candidate(self, case: CaseFile, standing: Standing | None) -> CandidateView:
        """Return the view of a candidate; of one that does not stand, what accountability needs and no more.

        Raises:
            EntryChanged, UnknownEntry: the entry was written or withdrawn at this very moment.
        """
        sight = Sight() if standing is None else self.eyes.look(standing, case.sequence_now, self.now)
        release = case.release(self.now)
        owed = () if standing is None else self._owed(case)
        why_not = self._why_not(case, stands=standing is not None)
        done = case.settlement is Settlement.SAME_PERSON and release in NOTHING_LEFT
        return CandidateView(
            id=UUID(case.id),
            owner=case.owner,
            seen=None if standing is None else seen_of(sight, standing),
            later=sight.later,
            decided_by=self._deciding(case),
            duties=case.terms.texts,
            owed=owed,
            demanded=self._demanded(case),
            review=case.settlement if self._may_know(case) else Settlement.OPEN,
            release=release,
            verdicts=tuple(self._verdicts(case, stands=standing is not None)),
            why_not=why_not,
            may_waive=standing is not None and may_waive(case) and not case.is_author(self.reader),
            may_authorise=self._may_authorise(case, owed),
            action=sight.action if done else None,
            action_waits=sight.action is not None and not done,
            silent=case.silent,
            withdrawn=sight.gone,
            changed=case.sequence is not None and case.sequence_now not in (None, case.sequence),
            voided_at=case.voided_at,
        )

    def _may_know(self, case: CaseFile) -> bool:
        """A reader who knows of no verdict but their own knows of no settlement either."""
        return len(visible_verdicts(case, self.reader)) == len(case.said)

    def _deciding(self, case: CaseFile) -> tuple[Deciding, ...]:
        titles = {agreement.name: agreement.title for agreement in self.reading.rules().agreements}
        return tuple(Deciding(clause, titles.get(clause.source)) for clause in case.decided_by)

    def _owed(self, case: CaseFile) -> tuple[OwedView, ...]:
        owed = self.duties.unsettled(self.connection, UUID(case.id), self.now)
        return tuple(
            OwedView(each.obligation, each.due_at, case.owner if each.obligation is BY_OWNER else case.partner)
            for each in sorted(owed, key=lambda each: each.due_at or NEVER)
        )

    def _demanded(self, case: CaseFile) -> Demanded:
        reviewers, waived = case.terms.reviewers, case.waived
        ground = None
        if waived is not None:
            by = waived.partner, waived.reviewer
            ground = self.words.open(self.connection, SEALED_GROUND, case, by, waived.sealed_ground)
        return Demanded(case.needed, reviewers.count, reviewers.waivable, waived is not None, ground)

    def _verdicts(self, case: CaseFile, *, stands: bool) -> Iterator[VerdictView]:
        """With what they say in their own words only where the candidate stands: it tells of what was disclosed."""
        own = case.said_by(self.reader)
        for said in visible_verdicts(case, self.reader):
            reason = None
            if stands and said.sealed_reason is not None:
                by = said.partner, said.reviewer
                reason = self.words.open(self.connection, SEALED_REASON, case, by, said.sealed_reason)
            yield VerdictView(said.partner, said.reviewer, said.kind, said.at, reason, said is own)

    def _why_not(self, case: CaseFile, *, stands: bool) -> WhyNot | None:
        if not stands:
            return WhyNot.VOID
        if case.said_by(self.reader) is not None:
            return WhyNot.GIVEN
        if case.is_author(self.reader):
            return WhyNot.AUTHOR
        return WhyNot.SETTLED if case.settlement.final else None

    def _may_authorise(self, case: CaseFile, owed: tuple[OwedView, ...]) -> bool:
        waits = any(each.obligation is Obligation.EX_POST_AUTHORISATION for each in owed)
        return waits and self.reader.partner == case.partner
