"""What an operator is alarmed by: feeds that are refused, grow stale or stay behind, and roots that run out.

Read from the database at every scrape, so that each process of a node says the same, whichever of them has pulled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.feeds import Feeds
from service.telemetry import log
from watchlists.database import UNAVAILABLE
from watchlists.feed import FeedId

_FEED = ("owner", "watchlist", "receiver")


class FeedMetrics(Collector):
    """The metrics of all feeds of this node."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the registry would collect to find out."""
        return ()

    def collect(self) -> Iterator[Metric]:
        try:
            metrics = [self._refused(), *self._followed(), *self._published(), self._roots()]
        except UNAVAILABLE:
            log.warning("no metrics of feeds: the database is busy or away")
            return
        yield from metrics

    def _refused(self) -> Metric:
        said = "Pulls that were refused or came to nothing, by reason"
        family = CounterMetricFamily("crosscheck_feed_refused", said, labels=(*_FEED, "reason"))
        for found in self._feeds.subscriptions.refusals():
            family.add_metric([*_labels(found.feed), found.reason], found.times)
        return family

    def _followed(self) -> Iterator[Metric]:
        fresh = _gauge("crosscheck_feed_fresh_seconds", "How long the last promise of freshness still holds")
        current = _gauge("crosscheck_feed_current", "1 if everything that is announced was taken over")
        now = self._feeds.clock()
        for each in self._feeds.subscriptions.all():
            left = 0.0 if each.fresh_until is None else (each.fresh_until - now).total_seconds()
            fresh.add_metric(_labels(each.feed), left)
            current.add_metric(_labels(each.feed), float(each.is_current))
        yield from (fresh, current)

    def _published(self) -> Iterator[Metric]:
        withheld = _gauge("crosscheck_feed_withheld", "Entries that stay at home")
        waiting = _gauge("crosscheck_feed_waiting", "Changes that are not published yet")
        for each in self._feeds.publisher.published():
            withheld.add_metric(_labels(each.feed), each.withheld)
            waiting.add_metric(_labels(each.feed), each.waiting)
        yield from (withheld, waiting)

    def _roots(self) -> Metric:
        said = "How long the newest root of an owner on this node is good"
        family = GaugeMetricFamily("crosscheck_feed_root_seconds", said, labels=("owner",))
        now = self._feeds.clock()
        for owner, expires_at in self._feeds.signing.expiries().items():
            family.add_metric([owner], (expires_at - now).total_seconds())
        return family


def _gauge(name: str, said: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, said, labels=_FEED)


def _labels(feed: FeedId) -> list[str]:
    return [feed.owner, feed.watchlist, feed.receiver]
