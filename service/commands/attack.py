"""Hill-climbing, as somebody at a terminal with a valid token could mount it: with records they make up, not fingers.

The attack on a minutiae matcher is that of U. Uludag, A. Jain, "Attacks on biometric systems: a case study in
fingerprints", Proc. SPIE 5306, 2004, and M. Martinez-Diaz et al., "Hill-climbing and brute-force attacks on biometric
systems: a case study in match-on-card fingerprint verification", IEEE ICCST 2006: add, move, turn or take away a
minutia, and keep what does not lower the score. Where the score is coarse or hidden it is our own (`balance`).

The attacker has a part of a print, such as a latent print shows, that is just a hit, and wants the rest of the finger.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from models.calibration import FINGER, FINGER_MINIMUM_MINUTIAE, Band
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.formats import Record, RecordMinutia, View, iso2005
from models.fingerprint.matcher import compare
from models.fingerprint.minutiae import STANDARD_RESOLUTION
from models.fingerprint.synthetic import HEIGHT, WIDTH, SyntheticFinger, synthetic_template
from models.samples import Position

POSITION = Position.RIGHT_INDEX
LATENT_MINUTIAE = 9
"""Minutiae of the part that the attacker begins with."""
LATENT_SCORES = (3.2, 4.0)
"""What that part scores: a weak hit."""
NO_HIT = -1.0
_APART = 12.0
"""Minutiae of a finger are hardly ever closer than this, in pixels at 500 dpi: the attacker knows that."""
_REACH = 45.0
_MOVES = ("add", "move", "turn", "remove")
_CHANCES = (0.6, 0.2, 0.1, 0.1)
_MINUTIAE_LIMIT = 120

Print = NDArray[np.float64]
"""What the attacker works on, (n, 3): x and y in pixels at 500 dpi, y downwards, and the direction in radians."""


class Step(NamedTuple):
    """What a strategy sends next, and what it would show as its result by now."""

    probe: Print
    best: Print


Strategy = Generator[Step, float, None]
"""Sends steps; is told what was seen: `NO_HIT`, or the greater the better."""


class Answered(Protocol):
    @property
    def status_code(self) -> int: ...
    def json(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Course:
    """How an attack went.

    Args:
        scores: the true score of the result, before the attack and after each check that was sent.
        answered: checks that were answered and not refused.
        hits: those of them with a candidate.
    """

    scores: tuple[float, ...]
    answered: int
    hits: int

    @property
    def gain(self) -> float:
        return self.scores[-1] - self.scores[0]


@dataclass(frozen=True, slots=True)
class Target:
    """A finger on a watchlist, and the part of another impression of it that the attacker begins with."""

    number: int
    enrolled: FingerTemplate
    part: Print

    @classmethod
    def of(cls, number: int) -> Target:
        """Take a generated finger: impression 0 is enrolled, the part is of impression 1; always the same."""
        enrolled = encode_fingerprint(enrolled_record(number), POSITION).templates[0]
        whole = SyntheticFinger(number).impression(1)
        points = np.column_stack([whole.xy, whole.angle]).astype(np.float64)
        lowest, highest = LATENT_SCORES
        for middle in np.random.default_rng(number).permutation(points):
            part = points[np.argsort(((points[:, :2] - middle[:2]) ** 2).sum(axis=1))[:LATENT_MINUTIAE]]
            if lowest <= true_score(part, enrolled) < highest:
                return cls(number, enrolled, part)
        raise ValueError(f"no part of finger {number} is a weak hit; choose another")


def enrolled_record(number: int) -> bytes:
    """Return the impression of a generated finger that is on the watchlist."""
    return synthetic_template(number, 0, POSITION)


def true_score(shown: Print, enrolled: FingerTemplate) -> float:
    """Return the score of a print against the enrolled finger, which no terminal is told so finely."""
    (template,) = encode_fingerprint(record_of(shown), POSITION).templates
    return FINGER.score(compare(template, enrolled))


def record_of(shown: Print, position: Position = POSITION) -> bytes:
    """Return a print as an ISO/IEC 19794-2:2005 record."""
    units = np.rint(shown[:, 2] * (iso2005.ANGLE_UNITS / (2 * np.pi))).astype(int) % iso2005.ANGLE_UNITS
    places = np.rint(shown[:, :2]).astype(int).clip(0, (WIDTH - 1, HEIGHT - 1))
    minutiae = tuple(RecordMinutia(1, int(x), int(y), int(unit), 0) for (x, y), unit in zip(places, units, strict=True))
    view = View(position, 0, 0, 0, minutiae)
    return iso2005.write_record(Record((view,), WIDTH, HEIGHT, STANDARD_RESOLUTION, STANDARD_RESOLUTION))


def climb(best: Print, rng: np.random.Generator) -> Strategy:
    """Change one minutia at a time; keep what is seen to be no worse."""
    level = yield Step(best, best)
    while True:
        changed = _varied(best, rng)
        seen = yield Step(changed, best)
        if seen >= level:
            best, level = changed, seen


def balance(best: Print, rng: np.random.Generator) -> Strategy:
    """Learn from hits, or bands, alone: a true minutia brings back a probe that was worn down to just below the edge.

    A minutia must do so for two probes worn down in different ways: some tip one of them by chance.
    """
    level = yield Step(best, best)
    while True:
        worn = ((yield from _worn_down(best, level, rng)), (yield from _worn_down(best, level, rng)))
        found = 0
        for _ in range(80):  # then the probes are replaced: their edge may be out of reach
            minutia = _another(best, rng)
            brought_back = yield from _brings_back(minutia, worn, best, level)
            if not brought_back or len(best) >= _MINUTIAE_LIMIT:
                continue
            best, found = np.vstack([best, minutia]), found + 1
            seen = yield Step(best, best)
            if seen > level or found == 3:
                level = max(level, seen)
                break


def _worn_down(best: Print, level: float, rng: np.random.Generator) -> Generator[Step, float, Print]:
    while True:
        left = best
        while len(left) > FINGER_MINIMUM_MINUTIAE:
            left = np.delete(left, rng.integers(len(left)), axis=0)
            if (yield Step(left, best)) < level:
                return left


def _brings_back(minutia: Print, worn: Sequence[Print], best: Print, level: float) -> Generator[Step, float, bool]:
    for left in worn:
        if (yield Step(np.vstack([left, minutia]), best)) < level:
            return False
    return True


def with_decoys(shown: Print, count: int, rng: np.random.Generator) -> Print:
    """Add made-up minutiae to a print, so that two probes of it look less alike."""
    for _ in range(count):
        shown = np.vstack([shown, _another(shown, rng)])
    return shown


def _varied(shown: Print, rng: np.random.Generator) -> Print:
    move = rng.choice(_MOVES, p=_CHANCES)
    if move == "add" and len(shown) < _MINUTIAE_LIMIT:
        return np.vstack([shown, _another(shown, rng)])
    at = rng.integers(len(shown))
    if move == "remove" and len(shown) > FINGER_MINIMUM_MINUTIAE:
        return np.delete(shown, at, axis=0)
    changed = shown.copy()
    if move == "turn":
        changed[at, 2] += rng.normal(0, 0.25)
    else:
        changed[at, :2] += rng.normal(0, 5, 2)
    return changed


def _another(shown: Print, rng: np.random.Generator) -> Print:
    """A minutia (1, 3) near the others, along the ridges as its nearest neighbour tells them."""
    while True:
        middle, away, turn = rng.integers(len(shown)), rng.uniform(_APART, _REACH), rng.uniform(0, 2 * np.pi)
        x, y = shown[middle, :2] + away * np.array([np.cos(turn), np.sin(turn)])
        distances = np.hypot(shown[:, 0] - x, shown[:, 1] - y)
        if 0 <= x < WIDTH and 0 <= y < HEIGHT and (distances.min() >= _APART or rng.random() < 0.01):
            direction = shown[distances.argmin(), 2] + np.pi * rng.integers(2) + rng.normal(0, 0.3)
            return np.array([[x, y, direction]])


def attack(target: Target, strategy: Strategy, send: Callable[[bytes], Answered], checks: int) -> Course:
    """Send that many checks as the strategy says; `send` sends one record as a check.

    A check that is refused for having been too many is sent again, as long as there are checks left.
    """
    step = next(strategy)
    scores, answered, hits = [true_score(step.best, target.enrolled)], 0, 0
    for _ in range(checks):
        answer = send(record_of(step.probe))
        if answer.status_code != 429:
            seen = _seen(answer)
            answered, hits = answered + 1, hits + (seen > NO_HIT)
            step = strategy.send(seen)
        scores.append(true_score(step.best, target.enrolled))
    return Course(tuple(scores), answered, hits)


def _seen(answer: Answered) -> float:
    """What the attacker learns: the score, else the band, else that there is a hit."""
    candidates = answer.json()["candidates"] if answer.status_code == 200 else []
    bands = list(Band)
    return max(
        (
            each["score"] if each["score"] is not None else float(bands.index(each["band"])) if each["band"] else 0.0
            for each in candidates
        ),
        default=NO_HIT,
    )


class Defence(StrEnum):
    """What an agreement lets the asker see, and with it the strategy that gets furthest."""

    RAW = "raw"
    TENTHS = "tenths"
    HALVES = "halves"
    WHOLE = "whole"
    BAND = "band"
    HIT = "hit"

    @property
    def purpose(self) -> str:
        """The purpose of checks that are answered so, by the agreement that `agree` writes."""
        return f"attack-{self.value}"

    def strategy(self, target: Target, seed: int) -> Strategy:
        rng = np.random.default_rng(seed)
        return (climb if self in (Defence.RAW, Defence.TENTHS) else balance)(target.part, rng)


SILENT_PURPOSE = "attack-silent"
"""The purpose of checks whose hits are silent alarms, by the same agreement."""


def agree(folder: Path) -> None:
    """Add an agreement between XA and XB to an agreements folder: a purpose for each form of the score.

    One more is for silent alarms.
    """
    (folder / "attack").mkdir()
    purposes = ", ".join(f'"{purpose}"' for purpose in (*(defence.purpose for defence in Defence), SILENT_PURPOSE))
    (folder / "attack" / "agreement.toml").write_text(_TITLE.format(purposes=purposes))
    (folder / "attack" / "rules.cedar").write_text(_SEARCH + _SILENT + "".join(_rule(defence) for defence in Defence))


_TITLE = """id = "attack"
title = "What an attacker is shown"
parties = ["xa", "xb"]
version = 1
in_force_from = 2020-01-01T00:00:00Z
purposes = [{purposes}]
categories = ["wanted"]
"""
_SEARCH = '@id("search")\npermit (principal, action == Action::"search", resource);\n'
_SILENT = f"""@id("silent")
@obligations("silent-alarm, confirm-within(12 h), notify-owner, always-review")
permit (principal, action == Action::"see alert", resource)
when {{ context.purpose == "{SILENT_PURPOSE}" }};
"""


def _rule(defence: Defence) -> str:
    level, form = ("hit", "") if defence is Defence.HIT else ("score", f'@obligations("score-form({defence.value})")\n')
    when = f'when {{ context.purpose == "{defence.purpose}" }}'
    return f'@id("{defence.value}")\n{form}permit (principal, action == Action::"see {level}", resource)\n{when};\n'


def check_body(record: bytes, purpose: str, now: datetime) -> Mapping[str, object]:
    """Return the body of a check that carries the record."""
    return {
        "check_id": str(uuid4()),
        "purpose": purpose,
        "checkpoint": "XA-GATE-07",
        "captured_at": now.isoformat(),
        "fingerprints": [{"position": POSITION.value, "template": base64.b64encode(record).decode()}],
    }


def entry_body(number: int) -> Mapping[str, object]:
    """Return an entry of a generated finger: what an attack aims at."""
    template = base64.b64encode(enrolled_record(number)).decode()
    return {
        "category": "wanted",
        "provenance": {"source": "generated"},
        "action": "inform-officer",
        "fingerprints": [{"position": POSITION.value, "template": template}],
    }
