"""Hill-climbing and repeated probing: how often one person may be checked, whoever they are.

It is decided before any search, on the partner's own recent probes alone, so it says nothing of what is on a watchlist.
`POST /v1/verify` needs none of this: it compares what the caller itself sends, and knows nothing to climb towards.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from models.score_calibration import ScoreCalibration
from service import audit
from service.api.messages import MatchRequest
from service.audit import EventKind
from service.errors import TooManyProbes
from service.identity import Caller
from service.log_terms import kept_until, loggable
from service.preconditions import request_of
from service.recent_probes import RecentProbe, RecentProbes
from service.telemetry import Metrics
from watchlists.agreements import RuleBook
from watchlists.database import writing
from watchlists.records import Templates


@dataclass(frozen=True, slots=True)
class ProbeBudget:
    """How many checks of one subject are answered.

    Args:
        window: the time over which they are counted.
        at_terminal: those that one terminal sent. A terminal is a token: the checkpoint is the caller's own word.
        at_partner: those that all terminals of its partner sent.
        remembered: samples that are remembered of a partner's recent probes at most; 0 to remember and count nothing.
    """

    window: timedelta
    at_terminal: int
    at_partner: int
    remembered: int


@dataclass(frozen=True, slots=True)
class Excess:
    """A budget that is used up: whose ("terminal" or "partner"), what it is, and when the next check will be let in."""

    scope: str
    budget: int
    free_at: datetime


def excess(chain: Collection[RecentProbe], terminal: str, budget: ProbeBudget) -> Excess | None:
    """Return which budget one more probe of the subject of `chain` would exceed, if any; the tightest if both."""
    scopes = {
        "terminal": (budget.at_terminal, sorted(each.at for each in chain if each.terminal == terminal)),
        "partner": (budget.at_partner, sorted(each.at for each in chain)),
    }
    used_up = [
        Excess(scope, most, counted[len(counted) - most] + budget.window)
        for scope, (most, counted) in scopes.items()
        if len(counted) >= most
    ]
    return max(used_up, key=lambda each: each.free_at, default=None)


class ProbeWatch:
    """Remembers the probes of the last window, in memory only, and refuses those beyond the budget. Thread-safe.

    A refused probe is neither counted nor remembered: it has told its sender nothing. Exercises count by themselves, so
    that whoever plays the person searched for can still be checked in earnest.
    """

    def __init__(
        self,
        budget: ProbeBudget,
        faces: ScoreCalibration,
        engine: Engine,
        metrics: Metrics,
        rules: Callable[[], RuleBook],
    ) -> None:
        self._budget = budget
        self._rules = rules
        self._faces = faces
        self._engine = engine
        self._metrics = metrics
        self._recent: dict[tuple[str, bool], tuple[threading.Lock, RecentProbes]] = {}

    def admit(self, caller: Caller, request: MatchRequest, probe: Templates, now: datetime) -> None:
        """Count a probe against the budgets of its subject.

        Raises:
            TooManyProbes: one of them is used up. The event is in the audit log.
        """
        if self._budget.remembered == 0:
            return
        exceeded = self._count(caller, request, probe, now)
        if exceeded is not None:
            self._record(caller, request, exceeded, now)
            raise TooManyProbes(max(1, math.ceil((exceeded.free_at - now).total_seconds())))

    def forget(self, now: datetime) -> None:
        """Forget what has left the window; also done when a probe comes."""
        for lock, recent in list(self._recent.values()):
            with lock:
                recent.forget_before(now - self._budget.window)

    def _count(self, caller: Caller, request: MatchRequest, probe: Templates, now: datetime) -> Excess | None:
        fresh = (threading.Lock(), RecentProbes(self._faces, self._budget.remembered))
        lock, recent = self._recent.setdefault((caller.partner, request.exercise), fresh)
        with lock:  # held over the comparison, or two probes at a time would not see each other
            recent.forget_before(now - self._budget.window)
            chain = recent.chain_of(probe, caller.name)
            exceeded = excess(chain, caller.name, self._budget)
            if exceeded is None:
                recent.remember(probe, caller.name, now, chain)
            return exceeded

    def _record(self, caller: Caller, request: MatchRequest, exceeded: Excess, now: datetime) -> None:
        self._metrics.probing.labels(exceeded.scope).inc()
        details: audit.Details = {
            "check_id": str(request.check_id),
            "purpose": request.purpose,
            "checkpoint": request.checkpoint,
            "scope": exceeded.scope,
            "budget": exceeded.budget,
            "window_seconds": int(self._budget.window.total_seconds()),
        }
        terms = self._rules().standing(request_of(caller, request), now).log_terms
        with writing(self._engine) as connection:
            kept = loggable(details, terms), kept_until(now, terms)
            audit.record(connection, EventKind.PROBING_SUSPECTED, caller, now, *kept)
