"""The rule book: what a request may search, and what it may see of a hit. Pure: no file, no clock, no database.

The trust rules, all of them:

1. *Default deny.* What no clause permits does not happen. An agreement speaks only where the owner of the alert and the
   asking partner are both parties to it. A partner's own alerts are no exception: it needs an agreement with itself.
2. *In force.* An agreement counts from `in_force_from` on and before `in_force_until`. Once a version that supersedes
   it comes into force it is void for good. Two versions of one agreement are never in force together.
3. *Listed words.* Permits speak only of the purposes and categories that `agreement.toml` lists. Forbids speak of all.
4. *Forbid beats permit*, across agreements: one forbid in any agreement that speaks here is enough.
5. *An error is a forbid.* Whatever Cedar cannot evaluate denies the action asked for, and is logged as a fault.
6. *Levels.* A permit to see a level includes every lower level. A forbid on a level stops that level and every higher.
7. *One agreement allows all of it.* Search and level must be permitted by the same agreement.
8. *What may not be disclosed is not compared.* A class is visible only if search is permitted and some level would be
   at the highest score, at once or after a confirmation. A rule that shows more for a lower score therefore makes
   nothing visible by itself.
9. *Level none is silence.* If the score of a hit earns no level, the hit is left out as if the alert did not exist.
10. *Handling adds up.* The codes of the alert and the obligations of every permit that helps or binds, in any
    agreement; where two differ, the strictest.
11. *The owner's own word comes first.* Whom an entry excludes, from whom it is still hidden, and whether it is for
    exercises only, is decided before any rule is asked, and no rule can change it.
12. *What waits, waits whole.* If a rule that permits a level asks for reviewers or for the owner's release, that level
    and every higher one is seen only afterwards, even if another rule would show it at once. Links and misused
    identities wait by their own permits too.
13. *Preconditions are part of a permit.* A permit to search that asks for a justification, for the owner's prior
    authorisation, or for what is left of a quota, gives nothing without it. It binds without it: its agreement's
    obligations count as if nothing were missing, so what is missing never shows more, nor shows it sooner.
14. *One's own needs no permit.* To enter an alert, to carry out an action, and to look at the samples of one's own
    alert is stopped by a forbid only; a permit adds obligations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from watchlists.agreements.actions import WITHOUT_PERMIT, WITHOUT_PURPOSE, Deed
from watchlists.agreements.calendar import Calendar, Status
from watchlists.agreements.conclusions import Conclusions
from watchlists.agreements.disclosure import NOTHING, Clause, Disclosure, tenths
from watchlists.agreements.facts import Facts, Request, entities_of
from watchlists.agreements.ladder import climb, conclude, with_action
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.memo import MEMO_CLASSES, MEMO_SETS, Memo
from watchlists.agreements.own_word import as_of, for_owner, withheld
from watchlists.agreements.panel import Panel
from watchlists.agreements.panels import Panels
from watchlists.agreements.policies import Policy
from watchlists.agreements.ruling import Ruling, rule_on
from watchlists.agreements.standing import Standing, counts, standing
from watchlists.agreements.visibility import Visibility
from watchlists.records import VisibilityClass

HIGHEST_SCORE: Final = 1000
"""Tenths: a score of 100, beyond any that a comparison can earn."""

BLANKS: Final[Mapping[str, Any]] = MappingProxyType({"case_reference": None, "checkpoint": ""})
"""What takes the place of what no rule reads."""


class RuleBook:
    """All agreements at once, immutable. Many threads may ask; a lost race over a memo costs one evaluation.

    Raises:
        AgreementInvalid: two versions of one agreement would be in force together, or one supersedes an agreement
            between others.
    """

    def __init__(self, agreements: Iterable[Agreement] = ()) -> None:
        self._calendar = Calendar(agreements)
        self.agreements = self._calendar.agreements
        reads = frozenset[str]().union(*(agreement.reads for agreement in self.agreements))
        self._unread = {name: blank for name, blank in BLANKS.items() if name not in reads}
        self._purposes = frozenset[str]().union(*(agreement.purposes for agreement in self.agreements))
        self._fingerprints = Memo[tuple[int, str], str](MEMO_SETS)
        self._read = Memo[Request, Request](MEMO_SETS)
        self._panels = Panels(self._calendar)
        self._conclusions = Conclusions()
        self._visibility = Visibility()
        self._disclosures = Memo[tuple[int, Request, VisibilityClass, int], Disclosure](MEMO_CLASSES)
        self._remains = Memo[tuple[frozenset[Agreement], int, Request, VisibilityClass, int], Disclosure](MEMO_CLASSES)

    def in_force(self, now: datetime) -> tuple[Agreement, ...]:
        """The agreements in force at `now`, which must know its time zone, by id.

        Raises:
            ValueError: `now` is naive.
        """
        return self._calendar.in_force(self._calendar.epoch(now))

    def status(self, agreement: Agreement, now: datetime) -> Status:
        """Whether an agreement of this book is in force at `now`, will be, or no longer is.

        Raises:
            ValueError: `now` is naive.
        """
        return self._calendar.status(agreement, now)

    def ends_at(self, clauses: Iterable[Clause]) -> datetime | None:
        """When the first of the agreements of these clauses ends, and what came in by it; None if none does."""
        named = {by.source for by in clauses}
        ends = (self._calendar.ends_at(agreement) for agreement in self.agreements if agreement.name in named)
        return min((moment for moment in ends if moment is not None), default=None)

    def stands(self, clauses: Iterable[Clause], now: datetime) -> bool:
        """Whether all agreements of these clauses are in force: what came in by one that has ended is void."""
        return {by.source for by in clauses} <= {each.name for each in self.in_force(now)}

    def remaining(
        self, clauses: Iterable[Clause], request: Request, klass: VisibilityClass, score: float, now: datetime
    ) -> Disclosure:
        """What is left at `now` of a disclosure that came in by these clauses, with their agreements or successors.

        The permits of no other agreement count: what an agreement has brought in ends with it, whoever else would give
        it. Forbids and obligations count as ever.
        """
        epoch, request, klass = self._calendar.epoch(now), self._as_read(request), as_of(klass, now)
        heirs = self._calendar.heirs({by.source for by in clauses}, epoch)
        if not heirs or not self.visible(request, (klass,), now):
            return NOTHING
        key = (heirs, epoch, request, klass, min(tenths(score), HIGHEST_SCORE))
        found = self._remains.get(key)
        return self._remains.keep(key, self._remain(*key)) if found is None else found

    def fingerprint(self, partner: str, now: datetime) -> str:
        """A name for everything that decides for a partner at `now`: it changes when any of that does."""
        key = (self._calendar.epoch(now), partner)
        found = self._fingerprints.get(key)
        if found is None:
            binding = [agreement for agreement in self._calendar.in_force(key[0]) if partner in agreement.parties]
            texts = "\0\0".join(agreement.text for agreement in binding)
            found = self._fingerprints.keep(key, sha256(texts.encode()).hexdigest())
        return found

    def standing(self, request: Request, now: datetime) -> Standing:
        """What the agreements in force ask of the request before anything is searched."""
        return standing(self.in_force(now), request)

    def visible(
        self, request: Request, classes: Iterable[VisibilityClass], now: datetime
    ) -> frozenset[VisibilityClass]:
        """The classes that the request may be compared with. Memoised; fastest with one and the same frozenset."""
        epoch, request = self._calendar.epoch(now), self._as_read(request)
        if request.purpose not in self._purposes:
            return frozenset()
        return self._visibility.among(frozenset(classes), epoch, request, now, self._allows)

    def disclosure(self, request: Request, klass: VisibilityClass, score: float, now: datetime) -> Disclosure:
        """What the request may see of a hit in a visible class.

        The match score, -log10(FMR), is cut to tenths before any rule reads it.

        Raises:
            ValueError: `now` is naive, or the score is not finite.
        """
        epoch, request = self._calendar.epoch(now), self._as_read(request)
        if request.purpose not in self._purposes:
            return NOTHING
        key = (epoch, request, as_of(klass, now), min(tenths(score), HIGHEST_SCORE))
        found = self._disclosures.get(key)
        if found is None:
            found = self._disclosures.keep(key, self._decide(*key))
        return found

    def ask(self, deed: Deed, request: Request, klass: VisibilityClass, now: datetime, **more: Any) -> Ruling:
        """Whether `request` may do something with an alert other than search and see it.

        The owner's own word comes first here as well; of deeds outside a check an exercise is no matter.

        Args:
            deed: what is to be done.
            request: by whom; for deeds outside a check, only partner, country, role and authority count.
            klass: with what.
            now: when; aware.
            more: what the context of that action has in the schema beside that of a check.
        """
        klass, purpose = for_owner(request, as_of(klass, now)), None if deed in WITHOUT_PURPOSE else request.purpose
        asking = replace(request, exercise=klass.conditions.exercise) if purpose is None else request
        if deed not in WITHOUT_PERMIT and withheld(asking, klass) is not None:
            return Ruling(allowed=False)
        return rule_on(deed, self._panels.of(self._calendar.epoch(now), request, klass, purpose), request, klass, more)

    def purposes_of(self, request: Request, klass: VisibilityClass, now: datetime) -> frozenset[str]:
        """The purposes for which some clause could let the partner of `request` see a hit on a class.

        What only a check itself can say (its authority, its justification, the score) counts as said. So whoever is not
        named here never sees it; whoever is may still be denied. The owner's own word comes first here as well.
        """
        epoch, klass = self._calendar.epoch(now), as_of(klass, now)
        if withheld(request, klass) is not None:
            return frozenset()
        return self._panels.purposes(epoch, request, klass)

    def speaking(self, request: Request, klass: VisibilityClass, now: datetime) -> tuple[Agreement, ...]:
        """The agreements in force between the two sides, by id."""
        return self._panels.speaking(self._calendar.epoch(now), request, klass)

    def put(self, request: Request, klass: VisibilityClass, score: float, now: datetime) -> tuple[Panel, Facts] | None:
        """The panel that decides what is seen of a hit, and the facts to put to it, for who explains the decision.

        None if no agreement has anything to say. What the owner's own word withholds is not looked at.
        """
        tenth = min(tenths(score), HIGHEST_SCORE)
        return self._put(self._calendar.epoch(now), self._as_read(request), as_of(klass, now), tenth)

    def forget(self) -> None:
        """Forget all decisions and everything they were made of, but not the rules: the next are made from scratch.

        They are the same; only slower, which a benchmark may want to know.
        """
        for memo in (self._fingerprints, self._read, self._disclosures, self._remains):
            memo.clear()
        for remembering in (self._panels, self._visibility, self._conclusions):
            remembering.forget()
        entities_of.cache_clear()

    def _allows(self, epoch: int, request: Request, klass: VisibilityClass) -> bool:
        asked = self._put(epoch, request, klass, HIGHEST_SCORE) if withheld(request, klass) is None else None
        return asked is not None and self._conclusions.allows(*asked, request, klass)

    def _decide(self, epoch: int, request: Request, klass: VisibilityClass, score: int) -> Disclosure:
        asked = self._put(epoch, request, klass, score) if withheld(request, klass) is None else None
        return NOTHING if asked is None else self._conclusions.draw(*asked, request, klass)

    def _remain(
        self, heirs: frozenset[Agreement], epoch: int, request: Request, klass: VisibilityClass, score: int
    ) -> Disclosure:
        asked = self._put(epoch, request, klass, score) if withheld(request, klass) is None else None
        if asked is None:
            return NOTHING

        def inherits(agreement: Agreement, policy: Policy) -> bool:
            return agreement in heirs and counts(request, klass.owner, agreement, policy)

        return with_action(conclude(tuple(climb(*asked, inherits)), *asked, klass), *asked, klass)

    def _put(self, epoch: int, request: Request, klass: VisibilityClass, score: int) -> tuple[Panel, Facts] | None:
        """The panel that decides and the facts to put to it; None if nothing is permitted whatever it says."""
        panel = self._panels.of(epoch, request, klass, request.purpose)
        if panel.highest is Level.NONE:
            return None
        try:
            return panel, Facts(request, klass, score)
        except ValueError:
            return None

    def _as_read(self, request: Request) -> Request:
        """The request without what no rule reads, so that checks which differ only in that share their decisions."""
        found = self._read.get(request)
        if found is None:
            found = self._read.keep(request, replace(request, **self._unread))
        return found
