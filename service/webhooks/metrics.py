"""What an operator is alarmed by: endpoints that were given up, and notices that wait for long.

Read from the database at every scrape, so that each process of a node says the same, whichever of them delivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select

from service.schema import notices
from service.telemetry import log
from service.webhook_schema import webhooks
from watchlists.database import UNAVAILABLE

_ENDPOINT = ("partner", "webhook")


class WebhookMetrics(Collector):
    """The metrics of all endpoints of this node."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the registry would collect to find out."""
        return ()

    def collect(self) -> Iterator[Metric]:
        parked = _gauge("crosscheck_webhook_parked", "1 if the endpoint was given up and waits for the operator")
        waiting = _gauge("crosscheck_webhook_waiting", "Notices that have not arrived")
        oldest = _gauge("crosscheck_webhook_oldest_seconds", "How long the oldest of them waits")
        later = (notices.c.partner == webhooks.c.partner) & (notices.c.number > webhooks.c.delivered)
        counted = func.count(notices.c.number).label("waiting"), func.min(notices.c.at).label("since")
        query = select(*webhooks.c["partner", "name", "parked_at"], *counted).outerjoin(notices, later)
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(query.group_by(webhooks.c.id)).all()
        except UNAVAILABLE:
            log.warning("no metrics of webhooks: the database is busy or away")
            return
        now = self._clock()
        for row in rows:
            labels = row.partner, row.name
            parked.add_metric(labels, float(row.parked_at is not None))
            waiting.add_metric(labels, row.waiting)
            oldest.add_metric(labels, 0.0 if row.since is None else (now - row.since).total_seconds())
        yield from (parked, waiting, oldest)


def _gauge(name: str, said: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, said, labels=_ENDPOINT)
