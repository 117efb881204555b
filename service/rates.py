"""How often somebody may call: in any minute, and by one process.

Exact moving windows in memory: with N processes a caller may call up to N times as often before all of them refuse it,
so where the figure matters an operator divides it, or has the proxy send a machine to the same process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter

from service.errors import TooManyRequests
from service.identity import Caller
from service.rate_windows import RateWindows


@dataclass(frozen=True, slots=True)
class RateBudget:
    """How many in a minute.

    Args:
        checks, partner_checks: of one machine, and of all of its partner.
        calls, partner_calls: the same of every other call.
        failures: identities that were refused, of one address; then it is not listened to for a while.
        sign_ins: tries to sign in, of one address.
    """

    checks: int
    partner_checks: int
    calls: int
    partner_calls: int
    failures: int
    sign_ins: int


class Rates:
    """Counts calls and refuses those beyond a budget; what is refused is not counted. Called from the event loop."""

    def __init__(self, budget: RateBudget) -> None:
        self._limiter = MovingWindowRateLimiter(RateWindows())
        self._checks: Final = RateLimitItemPerMinute(budget.checks)
        self._partner_checks: Final = RateLimitItemPerMinute(budget.partner_checks)
        self._calls: Final = RateLimitItemPerMinute(budget.calls)
        self._partner_calls: Final = RateLimitItemPerMinute(budget.partner_calls)
        self._failures: Final = RateLimitItemPerMinute(budget.failures)
        self._sign_ins: Final = RateLimitItemPerMinute(budget.sign_ins)

    def count_check(self, caller: Caller) -> None:
        """Count a check of a machine and of its partner.

        Raises:
            TooManyRequests: one of them has made too many in the last minute.
        """
        self._count(self._of(caller, "checks", self._checks, self._partner_checks))

    def count_call(self, caller: Caller) -> None:
        """Count any other call of a machine and of its partner.

        Raises:
            TooManyRequests: one of them has made too many in the last minute.
        """
        self._count(self._of(caller, "calls", self._calls, self._partner_calls))

    def count_sign_in(self, address: str) -> None:
        """Count a try to sign in.

        Raises:
            TooManyRequests: there were too many from that address in the last minute.
        """
        self._count([(self._sign_ins, ("sign-in", address))])

    def require_listened_to(self, address: str) -> None:
        """Refuse an address from which too many wrong identities have come, before anything is looked up.

        Raises:
            TooManyRequests: it is one.
        """
        self._require(self._failures, ("failure", address))

    def note_failure(self, address: str) -> None:
        """Count an identity that was refused."""
        self._limiter.hit(self._failures, "failure", address)

    def _of(
        self, caller: Caller, what: str, own: RateLimitItem, of_partner: RateLimitItem
    ) -> list[tuple[RateLimitItem, tuple[str, ...]]]:
        return [(own, (what, caller.partner, caller.name)), (of_partner, (what, caller.partner))]

    def _count(self, budgets: Iterable[tuple[RateLimitItem, tuple[str, ...]]]) -> None:
        budgets = list(budgets)
        for item, key in budgets:
            self._require(item, key)
        for item, key in budgets:
            self._limiter.hit(item, *key)

    def _require(self, item: RateLimitItem, key: tuple[str, ...]) -> None:
        if not self._limiter.test(item, *key):
            free_at = self._limiter.get_window_stats(item, *key).reset_time
            raise TooManyRequests(item.amount, max(1, math.ceil(free_at - time.time())))
