"""A service under load: what a check costs beside its encoding, and what happens when three times as much is asked for.

Everything is real and on this machine alone: two processes of the service, signed requests, the audit log, a gallery of
generated faces, package portraits as probes. The clients share the cores with the service, so the processor time of
both is reported: a checkpoint brings its own. Service and encoding work by turns, a few seconds each, so that a machine
whose speed changes is the same for both.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.progress import Progress

from models.errors import CrosscheckError
from models.face import FaceEncoder
from models.weights import ModelStore
from service.commands.bench_custody import IMPORTED, generated_entries
from service.commands.encoding_alone import Encoded, Encoders, encoders
from service.commands.load_clients import LoadClients
from service.commands.local_service import UNCOUNTED, LocalFolder, LocalService, cpu_seconds, local_folder, memory_mb
from service.commands.portraits import portraits
from service.identity import Caller
from service.machines.register import KeyKind, MachineRegister
from service.machines.signing import RequestSigner
from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock

PROCESSES = 2
THREADS = 2
"""Of each process: while one writes its answer down, the other computes."""
CLIENTS = PROCESSES * THREADS
OVERLOAD = 3
MOST_WAITING = 256
"""Requests that the clients keep open at most while they ask for too much."""
WARM_UP = 5.0
TURN = 5.0
"""Seconds for which the service works, and then the encoders: long enough that what it does anyway weighs little."""
SETTLED = 1.1
"""Seconds after which what checks have left to be flagged has been looked at: that work is theirs too."""
AS_QUICK = 1.2
"""Answers are as quick as before if none takes longer than the p99 of before, and a fifth."""
GIVE_UP = 60.0


class LoadFailed(CrosscheckError):
    slug = "load-failed"
    hint = "See the messages above; run it on a machine that does nothing else."


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What was reached.

    Attributes:
        gallery: faces searched by each check.
        checks_per_second: answered, with as many under way as there are threads.
        p50_ms, p99_ms: of those answers, as a client sees them.
        encodes_per_second: the same images encoded and nothing else, with as many processes and threads.
        overhead: what a check takes beside its encoding, of the encoding: by the two rates.
        service_cpu_ms, encode_cpu_ms, client_cpu_ms: processor time of one check in the service, of its encoding alone,
            and in the client.
        cpu_overhead: the same ratio by processor time, without what the clients take.
        cpu_overhead_error: standard error of that, by how much turns differ; None for a single turn.
        offered_per_second: while too much was asked for.
        statuses: how many of those were answered with which status; 0 stands for no answer.
        without_retry_after: refusals that did not say when to try again.
        answered_per_second, answered_p99_ms: of those that were answered meanwhile.
        memory_mb: resident memory of all processes of the service before, at most meanwhile, and afterwards.
        recovered_after_s: seconds after the overload from which on answers were as quick as before it.
    """

    gallery: int
    checks_per_second: float
    p50_ms: float
    p99_ms: float
    encodes_per_second: float
    overhead: float
    service_cpu_ms: float
    encode_cpu_ms: float
    client_cpu_ms: float
    cpu_overhead: float
    cpu_overhead_error: float | None
    offered_per_second: float
    statuses: Mapping[int, int]
    without_retry_after: int
    answered_per_second: float
    answered_p99_ms: float
    memory_mb: tuple[float, float, float]
    recovered_after_s: float


@dataclass(frozen=True, slots=True)
class _Steady:
    """What clients saw who waited for their answers, and what it cost: seconds, of which processor time."""

    answers: Sequence[float]
    seconds: float
    service_cpu: float
    client_cpu: float

    @classmethod
    def of(cls, turns: Sequence[_Steady]) -> _Steady:
        """Return what several turns come to."""
        answers = [answer for turn in turns for answer in turn.answers]
        seconds, service_cpu = sum(turn.seconds for turn in turns), sum(turn.service_cpu for turn in turns)
        return cls(answers, seconds, service_cpu, sum(turn.client_cpu for turn in turns))

    def percentile(self, which: float) -> float:
        return float(np.percentile(self.answers, which))


@dataclass(frozen=True, slots=True)
class _Turns:
    """Turns of the service, and one of the encoders after each."""

    checks: Sequence[_Steady]
    encoding: Sequence[Encoded]

    @property
    def cpu_overhead(self) -> float:
        checks, encoding = _Steady.of(self.checks), Encoded.of(self.encoding)
        of_check, of_encoding = checks.service_cpu / len(checks.answers), encoding.cpu / encoding.count
        return of_check / of_encoding - 1

    @property
    def cpu_overhead_error(self) -> float | None:
        """Its standard error by the jackknife (Efron and Tibshirani, 1993, chapter 11); None for a single turn."""
        count = len(self.checks)
        if count < 2:
            return None
        return float(np.std([self._without(each).cpu_overhead for each in range(count)])) * math.sqrt(count - 1)

    def _without(self, which: int) -> _Turns:
        return _Turns(*([*turns[:which], *turns[which + 1 :]] for turns in (self.checks, self.encoding)))


def measure_load(size: int, seconds: float, overload_seconds: float, progress: Progress) -> LoadFigures:
    """Measure a service of its own.

    Raises:
        PortraitsUnavailable: the portraits for the probes cannot be had.
        ServiceNotStarted: the service did not become ready.
        LoadFailed: something was not answered.
        EncodersEnded: a process that encodes has ended.
    """
    # The same few people are checked over and over, which a service would otherwise stop.
    settings = UNCOUNTED | {"CROSSCHECK_WORKERS": str(THREADS), "CROSSCHECK_BEARER_TOKENS": "never"}
    with local_folder(settings) as data:
        signer = RequestSigner(Ed25519PrivateKey.generate())
        _prepare(data, size, signer, progress)
        with data.serve("--workers", str(PROCESSES)) as service:
            clients = LoadClients(service.url, list(portraits().values()), signer)
            with encoders(Path(data.environment["CROSSCHECK_MODELS"]), PROCESSES, THREADS) as alone:
                turns = _by_turns(service, clients, alone, seconds, progress)
            return _measure(service, clients, turns, size, overload_seconds, progress)


def _measure(
    service: LocalService,
    clients: LoadClients,
    turns: _Turns,
    size: int,
    overload_seconds: float,
    progress: Progress,
) -> LoadFigures:
    steady, encoding = _Steady.of(turns.checks), Encoded.of(turns.encoding)
    checks = len(steady.answers)
    per_second, encodes_per_second = checks / steady.seconds, encoding.count / encoding.seconds
    offered = OVERLOAD * per_second
    progress.add_task(f"{OVERLOAD} times as many", total=None)
    before = memory_mb(service.pid)
    with _watching(service.pid) as peak:
        outcomes = clients.at_rate(offered, overload_seconds, MOST_WAITING)
    recovered = _seconds_to_recover(clients, steady.percentile(99))
    answered = [outcome.seconds for outcome in outcomes if outcome.status == HTTPStatus.OK]
    refused = [outcome for outcome in outcomes if outcome.status != HTTPStatus.OK]
    return LoadFigures(
        gallery=size,
        checks_per_second=per_second,
        p50_ms=1000 * steady.percentile(50),
        p99_ms=1000 * steady.percentile(99),
        encodes_per_second=encodes_per_second,
        overhead=encodes_per_second / per_second - 1,
        service_cpu_ms=1000 * steady.service_cpu / checks,
        encode_cpu_ms=1000 * encoding.cpu / encoding.count,
        client_cpu_ms=1000 * steady.client_cpu / checks,
        cpu_overhead=turns.cpu_overhead,
        cpu_overhead_error=turns.cpu_overhead_error,
        offered_per_second=offered,
        statuses=dict(sorted(Counter(outcome.status for outcome in outcomes).items())),
        without_retry_after=sum(not outcome.retry_after for outcome in refused),
        answered_per_second=len(answered) / overload_seconds,
        answered_p99_ms=1000 * float(np.percentile(answered, 99)),
        memory_mb=(before, peak[0], memory_mb(service.pid)),
        recovered_after_s=recovered,
    )


def _by_turns(
    service: LocalService, clients: LoadClients, alone: Encoders, seconds: float, progress: Progress
) -> _Turns:
    """Let service and encoders work for `seconds` each, by turns; everything is loaded before the clock starts."""
    clients.at_once(CLIENTS, WARM_UP)
    alone.encode(WARM_UP)
    rounds = range(max(1, round(seconds / TURN)))
    turns = [(_steady(service, clients), alone.encode(TURN)) for _ in progress.track(rounds, description="checks")]
    return _Turns([turn for turn, _ in turns], [turn for _, turn in turns])


def _steady(service: LocalService, clients: LoadClients) -> _Steady:
    of_service, of_clients = cpu_seconds(service.pid), time.process_time()
    begun = time.perf_counter()
    outcomes = clients.at_once(CLIENTS, TURN)
    took = time.perf_counter() - begun
    time.sleep(SETTLED)
    of_service, of_clients = cpu_seconds(service.pid) - of_service, time.process_time() - of_clients
    if wrong := {outcome.status for outcome in outcomes} - {HTTPStatus.OK}:
        raise LoadFailed(f"checks were answered with {sorted(wrong)}")
    return _Steady([outcome.seconds for outcome in outcomes], took, of_service, of_clients)


def _seconds_to_recover(clients: LoadClients, p99: float) -> float:
    """Return after how many seconds answers were as quick as before: for a whole second, and all of them answers."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < GIVE_UP:
        since = time.perf_counter() - begun
        outcomes = clients.at_once(CLIENTS, 1.0)
        if all(each.status == HTTPStatus.OK and each.seconds <= AS_QUICK * p99 for each in outcomes):
            return since
    raise LoadFailed(f"answers are still slow {GIVE_UP:g} seconds after the overload")


def _prepare(data: LocalFolder, size: int, signer: RequestSigner, progress: Progress) -> None:
    """Write generated faces on the watchlist of XB, and register a terminal of it."""
    home, models = (Path(data.environment[f"CROSSCHECK_{name}"]) for name in ("HOME", "MODELS"))
    settings = Settings(home=home, models=models)
    store = open_store(settings)
    caller = Caller("xb", Role.TERMINAL, "bench")
    MachineRegister(store.engine).add(caller, KeyKind.SIGNATURE, signer.public, system_clock())
    entries = generated_entries(FaceEncoder(ModelStore(settings.models_folder)), size)
    for _ in progress.track(range(0, size, IMPORTED), description="filling the gallery"):
        with store.writing() as write:
            write.put_entries(list(islice(entries, IMPORTED)))
    store.engine.dispose()


@contextmanager
def _watching(pid: int) -> Iterator[list[float]]:
    """Look twice a second at the memory of a service; the one number of the list is the most there was (MiB)."""
    peak, done = [memory_mb(pid)], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            peak[0] = max(peak[0], memory_mb(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
