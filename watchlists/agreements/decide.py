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
   at the highest score. A rule that shows more for a lower score therefore makes nothing visible by itself.
9. *Level none is silence.* If the score of a hit earns no level, the hit is left out as if the alert did not exist.
10. *Handling adds up.* The codes of the alert and the obligations of every permit that helped, in any agreement.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeVar

from watchlists.agreements.disclosure import NOTHING, Clause, Disclosure, Level, tenths
from watchlists.agreements.facts import Facts, Request
from watchlists.agreements.load import Agreement
from watchlists.agreements.panel import Panel, Permits
from watchlists.agreements.policies import SEARCH, SEE
from watchlists.errors import AgreementInvalid
from watchlists.records import VisibilityClass

HIGHEST_SCORE: Final = 1000
"""Tenths: a score of 100, beyond any that a comparison can earn."""

MEMO_CLASSES: Final = 200_000
MEMO_SETS: Final = 512
"""Entries after which a memo is emptied, so that requests cannot fill the memory with contexts of their own making."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class RuleBook:
    """All agreements at once, immutable. Many threads may ask; a lost race over a memo costs one evaluation.

    Raises:
        AgreementInvalid: two versions of one agreement would be in force together, or one supersedes an agreement
            between others.
    """

    def __init__(self, agreements: Iterable[Agreement] = ()) -> None:
        self.agreements = tuple(sorted(agreements, key=lambda agreement: (agreement.id, agreement.version)))
        _check_succession(self.agreements)
        moments = {agreement.in_force_from for agreement in self.agreements}
        moments |= {agreement.in_force_until for agreement in self.agreements if agreement.in_force_until is not None}
        self._moments = sorted(moments)
        self._epochs = [self._in_force(None), *(self._in_force(moment) for moment in self._moments)]
        for in_force in self._epochs:
            _check_versions(in_force)
        reads = frozenset[str]().union(*(agreement.reads for agreement in self.agreements))
        self._reads_case, self._reads_checkpoint = "case_reference" in reads, "checkpoint" in reads
        self._purposes = frozenset[str]().union(*(agreement.purposes for agreement in self.agreements))
        self._panels: dict[tuple[tuple[Agreement, ...], frozenset[Agreement], str], Panel] = {}
        self._visible: dict[tuple[int, Request, VisibilityClass], bool] = {}
        self._visible_sets: dict[tuple[int, Request, frozenset[VisibilityClass]], frozenset[VisibilityClass]] = {}
        self._disclosures: dict[tuple[int, Request, VisibilityClass, int], Disclosure] = {}

    def in_force(self, now: datetime) -> tuple[Agreement, ...]:
        """The agreements in force at `now`, which must know its time zone, by id.

        Raises:
            ValueError: `now` is naive.
        """
        return self._epochs[self._epoch(now)]

    def visible(
        self, request: Request, classes: Iterable[VisibilityClass], now: datetime
    ) -> frozenset[VisibilityClass]:
        """The classes that the request may be compared with. Memoised; fastest with one and the same frozenset."""
        epoch, request = self._epoch(now), self._as_read(request)
        if request.purpose not in self._purposes:
            return frozenset()
        asked = frozenset(classes)
        key = (epoch, request, asked)
        found = self._visible_sets.get(key)
        if found is None:
            found = frozenset(klass for klass in asked if self._is_visible(epoch, request, klass))
            _remember(self._visible_sets, key, found, MEMO_SETS)
        return found

    def disclosure(self, request: Request, klass: VisibilityClass, score: float, now: datetime) -> Disclosure:
        """What the request may see of a hit in a visible class.

        The match score, -log10(FMR), is cut to tenths before any rule reads it.

        Raises:
            ValueError: `now` is naive, or the score is not finite.
        """
        epoch, request = self._epoch(now), self._as_read(request)
        if request.purpose not in self._purposes:
            return NOTHING
        key = (epoch, request, klass, min(tenths(score), HIGHEST_SCORE))
        found = self._disclosures.get(key)
        if found is None:
            asked = self._put(*key)
            found = NOTHING if asked is None else _decide(*asked, klass)
            _remember(self._disclosures, key, found, MEMO_CLASSES)
        return found

    def _is_visible(self, epoch: int, request: Request, klass: VisibilityClass) -> bool:
        key = (epoch, request, klass)
        found = self._visible.get(key)
        if found is None:
            asked = self._put(*key, HIGHEST_SCORE)
            found = asked is not None and _may_see(*asked)
            _remember(self._visible, key, found, MEMO_CLASSES)
        return found

    def _put(self, epoch: int, request: Request, klass: VisibilityClass, score: int) -> tuple[Panel, Facts] | None:
        """The panel that decides and the facts to put to it; None if nobody can permit anything."""
        parties = {request.partner, klass.owner}
        speaking = tuple(agreement for agreement in self._epochs[epoch] if parties <= agreement.parties)
        applying = frozenset(agreement for agreement in speaking if agreement.lists(request.purpose, klass.category))
        if not applying:
            return None
        panel = self._panels.get((speaking, applying, request.purpose))
        if panel is None:
            panel = self._panels[speaking, applying, request.purpose] = Panel(speaking, applying, request.purpose)
        try:
            return panel, Facts(request, klass, score)
        except ValueError:
            return None

    def _epoch(self, now: datetime) -> int:
        if now.tzinfo is None:
            raise ValueError("the moment of a decision must know its time zone")
        return bisect_right(self._moments, now)

    def _in_force(self, moment: datetime | None) -> tuple[Agreement, ...]:
        if moment is None:
            return ()
        begun = {
            name for agreement in self.agreements if agreement.in_force_from <= moment for name in agreement.supersedes
        }
        return tuple(each for each in self.agreements if each.in_force(moment) and each.name not in begun)

    def _as_read(self, request: Request) -> Request:
        """The request without what no rule reads, so that checks which differ only in that share their decisions."""
        if not self._reads_checkpoint or not self._reads_case:
            case_reference = request.case_reference if self._reads_case else None
            checkpoint = request.checkpoint if self._reads_checkpoint else ""
            return replace(request, case_reference=case_reference, checkpoint=checkpoint)
        return request


def _check_succession(agreements: tuple[Agreement, ...]) -> None:
    by_name = {agreement.name: agreement for agreement in agreements}
    if len(by_name) != len(agreements):
        raise AgreementInvalid(
            "agreements", "the same version of an agreement is there twice", hint="Remove one of the folders."
        )
    for agreement in agreements:
        for name in agreement.supersedes & by_name.keys():
            if not by_name[name].parties <= agreement.parties:
                raise AgreementInvalid(
                    agreement.name, f"cannot supersede {name}: not all of its parties are parties here"
                )


def _check_versions(in_force: Iterable[Agreement]) -> None:
    for earlier, later in pairwise(in_force):
        if earlier.id == later.id:
            hint = f'Add supersedes = ["{earlier.name}"] to the later version, or end the earlier one before it begins.'
            raise AgreementInvalid(later.name, f"would be in force together with {earlier.name}", hint=hint)


def _ladder(panel: Panel, facts: Facts) -> Iterator[tuple[Level, Permits]]:
    """Climb the levels, lowest first, until one is vetoed. Rung `NONE` is the search; nothing if that is not permitted.

    Of each rung, the permits of the agreements that permit the search as well; rungs without any are left out.
    """
    search = panel.ask(SEARCH, facts)
    if not search:
        return
    yield Level.NONE, search
    for level, action in SEE.items():
        permits = panel.ask(action, facts)
        if permits is None:
            return
        if both := {agreement: matched for agreement, matched in permits.items() if agreement in search}:
            yield level, both


def _may_see(panel: Panel, facts: Facts) -> bool:
    return any(level is not Level.NONE for level, _ in _ladder(panel, facts))


def _decide(panel: Panel, facts: Facts, klass: VisibilityClass) -> Disclosure:
    rungs = list(_ladder(panel, facts))
    if len(rungs) < 2:
        return NOTHING
    (_, search), (level, deciding) = rungs[0], rungs[-1]
    policies = (policy for _, permits in rungs for matched in permits.values() for policy in matched)
    obligations = sorted({str(word) for policy in policies for word in policy.obligations})
    return Disclosure(level, tuple(dict.fromkeys((*klass.handling, *obligations))), _clauses(search, deciding))


def _clauses(search: Permits, deciding: Permits) -> tuple[Clause, ...]:
    """The clauses of the agreements that allow the level: those that permit the search, then those that permit it."""
    matched = [(agreement, policy) for agreement in deciding for policy in (*search[agreement], *deciding[agreement])]
    clauses = (Clause(agreement.id, agreement.version, policy.id, policy.cites) for agreement, policy in matched)
    return tuple(dict.fromkeys(clauses))


def _remember(memo: dict[_K, _V], key: _K, value: _V, limit: int) -> None:
    if len(memo) >= limit:
        memo.clear()
    memo[key] = value
