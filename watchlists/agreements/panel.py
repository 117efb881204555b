"""The agreements that decide together: of the rules that hold, which of them count.

A question to Cedar costs far more than the rules in it. So what a check asks (the search, the levels, what is beside
them) is one question, for its context is the same but for the score, which the search does not have.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from watchlists.agreements.actions import ACTIONS, CHECKED, SEE, SEE_EXTRA
from watchlists.agreements.facts import NO_ANSWER, Answer, Facts
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement
from watchlists.agreements.memo import MEMO_SETS, Memo
from watchlists.agreements.policies import Policy
from watchlists.agreements.question import Question

logger = logging.getLogger(__name__)

Permits = Mapping[Agreement, tuple[Policy, ...]]
"""The permits that match a question, by the agreement that they are from."""

_FOR_ALL: Final = SEE[Level.HIT]
"""The action by which everything that a check asks is put to Cedar at once; any with a score would do."""


class Verdict(NamedTuple):
    """The answer to one question.

    Args:
        permits: the permits that match; empty if none does, or if there is a veto.
        forbids: the forbids that match.
        faults: the rules that could not be evaluated.
        vetoed: a forbid matches, or something could not be evaluated.
    """

    permits: Permits
    forbids: Permits = {}  # noqa: RUF012 -- a tuple's default, never written to
    faults: Permits = {}  # noqa: RUF012
    vetoed: bool = False


_SILENCE: Final = Verdict({})


class Panel:
    """Every rule of several agreements that counts for a request. Many threads may ask at once.

    One question covers all agreements: a forbid or an error in one of them denies what another permits.

    Args:
        speaking: the agreements that both sides are parties to; all their forbids count.
        applying: those of them whose permits count too,
        purpose: except the permits that are for other purposes alone; None for what has no purpose.
    """

    def __init__(self, speaking: Iterable[Agreement], applying: frozenset[Agreement], purpose: str | None) -> None:
        self._rules = tuple(
            (agreement, policy)
            for agreement in speaking
            for policy in agreement.policies
            if not policy.permits or (agreement in applying and (policy.purposes is None or purpose in policy.purposes))
        )
        self._permits = frozenset(at for at, (_, policy) in enumerate(self._rules) if policy.permits)
        self._heard = {action: self._naming(action) for action in ACTIONS}
        permitted = (level for level, action in SEE.items() if self._heard[action] & self._permits)
        self.highest = max(permitted, default=Level.NONE)
        """The highest level that any permit speaks of: above it there is nothing to ask."""
        self._alike = {action: self._together(action) for action in ACTIONS}
        self._check = self._question(frozenset[int]().union(*self._alike.values()), _FOR_ALL)
        self._alone = {action: self._question(self._heard[action] - self._alike[action], action) for action in ACTIONS}
        self._at_once = not any(self._alone[action] for action in CHECKED)
        self._verdicts = Memo[frozenset[int], Verdict](MEMO_SETS)

    def met(self, facts: Facts) -> frozenset[int] | None:
        """The rules that hold of a check, on which everything depends that the panel says of it.

        None if that cannot be said beforehand: a rule failed, which is for `ask` to report, or some are asked by
        themselves, and only if need be.
        """
        if self._check is None or not self._at_once:
            return None
        answer = self._known(self._check, facts)
        return None if answer.failed or answer.unreadable else answer.met

    def hears(self, action: str) -> bool:
        """Whether there is any rule to put a question to."""
        return bool(self._heard[action])

    def ask(self, action: str, facts: Facts, more: Mapping[str, Any] | None = None) -> Verdict:
        """What the rules say of an action. `more` is what its context has beside that of the request."""
        if not self._heard[action]:
            return _SILENCE
        answer = self._answer(action, facts, more)
        if answer.failed or answer.unreadable:
            return Verdict({}, faults=self._faults(action, answer.failed), vetoed=True)
        found = self._verdicts.get(answer.met)
        return self._verdicts.keep(answer.met, self._verdict(answer.met)) if found is None else found

    def forget(self) -> None:
        """Forget what the rules have answered."""
        self._verdicts.clear()
        for question in (self._check, *self._alone.values()):
            if question is not None:
                question.forget()

    def _naming(self, action: str) -> frozenset[int]:
        """Where the rules are whose head names an action."""
        heard = frozenset(at for at, (_, policy) in enumerate(self._rules) if action in policy.actions)
        if action in SEE_EXTRA and not heard & self._permits:
            return frozenset()  # nothing that a forbid could take away
        return heard

    def _together(self, action: str) -> frozenset[int]:
        """Where the rules of an action are that are asked once for a whole check."""
        return frozenset(at for at in self._heard[action] if action in self._rules[at][1].alike)

    def _question(self, positions: frozenset[int], action: str) -> Question | None:
        return Question({at: self._rules[at][1] for at in positions}, action) if positions else None

    def _verdict(self, met: frozenset[int]) -> Verdict:
        forbids = met - self._permits
        if forbids:
            return Verdict({}, forbids=self._at(forbids), vetoed=True)
        return Verdict(self._at(met)) if met else _SILENCE

    def _answer(self, action: str, facts: Facts, more: Mapping[str, Any] | None) -> Answer:
        alone, alike = self._alone[action], self._alike[action]
        answer = alone.put(facts, more) if alone is not None else NO_ANSWER
        if self._check is None or not alike:
            return answer
        known = self._known(self._check, facts)
        return Answer(
            answer.met | (known.met & alike),
            answer.failed | (known.failed & alike),
            answer.unreadable or known.unreadable,
        )

    def _known(self, question: Question, facts: Facts) -> Answer:
        """What all that a check asks at once was answered, or is now."""
        known = facts.answers.get(question)
        if known is None:
            known = facts.answers[question] = question.put(facts)
        return known

    def _at(self, positions: Iterable[int]) -> Permits:
        found: defaultdict[Agreement, tuple[Policy, ...]] = defaultdict(tuple)
        for position in sorted(positions):
            agreement, policy = self._rules[position]
            found[agreement] += (policy,)
        return dict(found)  # many share it, so that no look may add to it

    def _faults(self, action: str, positions: Iterable[int]) -> Permits:
        """Log which clauses failed, and return them. Cedar's own text is left out: it can quote the request."""
        found = self._at(positions)
        clauses = [f"{agreement.name} {policy.id}" for agreement in found for policy in found[agreement]]
        logger.error("rule fault, denied: action %r, clauses: %s", action, ", ".join(clauses) or "the question itself")
        return found
