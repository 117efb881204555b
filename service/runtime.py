"""What one service process works with, put together once by `service.app.bootstrap`."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from service.check import Checks
from service.enrolment import Enrolment
from service.identity import TokenRegister
from service.limits import Admission
from service.settings import Settings
from service.telemetry import Metrics
from service.verification import Verifications
from watchlists.gallery import LocalGallery
from watchlists.store import Store


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    store: Store
    gallery: LocalGallery
    tokens: TokenRegister
    checks: Checks
    verifications: Verifications
    enrolment: Enrolment
    admission: Admission
    importers: Executor
    metrics: Metrics

    def ready(self) -> bool:
        """Whether the gallery could be brought up to date just now, database included."""
        return self.gallery.catch_up() >= self.store.log.last_sequence()

    def close(self) -> None:
        """Let go of threads and database connections; nothing waits to be written."""
        self.importers.shutdown()
        self.store.engine.dispose()
