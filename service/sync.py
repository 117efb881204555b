"""Pulls all feeds that this node follows, over and over, each by itself: one that fails or hangs holds up no other."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from service.errors import place_of
from service.feeds import Feeds
from service.telemetry import log
from watchlists.database import UNAVAILABLE
from watchlists.exchange import PullOutcome, Subscription

AT_ONCE: Final = 8
"""Feeds that are pulled at the same time."""
JITTER: Final = 0.1
"""Share of the interval by which rounds differ, so that nodes do not ask all at once."""


class Sync:
    """The loop of one process. Several processes of a node take turns, feed by feed.

    Args:
        feeds: of this node.
        every: how long after a pull the next one begins.
        pulled: called in a worker thread after a pull that has changed entries.
        chosen: the watchlists to pull; None for all.
    """

    def __init__(
        self,
        feeds: Feeds,
        every: timedelta,
        pulled: Callable[[], object],
        chosen: frozenset[str] | None = None,
    ) -> None:
        self._feeds = feeds
        self._every = every
        self._pulled = pulled
        self._chosen = chosen
        self._running: set[str] = set()

    async def run(self) -> None:
        """Pull until cancelled; what runs then ends with the page that it is at."""
        limiter = anyio.CapacityLimiter(AT_ONCE)
        async with anyio.create_task_group() as tasks:
            while True:
                await self._begin(tasks, limiter)
                await anyio.sleep(self._every.total_seconds() * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311

    async def _begin(self, tasks: TaskGroup, limiter: anyio.CapacityLimiter) -> None:
        for subscription in await anyio.to_thread.run_sync(self.due):
            name = subscription.feed.watchlist
            if name not in self._running:
                self._running.add(name)
                tasks.start_soon(self._one, subscription, limiter)

    async def _one(self, subscription: Subscription, limiter: anyio.CapacityLimiter) -> None:
        try:
            await anyio.to_thread.run_sync(self.pull, subscription, limiter=limiter, abandon_on_cancel=True)
        finally:
            self._running.discard(subscription.feed.watchlist)

    def due(self) -> list[Subscription]:
        """Return the feeds to pull now."""
        try:
            now = self._feeds.clock()
            return [each for each in self._feeds.subscriptions.all() if self._is_due(each, now)]
        except UNAVAILABLE:
            log.warning("feeds wait: the database is busy or away")
        except Exception as error:  # noqa: BLE001 -- else the process would end
            log.error("feeds: unhandled %s at %s", type(error).__name__, place_of(error))
        return []

    def _is_due(self, subscription: Subscription, now: datetime) -> bool:
        """Whether it is ours to pull, and nobody has done so just now: other processes of this node pull too."""
        if self._chosen is not None and subscription.feed.watchlist not in self._chosen:
            return False
        ends = [moment for moment in (subscription.pulled_at, subscription.refused_at) if moment is not None]
        return not ends or not timedelta() <= now - max(ends) < self._every / 2

    def pull(self, subscription: Subscription) -> PullOutcome | None:
        """Pull one feed; None if the database or a bug stood in the way, which is logged."""
        try:
            outcome = self._feeds.pull(subscription)
            if outcome.pages:
                self._pulled()
        except UNAVAILABLE:
            log.warning("feeds wait: the database is busy or away")
        except Exception as error:  # noqa: BLE001 -- else nothing would be pulled any more
            log.error("feeds: unhandled %s at %s", type(error).__name__, place_of(error))
        else:
            return outcome
        return None
