"""Whether the time to an answer tells of what the terminal may not see: a hidden entry, or a silent alarm."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from typing import Final

import httpx2
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from service.commands.attack import SILENT_PURPOSE, Target, agree, check_body, enrolled_record, entry_body, record_of
from service.commands.bench_attack import asking, entry_path
from service.commands.client import call
from service.commands.local_service import UNCOUNTED, LocalService, local_service
from service.notices import NoticeKind

BYSTANDERS: Final = range(200, 220)
"""Fingers of entries that everybody sees."""
TARGET, SOMEBODY_ELSE, STRANGER, SETTLING = 1, 98, 99, 4
"""Who is listed or not; who is listed instead; who is on no list, and how often they are checked after a change."""
FLAGS_OPEN_AFTER = 1.5
"""Seconds after which every flag of the checks before is open."""

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared: one entry of two worlds.

    Attributes:
        purpose: of the checks.
        entry: what the one world has on the person, which the terminal may not see.
        instead: what the other has in its place; None if nothing.
    """

    name: str
    purpose: str
    entry: Body
    instead: Body | None

    def changes(self, *, present: bool) -> tuple[Body | None, Body | None]:
        """Two changes of the entry that lead to the one world or the other, the same two in either order."""
        return (self.instead, self.entry) if present else (self.entry, self.instead)


@dataclass(frozen=True, slots=True)
class TimingFigures:
    """Checks of one person while there is an entry of theirs that the terminal may not see, and while not; alternating.

    Attributes:
        case: why it may not see it.
        pairs: checks of either kind.
        alarms: of them, those whose owner was told of a find: all of the one kind if alarms are silent, else none.
        listed_ms, empty_ms: median time to the answer.
        difference_ms: median of the differences, each of two checks that followed each other.
        slower: share of the pairs in which the check of a listed person took longer.
        p_value: of the Mann-Whitney U test that the two kinds take equally long, two-sided.
    """

    case: str
    pairs: int
    alarms: int
    listed_ms: float
    empty_ms: float
    difference_ms: float
    slower: float
    p_value: float


def measure_timing(pairs: int, progress: Progress) -> list[TimingFigures]:
    """Time the checks of each case on a service of its own."""
    figures = []
    for case in _cases():
        with local_service(UNCOUNTED, agree) as service, asking(service) as (owner, terminal):
            for number in BYSTANDERS:
                call(owner, "PUT", entry_path(service, f"bystander-{number}"), json=entry_body(number))
            times = _times(case, pairs, progress, service, owner, terminal)
            time.sleep(FLAGS_OPEN_AFTER)
            figures.append(_figures(case, times, _finds(owner)))
    return figures


def _cases() -> tuple[Case, ...]:
    listed = entry_body(TARGET)
    return (
        # By the sample agreements, checks for this purpose do not see entries of this category: they are not compared.
        Case("hidden entry", "asylum", {**listed, "category": "stolen-document"}, None),
        # It is compared whoever stands there, and found.
        Case("silent alarm", SILENT_PURPOSE, listed, entry_body(SOMEBODY_ELSE)),
    )


def _times(
    case: Case, pairs: int, progress: Progress, service: LocalService, owner: httpx2.Client, terminal: httpx2.Client
) -> dict[bool, list[float]]:
    """Milliseconds of the checks, by whether the person was listed.

    The checks that follow a change take longer, and after a withdrawal another time than after a new entry, whoever may
    see it. So the last change is the same in both worlds, and checks of somebody else come between it and the check
    that is timed.
    """
    last_change = cycle([{**entry_body(BYSTANDERS[0]), "action": action} for action in ("inform-officer", "detain")])
    target, rng = record_of(Target.of(TARGET).part), np.random.default_rng(1)
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in progress.track(range(pairs), description=case.name):
        for present in rng.permutation([True, False]).tolist():
            for body in case.changes(present=present):
                call(owner, "DELETE" if body is None else "PUT", entry_path(service, "it"), json=body)
            call(owner, "PUT", entry_path(service, f"bystander-{BYSTANDERS[0]}"), json=next(last_change))
            for _ in range(SETTLING):
                _check(terminal, enrolled_record(STRANGER), case.purpose)
            times[present].append(_check(terminal, target, case.purpose))
    return times


def _check(terminal: httpx2.Client, record: bytes, purpose: str) -> float:
    """Send a check; return the milliseconds to its answer."""
    body = check_body(record, purpose, datetime.now(UTC))
    begun = time.perf_counter()
    call(terminal, "POST", "/v1/match", json=body)
    return 1000 * (time.perf_counter() - begun)


def _finds(owner: httpx2.Client) -> int:
    """How many finds the owner was told of."""
    found, last = 0, 0
    while told := call(owner, "GET", f"/v1/notices?after={last}&limit=500").json()["notices"]:
        found += sum(notice["kind"] == NoticeKind.ENTRY_FOUND for notice in told)
        last = told[-1]["number"]
    return found


def _figures(case: Case, times: Mapping[bool, list[float]], alarms: int) -> TimingFigures:
    listed, empty = np.array(times[True]), np.array(times[False])
    return TimingFigures(
        case=case.name,
        pairs=len(listed),
        alarms=alarms,
        listed_ms=float(np.median(listed)),
        empty_ms=float(np.median(empty)),
        difference_ms=float(np.median(listed - empty)),
        slower=float((listed > empty).mean()),
        p_value=mann_whitney(listed, empty),
    )


def mann_whitney(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the two-sided p-value that two samples come from one distribution, by the normal approximation of U.

    H. Mann, D. Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
    Annals of Mathematical Statistics 18(1), 1947. For samples of 20 and more without ties to speak of.
    """
    greater = (one[:, None] > other).sum() + 0.5 * (one[:, None] == other).sum()
    mean, deviation = len(one) * len(other) / 2, math.sqrt(len(one) * len(other) * (len(one) + len(other) + 1) / 12)
    return math.erfc(abs(float(greater) - mean) / deviation / math.sqrt(2))
