"""The one composition root: every part is made here, from settings, and handed to what needs it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
import anyio.to_thread
import cv2
import faiss
from fastapi import FastAPI

from models.face import FaceEncoder, embedding_plan
from models.fingerprint.matcher import warm_up
from models.weights import ModelStore
from service.ageing import Ageing
from service.api import (
    agreements,
    audit,
    authorisations,
    emergencies,
    feeds,
    flags,
    notices,
    operator,
    releases,
    terminal,
    watchlists,
)
from service.audit.house import AuditHouse
from service.authentication import make_authentication
from service.authorisations import Authorisations
from service.check import Checks
from service.disclosure import StoredEntries
from service.draining import Draining
from service.duties import Duties
from service.emergencies import Emergencies
from service.enrolment import Enrolment
from service.enrolment_defences import Defences
from service.entry_rulings import EntryRulings
from service.feed_metrics import FeedMetrics
from service.feeds import make_feeds
from service.flag_outbox import FlagOpener, FlagOutbox
from service.flags import Flags
from service.freshness import Freshness
from service.gate import Gate
from service.kept_probes import KeptProbes
from service.ledger import Ledger
from service.limits import Admission
from service.loading import loading
from service.log_review import LogReviews
from service.majority import MajorityNotices
from service.notices import Notices
from service.openapi import DescribedApp
from service.pages import site
from service.pages.headers import PageHeaders
from service.preconditions import Preconditions
from service.probe_keeper import ProbeKeeper
from service.probe_shelf import ProbeShelf
from service.probes import SampleEncoder
from service.probing import ProbeBudget, ProbeWatch
from service.purge import Wipes
from service.purpose import Purposes
from service.quotas import Quotas
from service.rates import RateBudget, Rates
from service.retention import Retention
from service.review.comparing import Comparisons
from service.review.desk import make_desk
from service.review.pictures import PictureMaker
from service.rule_record import RuleRecord
from service.runtime import Runtime
from service.settings import Settings
from service.storage import open_store, system_clock
from service.sync import Sync
from service.telemetry import Metrics
from service.users.people import make_people
from service.validity import Validity
from service.verification import Verifications
from service.webhooks.house import make_webhooks
from service.webhooks.metrics import WebhookMetrics
from watchlists.agreements import RuleBookHolder
from watchlists.exchange import Elsewhere
from watchlists.gallery import LocalGallery

AUTHENTICATION_THREADS = 4  # of their own, so that recognising a token never waits behind work
HOUSEKEEPING_SECONDS = 10.0
FOLLOW_SECONDS = 0.5
"""Every check follows the log first; in between, this keeps what there is to follow small."""
FLAGS_SECONDS = 1.0
"""Grid on which flags are opened: no check moves it."""

DESCRIPTION = """Cross-border biometric identity checks under each partner's own data-handling rules.

Errors are RFC 9457 problem documents: `type` is stable, `hint` says what to do."""


def bootstrap(
    settings: Settings, clock: Callable[[], datetime] = system_clock, faces: FaceEncoder | None = None
) -> Runtime:
    """Put a service process together: verify the model files, open the store, load the gallery and the agreements.

    Raises:
        CrosscheckError: something is missing or wrong; its hint says what to do.
    """
    _one_thread_per_check()
    store = open_store(settings, clock)
    models = ModelStore(settings.models_folder)
    gallery = LocalGallery(store, faces or embedding_plan(models.operator_model))
    with loading(gallery, store.entry_count()):
        faces = faces or FaceEncoder(models, threads=settings.workers)
        warm_up()
    rules = RuleBookHolder(settings.agreements_folder)
    record_of_rules = RuleRecord(store.engine, store.keys)
    record_of_rules.note(rules.current, clock())
    encoder = SampleEncoder(faces)
    metrics = Metrics()
    freshness = Freshness(settings.max_capture_age, settings.max_clock_ahead)
    board = Notices(store.engine, store.keys, settings.keep_notice_texts)
    grants = Authorisations(store.engine, store.keys, board, clock)
    shelf, kept = ProbeShelf(settings.waiting_probe_bytes), KeptProbes(store.engine, store.keys)
    supervisors = Emergencies(store.engine, store.keys, board, lambda: rules.current, settings.max_emergency, clock)
    preconditions = Preconditions(grants, supervisors, Quotas(store.engine))
    validity = Validity(store, board, lambda: rules.current)
    duties = Duties(store.engine, board, validity)
    ledger = Ledger(store.engine, store.keys, FlagOutbox(store.keys), settings.keep_answers)
    between_nodes = make_feeds(settings, store, lambda: rules.current, clock)
    metrics.registry.register(FeedMetrics(between_nodes))
    metrics.registry.register(WebhookMetrics(store.engine, clock))
    copies = between_nodes.subscriptions.watchlists
    entry_rulings = EntryRulings(store, lambda: rules.current)
    enrolment = Enrolment(
        encoder, store, gallery, entry_rulings, Defences(gallery), clock, keep_portraits=settings.keep_portraits
    )
    return Runtime(
        settings=settings,
        store=store,
        gallery=gallery,
        rules=rules,
        checks=Checks(
            encoder=encoder,
            gallery=gallery,
            rules=lambda: rules.current,
            entries=StoredEntries(store),
            ledger=ledger,
            freshness=freshness,
            watch=ProbeWatch(_probe_budget(settings), faces.calibration, store.engine, metrics, lambda: rules.current),
            shelf=shelf,
            preconditions=preconditions,
            elsewhere=Elsewhere(store.engine),
            target_fpir=settings.target_fpir,
            clock=clock,
        ),
        verifications=Verifications(encoder, store.engine, freshness, clock),
        enrolment=enrolment,
        purposes=Purposes(store, gallery, enrolment, lambda: rules.current, clock),
        ageing=Ageing(store, gallery, MajorityNotices(store, board, lambda: rules.current), clock),
        notices=board,
        authorisations=grants,
        emergencies=supervisors,
        preconditions=preconditions,
        duties=duties,
        comparisons=Comparisons(store, validity, kept, lambda: rules.current, PictureMaker(faces), copies, clock),
        review=make_desk(store, board, duties, validity, grants, lambda: rules.current, clock),
        validity=validity,
        wipes=Wipes(store.engine),
        flag_opener=FlagOpener(store.engine, store.keys, Flags(duties), metrics),
        probe_keeper=ProbeKeeper(store, shelf, kept, lambda: rules.current),
        log_reviews=LogReviews(store.engine, board),
        audit=AuditHouse(store.engine, store.keys),
        rule_record=record_of_rules,
        people=make_people(store, clock, settings.answer_within),
        feeds=between_nodes,
        webhooks=make_webhooks(settings, store.engine, store.keys, clock),
        retention=Retention(store, gallery, board, lambda: rules.current, copies, settings.review_warning),
        admission=Admission(settings.workers, settings.answer_within),
        owner_work=Admission(settings.workers, settings.answer_within),
        authenticating=Admission(AUTHENTICATION_THREADS, settings.answer_within),
        authentication=make_authentication(settings, store.engine, clock),
        rates=Rates(_rate_budget(settings)),
        importers=ThreadPoolExecutor(settings.workers, "import"),
        metrics=metrics,
        draining=Draining(),
    )


def _probe_budget(settings: Settings) -> ProbeBudget:
    return ProbeBudget(
        window=settings.probing_window,
        at_terminal=settings.probes_per_subject,
        at_partner=settings.probes_per_subject_partner,
        remembered=settings.probing_samples,
    )


def _rate_budget(settings: Settings) -> RateBudget:
    return RateBudget(
        checks=settings.checks_per_minute,
        partner_checks=settings.checks_per_minute_partner,
        calls=settings.calls_per_minute,
        partner_calls=settings.calls_per_minute_partner,
        failures=settings.failures_per_minute,
        sign_ins=settings.sign_ins_per_minute,
    )


def create_app(runtime: Runtime) -> FastAPI:
    """Return the ASGI application over `runtime`."""
    app = DescribedApp(
        title="Crosscheck",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # the pages would load scripts from elsewhere; /openapi.json holds everything they show
        redoc_url=None,
        # FastAPI's own telemetry would hand request bodies to any exporter that an environment variable names.
        lifespan=_lifespan,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.runtime = runtime
    desk = (flags, releases, emergencies, notices)
    for calls in (terminal, watchlists, feeds, agreements, authorisations, *desk, audit, operator):
        app.include_router(calls.router)
    site.install(app, runtime)
    app.add_middleware(Gate, runtime=runtime)
    app.add_middleware(PageHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open flags, keep house and follow the log while the app runs, and let go of everything afterwards."""
    runtime: Runtime = app.state.runtime
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_open_flags, runtime)
        tasks.start_soon(_keep_house, runtime)
        tasks.start_soon(_follow_log, runtime)
        tasks.start_soon(runtime.webhooks.run)
        tasks.start_soon(app.state.changes.run)
        tasks.start_soon(Sync(runtime.feeds, runtime.settings.pull_every, runtime.gallery.catch_up).run)
        yield
        runtime.feeds.stopping.set()
        tasks.cancel_scope.cancel()
    runtime.close()


async def _open_flags(runtime: Runtime) -> None:
    """Begin with what was left behind, then look at every moment of the grid."""
    while True:
        opened = await anyio.to_thread.run_sync(runtime.open_flags)
        grid = FLAGS_SECONDS if opened else HOUSEKEEPING_SECONDS
        await anyio.sleep(grid - anyio.current_time() % grid)


async def _follow_log(runtime: Runtime) -> None:
    while True:
        await anyio.to_thread.run_sync(runtime.follow_log)
        await anyio.sleep(FOLLOW_SECONDS)


async def _keep_house(runtime: Runtime) -> None:
    while True:
        await anyio.to_thread.run_sync(runtime.keep_house)
        await anyio.sleep(HOUSEKEEPING_SECONDS)


def _one_thread_per_check() -> None:
    # Checks run side by side, one thread each; libraries that spread one call over all cores would fight each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
