"""What one service process works with, put together once by `service.app.bootstrap`."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from service.ageing import Ageing
from service.authorisations import Authorisations
from service.check import Checks
from service.duties import Duties
from service.emergencies import Emergencies
from service.enrolment import Enrolment
from service.identity import TokenRegister
from service.limits import Admission
from service.log_review import LogReviews
from service.notices import Notices
from service.preconditions import Preconditions
from service.retention import Retention
from service.settings import Settings
from service.telemetry import Metrics, log
from service.verification import Verifications
from watchlists.agreements import RuleBookHolder
from watchlists.database import UNAVAILABLE
from watchlists.errors import AgreementInvalid, SealBroken
from watchlists.gallery import LocalGallery
from watchlists.store import Store


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    store: Store
    gallery: LocalGallery
    tokens: TokenRegister
    rules: RuleBookHolder
    checks: Checks
    verifications: Verifications
    enrolment: Enrolment
    ageing: Ageing
    notices: Notices
    authorisations: Authorisations
    emergencies: Emergencies
    preconditions: Preconditions
    duties: Duties
    log_reviews: LogReviews
    retention: Retention
    admission: Admission
    owner_work: Admission
    authentication: Admission
    importers: Executor
    metrics: Metrics

    def ready(self) -> bool:
        """Whether the gallery could be brought up to date just now, database included."""
        head = self.store.log.last_sequence()
        return self.gallery.catch_up() >= head

    def keep_house(self) -> None:
        """Do what is due without anybody asking."""
        self.checks.watch.forget(self.checks.clock())
        try:
            self.checks.ledger.forget(self.checks.clock())
        except UNAVAILABLE:
            log.warning("housekeeping waits: the database is busy or away")
        try:
            if self.rules.follow():
                log.info("agreements loaded: %d", len(self.rules.current.agreements))
        except (AgreementInvalid, OSError) as error:
            log.error("agreements not loaded, those in use stay: %s", error)
        self._look_at_ages()
        self._keep_promises()

    def _keep_promises(self) -> None:
        """Let take effect what was not done in time, ask for what is due, and forget what was kept long enough."""
        now = self.checks.clock()
        try:
            if lapsed := self.duties.run(now):
                log.info("duties that lapsed: %d", lapsed)
            kept = self.retention.look(now)
            if kept.destroyed:
                log.info("entries that expired and were destroyed: %d", kept.destroyed)
            self.log_reviews.run(self.rules.current, now)
            self.notices.forget(now)
            self.preconditions.quotas.forget(now)
        except UNAVAILABLE:
            log.warning("what is due waits: the database is busy or away")

    def _look_at_ages(self) -> None:
        try:
            grown_up = self.ageing.look()
        except UNAVAILABLE:
            log.warning("the look at the ages of subjects waits: the database is busy or away")
        except SealBroken as error:  # a key that does not open must not end the service
            log.error("entries of subjects who had a birthday are not in their class yet: %s", error)
        else:
            if grown_up:
                log.info("entries whose subjects have reached majority: %d", len(grown_up))

    def close(self) -> None:
        """Let go of threads and database connections; nothing waits to be written."""
        self.importers.shutdown()
        self.store.engine.dispose()
