"""What of a candidate people of the asking side may see, now and later.

Never more than was decided at the check, and never more than the rules in force still allow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from models.calibration import Band
from models.samples import Modality
from service.disclosure import Entries, seen_by_people
from service.review.views import LaterView, ScoreView, Seen
from service.validity import Shown, Standing
from watchlists.agreements import NOTHING, Disclosure, Later, Level, MaskedCandidate, Obligation, RuleBook, Terms
from watchlists.agreements.disclosure import NO_ACTION, shown_score
from watchlists.agreements.release import released
from watchlists.gallery import Candidate


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of a candidate.

    Args:
        masked: all fields, with the action, whether or not it may be shown yet; None if nothing is seen.
        disclosure: that the mask was cut by.
        later: what is seen later, if that is more.
        gone: the entry is withdrawn, or has expired.
    """

    masked: MaskedCandidate | None = None
    disclosure: Disclosure = NOTHING
    later: LaterView | None = None
    gone: bool = False

    @property
    def action(self) -> str | None:
        """What is to be done, whether or not it may be shown yet; None if that is not seen, or there is nothing."""
        alert = None if self.masked is None else self.masked["alert"]
        return None if alert is None or alert["action"] == NO_ACTION else alert["action"]


class Eyes:
    """Looks at candidates with the rules in force."""

    def __init__(self, rules: Callable[[], RuleBook], entries: Entries) -> None:
        self._rules = rules
        self._entries = entries

    def look(self, candidate: Standing, sequence: int | None, now: datetime) -> Sight:
        """Return what is seen of a candidate that stands.

        Args:
            candidate: that stands.
            sequence: of the change that wrote its entry as it is now; None if it is withdrawn: nothing is seen of it.
            now: when; aware.

        Raises:
            EntryChanged: the entry was written again at this very moment.
        """
        klass = self._entries.classes_of([candidate.key]).get(candidate.key)
        if klass is None or sequence is None:
            return Sight(gone=True)
        rules = self._rules()
        left = rules.remaining(candidate.decided_by, candidate.asked, klass, candidate.score, now)
        decision = capped(left, candidate.shown)
        later = decision.later
        if candidate.released:
            decision, later = released(decision), None
        found = Candidate(candidate.key, klass, sequence, candidate.score, candidate.face, candidate.finger)
        masked = seen_by_people(rules, candidate.asked, found, decision, self._entries, now)
        waits = None if later is None else LaterView(later.level.word, later.terms.has(Obligation.RELEASE_BY_OWNER))
        return Sight(masked, decision, waits)


def capped(decision: Disclosure, shown: Shown) -> Disclosure:
    """Cut what the rules allow now down to what was decided at the check."""
    level = min(decision.level, shown.level)
    extras = decision.extras if level >= Level.ALERT else frozenset()
    later = decision.later or Later(
        decision.level, decision.handling, decision.decided_by, decision.terms, decision.extras
    )
    most = Level.NONE if shown.later is None else min(later.level, shown.later)
    beside = later.extras if most >= Level.ALERT else frozenset()
    waits = most > level or beside > extras
    later = replace(later, level=most, extras=beside)
    return replace(decision, level=level, extras=extras, later=later if waits else None)


def seen_of(sight: Sight, candidate: Standing) -> Seen | None:
    """Return the fields that are seen, the scores in the form that the rules allow."""
    masked = sight.masked
    if masked is None:
        return None
    links, alert, band = masked["links"], masked["alert"], masked["band"]
    return Seen(
        level=masked["level"],
        band=None if band is None else Band(band),
        scores=_scores(masked, candidate, sight.disclosure.terms),
        reference=masked["reference"],
        category=None if alert is None else alert["category"],
        subject=masked["subject"],
        links=None if links is None else tuple(links),
        misused_identity=masked["misused_identity"],
        handling=tuple(masked["handling"]),
    )


def _scores(masked: MaskedCandidate, candidate: Standing, terms: Terms) -> tuple[ScoreView, ...]:
    """The score of all, then of each modality, where the level shows a score: all in the same form."""
    if masked["score"] is None:
        return ()
    scores = ((None, candidate.score), (Modality.FACE, candidate.face), (Modality.FINGERPRINT, candidate.finger))
    shown = [(of, shown_score(score, terms.score_form)) for of, score in scores if score is not None]
    return tuple(ScoreView(of, score, round(10**score)) for of, score in shown if score is not None)
