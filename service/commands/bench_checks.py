"""Checks end to end: a real service over HTTP, and beside it the brute force of face_recognition's own examples."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import numpy as np
from rich.progress import Progress

from models.evaluation.manifest import LabelledSample, read_face_manifest
from service.commands.client import call, connect
from service.commands.local_service import UNCOUNTED, LocalService, local_service, resident_mb

TOLERANCE = 0.6  # the distance up to which face_recognition's examples see the same person
IMPORT_LINES = 64

Search = Callable[[LabelledSample], tuple[set[str], float]]
"""Search with one image: the subjects that were returned, and the seconds it took."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is enrolled, and who is looked for."""

    enrolled: tuple[LabelledSample, ...]
    probes: tuple[LabelledSample, ...]

    @property
    def mated_subjects(self) -> list[str]:
        return sorted({probe.subject for probe in self.probes})


@dataclass(frozen=True, slots=True)
class CheckFigures:
    """What one system reached. Rates by ISO/IEC 19795-1 at the system's own default threshold."""

    system: str
    gallery: int
    enrol_seconds: float
    fnir: float
    fpir: float
    non_mated_gallery: int
    median_ms: float
    p99_ms: float
    checks_per_second: float
    resident_mb: float


def read_plan(folder: Path) -> Plan:
    """Take the first image of each identity as its entry, and every other image as a probe."""
    enrolled: dict[str, LabelledSample] = {}
    probes = []
    for sample in read_face_manifest(folder):
        if sample.subject in enrolled:
            probes.append(sample)
        else:
            enrolled[sample.subject] = sample
    return Plan(tuple(enrolled.values()), tuple(probes))


def measure_checks(plan: Plan, clients: int, progress: Progress) -> CheckFigures:
    """Measure a service of its own, with the sample agreements, asked by a terminal of the owner."""
    numbers = {sample.subject: f"S-{number}" for number, sample in enumerate(plan.enrolled)}
    # The same few people are checked over and over, which a service would otherwise stop.
    with (
        local_service(UNCOUNTED) as service,
        httpx2.Client(base_url=service.url, timeout=60) as terminal,
    ):
        begun = time.perf_counter()
        _enrol(service, plan, numbers, progress)
        enrol_seconds = time.perf_counter() - begun
        search = _terminal(terminal, service.access.tokens["xb-terminal"], numbers)
        mated, per_second = _search_all("mated checks", plan.probes, search, clients, progress)
        _withdraw(service, [numbers[subject] for subject in plan.mated_subjects])
        non_mated, _ = _search_all("non-mated checks", plan.probes, search, clients, progress)
        memory = resident_mb(service.pid)
    return _figures("crosscheck", plan, enrol_seconds, mated, non_mated, per_second, memory)


def _enrol(service: LocalService, plan: Plan, numbers: dict[str, str], progress: Progress) -> None:
    path = f"/v1/watchlists/{service.access.watchlists['xb']}/entries:import"
    with connect(service.url, service.access.tokens["xb-sync"]) as client:
        for start in progress.track(range(0, len(plan.enrolled), IMPORT_LINES), description="enrolling"):
            part = plan.enrolled[start : start + IMPORT_LINES]
            lines = "".join(_line(sample, numbers[sample.subject]) for sample in part)
            call(client, "POST", path, content=lines)


def _line(sample: LabelledSample, number: str) -> str:
    alert = {"category": "wanted", "action": "inform-officer", "provenance": {"source": "benchmark"}}
    entry = alert | {"entry_id": number, "faces": [_face(sample)]}
    return json.dumps(entry) + "\n"


def _face(sample: LabelledSample) -> dict[str, str]:
    return {"image": base64.b64encode(sample.path.read_bytes()).decode()}


def _withdraw(service: LocalService, entries: Sequence[str]) -> None:
    with connect(service.url, service.access.tokens["xb-sync"]) as client:
        for entry in entries:
            call(client, "DELETE", f"/v1/watchlists/{service.access.watchlists['xb']}/entries/{entry}")


def _terminal(client: httpx2.Client, token: str, numbers: dict[str, str]) -> Search:
    subjects = {number: subject for subject, number in numbers.items()}

    def search(sample: LabelledSample) -> tuple[set[str], float]:
        request: dict[str, Any] = {
            "check_id": str(uuid4()),
            "purpose": "border-check",
            "checkpoint": "BENCH",
            "captured_at": datetime.now(UTC).isoformat(),
            "face": _face(sample),
        }
        begun = time.perf_counter()
        answer = call(client, "POST", "/v1/match", json=request, headers={"Authorization": f"Bearer {token}"}).json()
        seconds = time.perf_counter() - begun
        return {subjects[item["reference"].rpartition("/")[2]] for item in answer["candidates"]}, seconds

    return search


def _search_all(
    what: str, probes: Sequence[LabelledSample], search: Search, clients: int, progress: Progress
) -> tuple[list[tuple[set[str], float]], float]:
    """Return each probe's result, and the searches per second that all clients together got answered."""
    task = progress.add_task(what, total=len(probes))

    def one(sample: LabelledSample) -> tuple[set[str], float]:
        try:
            return search(sample)
        finally:
            progress.advance(task)

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        results = list(threads.map(one, probes))
    return results, len(probes) / (time.perf_counter() - begun)


def measure_brute_force(plan: Plan, clients: int, progress: Progress) -> CheckFigures:
    """Measure face_recognition's encodings compared by numpy, all in this process, as its examples do."""
    from models.evaluation.reference import load_reference

    encode = load_reference()
    begun = time.perf_counter()
    vectors = [encode(sample.path.read_bytes()) for sample in progress.track(plan.enrolled, description="reference")]
    enrol_seconds = time.perf_counter() - begun
    known = [
        (sample.subject, vector) for sample, vector in zip(plan.enrolled, vectors, strict=True) if vector is not None
    ]

    def searcher(gallery: Sequence[tuple[str, Any]]) -> Search:
        matrix = np.array([vector for _, vector in gallery])

        def search(sample: LabelledSample) -> tuple[set[str], float]:
            started = time.perf_counter()
            vector = encode(sample.path.read_bytes())
            near = np.linalg.norm(matrix - vector, axis=1) <= TOLERANCE if vector is not None else np.zeros(len(matrix))
            found = {subject for (subject, _), hit in zip(gallery, near, strict=True) if hit}
            return found, time.perf_counter() - started

        return search

    mated, per_second = _search_all("reference, mated", plan.probes, searcher(known), clients, progress)
    away = set(plan.mated_subjects)
    distractors = [item for item in known if item[0] not in away]
    non_mated, _ = _search_all("reference, non-mated", plan.probes, searcher(distractors), clients, progress)
    memory = resident_mb()
    return _figures("face_recognition + numpy", plan, enrol_seconds, mated, non_mated, per_second, memory)


def _figures(
    system: str,
    plan: Plan,
    enrol_seconds: float,
    mated: Sequence[tuple[set[str], float]],
    non_mated: Sequence[tuple[set[str], float]],
    per_second: float,
    resident_mb: float,
) -> CheckFigures:
    missed = [probe.subject not in found for probe, (found, _) in zip(plan.probes, mated, strict=True)]
    milliseconds = np.array([seconds * 1000 for _, seconds in mated])
    return CheckFigures(
        system=system,
        gallery=len(plan.enrolled),
        enrol_seconds=enrol_seconds,
        fnir=float(np.mean(missed)),
        fpir=float(np.mean([bool(found) for found, _ in non_mated])),
        non_mated_gallery=len(plan.enrolled) - len(plan.mated_subjects),
        median_ms=float(np.median(milliseconds)),
        p99_ms=float(np.percentile(milliseconds, 99)),
        checks_per_second=per_second,
        resident_mb=resident_mb,
    )
