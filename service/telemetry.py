"""What an operator can see from outside: metrics and one log line a request. Neither knows who was checked."""

from __future__ import annotations

import logging
import sys

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

log = logging.getLogger("crosscheck")
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """The metrics of one service process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crosscheck_requests_total", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "crosscheck_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.gallery_sequence = Gauge(
            "crosscheck_gallery_sequence", "Change the gallery is current to", registry=self.registry
        )
        self.probing = Counter(
            "crosscheck_probing_suspected_total",
            "Checks refused because one person was checked too often",
            ["scope"],
            registry=self.registry,
        )
        self.flags_waiting = Gauge(
            "crosscheck_flags_waiting", "Checks whose flags could not be opened yet", registry=self.registry
        )
        self.duties_unreadable = Gauge(
            "crosscheck_duties_unreadable",
            "Duties past their deadline that cannot be read, for people to look into",
            registry=self.registry,
        )
        self.admitted = Gauge(
            "crosscheck_checks_in_progress", "Checks being read, waiting or worked on", registry=self.registry
        )


def configure_logging() -> None:
    """Log to standard error, one line an event, without anybody's access log beside it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name, level in {"crosscheck": logging.INFO, "watchlists": logging.WARNING, "models": logging.WARNING}.items():
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
