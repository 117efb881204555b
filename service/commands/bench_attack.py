"""What hill-climbing gains at a service of its own, by what answers show."""

from __future__ import annotations

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
    entry_body,
)
from service.commands.client import call, connect
from service.commands.local_service import QUICK, UNCOUNTED, LocalService, local_service

BUDGETED = (Defence.RAW, Defence.HIT)
"""What is shown under the default budget: the most and the least."""


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


def measure_attack(checks: int, fingers: int, progress: Progress) -> list[AttackFigures]:
    """Attack a service without a budget by each form of the score, then one with the default budget."""
    targets = [target for _, target in zip(range(fingers), _targets(), strict=False)]
    with _service(UNCOUNTED, targets) as service:
        open_to_attack = [_measure(service, targets, defence, "", checks, progress) for defence in Defence]
    budgeted = []
    for defence in BUDGETED:
        with _service(QUICK, targets) as service:  # of its own: the budgets of the one before are used up
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
    with local_service(settings, agree) as service, asking(service) as (owner, _):
        for target in targets:
            call(owner, "PUT", entry_path(service, f"finger-{target.number}"), json=entry_body(target.number))
        yield service


def entry_path(service: LocalService, entry: str) -> str:
    return f"/v1/watchlists/{service.access.watchlists['xb']}/entries/{entry}"


def _course(service: LocalService, target: Target, defence: Defence, checks: int) -> Course:
    with asking(service) as (_, terminal):

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


@contextmanager
def asking(service: LocalService) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """Connections of the owner of the entries and of a terminal."""
    tokens = service.access.tokens
    with connect(service.url, tokens["xb-sync"]) as owner, connect(service.url, tokens["xa-terminal"]) as terminal:
        yield owner, terminal
