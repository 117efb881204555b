"""What hill-climbing gains at a service of its own, by what answers show; and whether time tells of a hidden entry."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from service.commands.attack import (
    Answered,
    Course,
    Defence,
    Target,
    agree,
    attack,
    check_body,
    enrolled_record,
    entry_body,
    record_of,
)
from service.commands.client import call, connect
from service.commands.local_service import LocalService, local_service

UNCOUNTED = {"CROSSCHECK_PROBING_SAMPLES": "0"}
BUDGETED = (Defence.RAW, Defence.HIT)
"""What is shown under the default budget: the most and the least."""
PURPOSE, HIDDEN_CATEGORY = "asylum", "stolen-document"
"""By the sample agreements, checks for this purpose do not see entries of this category."""
BYSTANDERS = range(200, 220)
"""Fingers of entries that they see."""
STRANGER, SETTLING = 99, 4
"""Somebody on no list, and how often they are checked after a change."""


@dataclass(frozen=True, slots=True)
class AttackFigures:
    """What attackers reached against one defence; means over the fingers.

    Attributes:
        defence: the form of the score, and the budget if there was one.
        fingers: fingers attacked, one after another.
        checks: checks sent for each.
        answered: of them, those that were not refused.
        hits: of those, the ones with a candidate.
        start: true score of the part of a print that the attack begins with.
        halfway, reached: true score of its result after half of the checks and after all.
    """

    defence: str
    fingers: int
    checks: int
    answered: float
    hits: float
    start: float
    halfway: float
    reached: float


@dataclass(frozen=True, slots=True)
class TimingFigures:
    """Checks of one finger while a hidden entry of it exists, and while there is none; alternating.

    Attributes:
        pairs: checks of either kind.
        hidden_ms, empty_ms: median time to the answer.
        difference_ms: median of the differences, each of two checks that followed each other.
        p_value: of the Mann-Whitney U test that the two kinds take equally long, two-sided.
    """

    pairs: int
    hidden_ms: float
    empty_ms: float
    difference_ms: float
    p_value: float


def measure_attack(checks: int, fingers: int, progress: Progress) -> list[AttackFigures]:
    """Attack a service without a budget by each form of the score, then one with the default budget."""
    targets = [target for _, target in zip(range(fingers), _targets(), strict=False)]
    with _service(UNCOUNTED, targets) as service:
        open_to_attack = [_measure(service, targets, defence, "", checks, progress) for defence in Defence]
    budgeted = []
    for defence in BUDGETED:
        with _service({}, targets) as service:  # of its own: the budgets of the one before are used up
            budgeted.append(_measure(service, targets, defence, ", budget", checks, progress))
    return open_to_attack + budgeted


def _measure(
    service: LocalService, targets: Sequence[Target], defence: Defence, budget: str, checks: int, progress: Progress
) -> AttackFigures:
    name = defence.value + budget
    courses = [_course(service, target, defence, checks) for target in progress.track(targets, description=name)]
    return _figures(name, courses)


def _targets() -> Iterator[Target]:
    number = 1
    while True:
        yield Target.of(number)
        number += 1


@contextmanager
def _service(settings: Mapping[str, str], targets: Sequence[Target]) -> Iterator[LocalService]:
    with local_service(settings, agree) as service, _asking(service) as (owner, _):
        for target in targets:
            call(owner, "PUT", _path(service, f"finger-{target.number}"), json=entry_body(target.number))
        yield service


def _path(service: LocalService, entry: str) -> str:
    return f"/v1/watchlists/{service.access.watchlists['xb']}/entries/{entry}"


def _course(service: LocalService, target: Target, defence: Defence, checks: int) -> Course:
    with _asking(service) as (_, terminal):

        def send(record: bytes) -> Answered:
            return terminal.post("/v1/match", json=check_body(record, defence.purpose, datetime.now(UTC)))

        return attack(target, defence.strategy(target, target.number), send, checks)


def _figures(defence: str, courses: Sequence[Course]) -> AttackFigures:
    scores: NDArray[np.float64] = np.array([course.scores for course in courses]).mean(axis=0)
    checks = len(scores) - 1
    return AttackFigures(
        defence=defence,
        fingers=len(courses),
        checks=checks,
        answered=float(np.mean([course.answered for course in courses])),
        hits=float(np.mean([course.hits for course in courses])),
        start=float(scores[0]),
        halfway=float(scores[checks // 2]),
        reached=float(scores[-1]),
    )


def measure_timing(pairs: int, progress: Progress) -> TimingFigures:
    """Check the owner of a finger for a purpose that may not see an entry of it, with the entry there and without.

    The checks that follow a change take longer, and a withdrawal costs another time than a new entry, whoever may see
    it; so checks of somebody else come between the change and the check that is timed.
    """
    target, rng = Target.of(1), np.random.default_rng(1)
    times: dict[bool, list[float]] = {True: [], False: []}
    with local_service(UNCOUNTED) as service, _asking(service) as (owner, terminal):
        for number in BYSTANDERS:
            call(owner, "PUT", _path(service, f"bystander-{number}"), json=_entry(number, "wanted"))
        for _ in progress.track(range(pairs), description="timing checks"):
            for hidden in rng.permutation([True, False]).tolist():
                for method in ("DELETE", "PUT") if hidden else ("PUT", "DELETE"):  # two changes either way
                    body = _entry(target.number, HIDDEN_CATEGORY) if method == "PUT" else None
                    call(owner, method, _path(service, "hidden"), json=body)
                for _ in range(SETTLING):
                    _check(terminal, enrolled_record(STRANGER))
                times[hidden].append(_check(terminal, record_of(target.part)))
    hidden_ms, empty_ms = np.array(times[True]), np.array(times[False])
    return TimingFigures(
        pairs=pairs,
        hidden_ms=float(np.median(hidden_ms)),
        empty_ms=float(np.median(empty_ms)),
        difference_ms=float(np.median(hidden_ms - empty_ms)),
        p_value=mann_whitney(hidden_ms, empty_ms),
    )


def mann_whitney(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the two-sided p-value that two samples come from one distribution, by the normal approximation of U.

    H. Mann, D. Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
    Annals of Mathematical Statistics 18(1), 1947. For samples of 20 and more without ties to speak of.
    """
    greater = (one[:, None] > other).sum() + 0.5 * (one[:, None] == other).sum()
    mean, deviation = len(one) * len(other) / 2, math.sqrt(len(one) * len(other) * (len(one) + len(other) + 1) / 12)
    return math.erfc(abs(float(greater) - mean) / deviation / math.sqrt(2))


@contextmanager
def _asking(service: LocalService) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """Connections of the owner of the entries and of a terminal."""
    tokens = service.access.tokens
    with connect(service.url, tokens["xb-sync"]) as owner, connect(service.url, tokens["xa-terminal"]) as terminal:
        yield owner, terminal


def _entry(number: int, category: str) -> Mapping[str, object]:
    return {**entry_body(number), "category": category}


def _check(terminal: httpx2.Client, record: bytes) -> float:
    """Send a check; return the milliseconds to its answer."""
    body = check_body(record, PURPOSE, datetime.now(UTC))
    begun = time.perf_counter()
    call(terminal, "POST", "/v1/match", json=body)
    return 1000 * (time.perf_counter() - begun)
