"""What one service process works with, put together once by `service.app.bootstrap`."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from service.ageing import Ageing
from service.audit.house import AuditHouse
from service.authentication import Authentication
from service.authorisations import Authorisations
from service.check import Checks
from service.draining import Draining
from service.duties import Duties
from service.emergencies import Emergencies
from service.enrolment import Enrolment
from service.errors import place_of
from service.feeds import Feeds
from service.flag_outbox import FlagOpener
from service.limits import Admission
from service.log_review import LogReviews
from service.notices import Notices
from service.preconditions import Preconditions
from service.probe_keeper import ProbeKeeper
from service.purge import Wipes
from service.purpose import Purposes
from service.rates import Rates
from service.retention import Retention
from service.review.comparing import Comparisons
from service.review.desk import ReviewDesk
from service.rule_record import RuleRecord
from service.settings import Settings
from service.telemetry import Metrics, log
from service.users.people import People
from service.validity import Validity
from service.verification import Verifications
from service.webhooks.house import Webhooks
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
    rules: RuleBookHolder
    checks: Checks
    verifications: Verifications
    enrolment: Enrolment
    purposes: Purposes
    ageing: Ageing
    notices: Notices
    authorisations: Authorisations
    emergencies: Emergencies
    preconditions: Preconditions
    duties: Duties
    review: ReviewDesk
    comparisons: Comparisons
    validity: Validity
    wipes: Wipes
    flag_opener: FlagOpener
    probe_keeper: ProbeKeeper
    log_reviews: LogReviews
    audit: AuditHouse
    rule_record: RuleRecord
    people: People
    feeds: Feeds
    webhooks: Webhooks
    retention: Retention
    admission: Admission
    owner_work: Admission
    authenticating: Admission
    authentication: Authentication
    rates: Rates
    importers: Executor
    metrics: Metrics
    draining: Draining

    def ready(self) -> bool:
        """Whether the gallery could be brought up to date just now, database included."""
        head = self.store.log.last_sequence()
        return self.gallery.catch_up() >= head

    def follow_log(self) -> None:
        """Bring in what other processes have written, so that no check waits for it."""
        try:
            self.gallery.catch_up()
        except UNAVAILABLE:
            log.warning("the gallery waits: the database is busy or away")
        except Exception as error:  # noqa: BLE001 -- else a quiet process would fall behind; checks say what is wrong
            log.error("the gallery waits: unhandled %s at %s", type(error).__name__, place_of(error))

    def open_flags(self) -> bool:
        """Open the flags that checks have left; return False if all of that has to be tried again."""
        try:
            self.flag_opener.run(self.checks.clock())
            self.probe_keeper.run(self.checks.clock())
        except UNAVAILABLE:
            log.warning("flags wait: the database is busy or away")
        except Exception as error:  # noqa: BLE001 -- else no flag would be opened any more
            log.error("flags wait: unhandled %s at %s", type(error).__name__, place_of(error))
        else:
            return True
        return False

    def keep_house(self) -> None:
        """Do what is due without anybody asking. What fails leaves the rest to be done, and is tried again."""
        for look in (
            self._forget_probes_and_answers,
            self._follow_agreements,
            self._look_at_ages,
            self._void_with_agreements,
            self._destroy_kept_probes,
            self._let_duties_lapse,
            self._remind_of_deadlines,
            self._wipe_what_was_purged,
            self._destroy_what_expired,
            self._ask_for_log_reviews,
            self._publish_feeds,
            self._forget_notices_and_quotas,
            self._forget_nonces,
            self._keep_the_audit_log,
            self.people.house.run,
        ):
            try:
                look()
            except UNAVAILABLE:
                log.warning("housekeeping waits: the database is busy or away")
            except Exception as error:  # noqa: BLE001 -- else rules would no longer change, nor anything be purged
                log.error("housekeeping: unhandled %s at %s", type(error).__name__, place_of(error))

    def _forget_probes_and_answers(self) -> None:
        self.checks.watch.forget(self.checks.clock())
        self.checks.ledger.forget(self.checks.clock())

    def _follow_agreements(self) -> None:
        try:
            if self.rules.follow():
                log.info("agreements loaded: %d", len(self.rules.current.agreements))
        except (AgreementInvalid, OSError) as error:
            log.error("agreements not loaded, those in use stay: %s", error)

    def _keep_the_audit_log(self) -> None:
        self.rule_record.note(self.rules.current, self.checks.clock())
        if deleted := self.audit.run(self.checks.clock()):
            log.info("payloads of audit events whose time was over: %d", deleted)

    def _look_at_ages(self) -> None:
        try:
            grown_up = self.ageing.look()
        except SealBroken as error:  # a key that does not open must not end the service
            log.error("entries of subjects who had a birthday are not in their class yet: %s", error)
        else:
            if grown_up:
                log.info("entries whose subjects have reached majority: %d", len(grown_up))

    def _void_with_agreements(self) -> None:
        if voided := self.validity.look(self.checks.clock()):
            log.info("candidates that were voided with their agreements: %d", voided)

    def _destroy_kept_probes(self) -> None:
        if destroyed := self.probe_keeper.look(self.checks.clock()):
            log.info("kept probes whose time was over: %d", destroyed)

    def _wipe_what_was_purged(self) -> None:
        self.wipes.run()

    def _let_duties_lapse(self) -> None:
        ran = self.duties.run(self.checks.clock())
        self.metrics.duties_unreadable.set(ran.unreadable)
        if ran.lapsed:
            log.info("duties that lapsed: %d", ran.lapsed)

    def _remind_of_deadlines(self) -> None:
        if reminded := self.review.escalations.run(self.checks.clock()):
            log.info("duties that somebody was reminded of: %d", reminded)

    def _destroy_what_expired(self) -> None:
        kept = self.retention.look(self.checks.clock())
        if kept.rescheduled:
            log.info("entries that agreements now let be kept for less long: %d", kept.rescheduled)
        if kept.destroyed:
            log.info("entries that expired and were destroyed: %d", kept.destroyed)

    def _ask_for_log_reviews(self) -> None:
        self.log_reviews.run(self.rules.current, self.checks.clock())

    def _publish_feeds(self) -> None:
        self.feeds.publisher.advance_all(self.checks.clock())

    def _forget_notices_and_quotas(self) -> None:
        self.notices.forget(self.checks.clock())
        self.webhooks.endpoints.forget(self.checks.clock(), self.settings.keep_notice_texts)
        self.preconditions.quotas.forget(self.checks.clock())

    def _forget_nonces(self) -> None:
        self.authentication.nonces.forget(self.checks.clock())

    def close(self) -> None:
        """Open the last flags, and let go of threads and database connections."""
        self.importers.shutdown()
        for work in (self.authenticating, self.admission, self.owner_work, self.people.threads):
            work.close()
        while self.open_flags() and self.probe_keeper.is_writing:
            pass  # a part of a probe at a time
        self.webhooks.close()
        self.store.engine.dispose()
