import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models.fingerprint import comparison, kernels
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.matcher import compare, warm_up
from models.fingerprint.minutiae import Minutiae, on_grid
from models.fingerprint.synthetic import HARD, Conditions, SyntheticFinger
from models.samples import Position


def impression(finger: int, number: int, position: Position = Position.UNKNOWN) -> FingerTemplate:
    return build_template(SyntheticFinger(finger).impression(number), position)


def turned(minutiae: Minutiae, angle: float) -> Minutiae:
    """The same impression, turned about (200, 250) and shifted so that it stays in the positive quadrant."""
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = minutiae.xy[:, 0] - 200.0, 250.0 - minutiae.xy[:, 1]
    new_x, new_y = 600 + cosine * x - sine * y, 600 - (sine * x + cosine * y)
    return on_grid(new_x, new_y, minutiae.angle + angle, minutiae.kind, minutiae.quality)


def test_an_impression_is_most_like_itself() -> None:
    template = impression(1, 0)
    itself = compare(template, template)
    assert 0.3 < itself <= 1
    assert itself > compare(template, impression(1, 1)) > compare(template, impression(2, 0)) >= 0


def test_mated_impressions_outscore_all_others() -> None:
    templates = [impression(finger, number) for finger in range(12) for number in range(3)]
    mated: list[float] = []
    nonmated: list[float] = []
    for a, b in combinations(range(len(templates)), 2):
        (mated if a // 3 == b // 3 else nonmated).append(compare(templates[a], templates[b]))
    assert min(mated) > max(nonmated)


def test_hard_impressions_are_mostly_told_apart() -> None:
    templates = [
        build_template(SyntheticFinger(finger).impression(number, HARD), Position.UNKNOWN)
        for finger in range(20)
        for number in range(4)
    ]
    mated: list[float] = []
    nonmated: list[float] = []
    for a, b in combinations(range(len(templates)), 2):
        (mated if a // 4 == b // 4 else nonmated).append(compare(templates[a], templates[b]))
    threshold = float(np.quantile(nonmated, 0.95))
    assert np.mean(np.array(mated) <= threshold) < 0.08


def test_the_order_of_the_two_hardly_matters() -> None:
    for other in (impression(1, 1), impression(2, 0)):
        assert compare(impression(1, 0), other) == pytest.approx(compare(other, impression(1, 0)), abs=0.005)


@pytest.mark.parametrize("degrees", [20, 45, 90, 135, 180])
def test_a_turned_finger_still_matches(degrees: float) -> None:
    still, other = SyntheticFinger(7).impression(0), SyntheticFinger(7).impression(1)
    straight = compare(build_template(still, Position.UNKNOWN), build_template(other, Position.UNKNOWN))
    rotated = build_template(turned(still, np.radians(degrees)), Position.UNKNOWN)
    assert compare(rotated, build_template(other, Position.UNKNOWN)) == pytest.approx(straight, abs=0.04)
    assert straight > 0.25


def test_half_a_finger_matches_the_whole_one() -> None:
    whole, other = SyntheticFinger(7).impression(0), SyntheticFinger(7).impression(1)
    upper = whole.xy[:, 1] < np.median(whole.xy[:, 1])
    half = Minutiae(whole.xy[upper], whole.angle[upper], whole.kind[upper], whole.quality[upper])
    mated = compare(build_template(half, Position.UNKNOWN), build_template(other, Position.UNKNOWN))
    assert mated > max(
        compare(build_template(half, Position.UNKNOWN), impression(finger, 0)) for finger in range(20, 40)
    )


def test_crowded_strangers_do_not_look_alike() -> None:
    """Squeezing the same minutiae into a third of the area makes more of them meet by chance, not more evidence."""
    sparse, crowded = [], []
    for finger in range(1, 13):
        a = SyntheticFinger(finger).impression(0)
        narrow = on_grid(a.xy[:, 0] / 3.0, a.xy[:, 1].astype(float), a.angle.astype(float), a.kind, a.quality)
        sparse.append(build_template(a, Position.UNKNOWN))
        crowded.append(build_template(narrow, Position.UNKNOWN))
    best_sparse = max(compare(a, b) for a, b in combinations(sparse, 2))
    best_crowded = max(compare(a, b) for a, b in combinations(crowded, 2))
    assert best_crowded < best_sparse + 0.03


@pytest.mark.parametrize("order", ["probe", "reference"])
def test_known_positions_compare_only_with_each_other(order: str) -> None:
    left, right = impression(1, 0, Position.LEFT_INDEX), impression(1, 1, Position.RIGHT_INDEX)
    unknown = impression(1, 1)
    pair = (left, right) if order == "probe" else (right, left)
    assert compare(*pair) == 0
    assert compare(left, unknown) > 0
    assert compare(unknown, left) > 0


def test_templates_without_cylinders_match_nothing() -> None:
    codes = np.zeros(2, np.uint8)
    sparse = build_template(
        Minutiae(np.ones((2, 2), np.float32), np.zeros(2, np.float32), codes, codes), Position.UNKNOWN
    )
    assert compare(sparse, sparse) == compare(sparse, impression(1, 0)) == compare(impression(1, 0), sparse) == 0


def test_cylinders_with_nothing_in_common_lead_to_no_motion() -> None:
    """A similarity of zero gave a motion that is no number, and read memory far outside the template."""
    x = np.array([88.25, 68.5625, 64.375, 191.875, 154.1875, 152.8125])
    y = np.array([158.5, 148.375, 255.75, 161.8125, 242.4375, 254.75])
    angle, codes = np.array([0.16, 3.28, 3.49, 3.25, 0.58, 3.42]), np.zeros(6, np.uint8)
    sparse = build_template(on_grid(x, y, angle, codes, codes), Position.UNKNOWN)
    for finger in range(12):
        assert 0 <= compare(sparse, impression(finger, 0)) < 0.15


def test_the_largest_templates_are_compared() -> None:
    crowded = Conditions(invented=6, missed=0)
    a = SyntheticFinger(1).impression(0, crowded)
    full = Minutiae(a.xy[:255], a.angle[:255], a.kind[:255], a.quality[:255])
    assert len(full) == 255
    template = build_template(full, Position.UNKNOWN)
    assert compare(template, template) > 0.3


@pytest.mark.slow
def test_machine_code_is_kept_between_processes(tmp_path: Path) -> None:
    """The second process finds the machine code of the first and compiles nothing."""
    program = """
import sys
from pathlib import Path
from models.fingerprint import compiler
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
compiler.use_cache_folder(Path(sys.argv[1]))
encode_fingerprint(synthetic_template(1, 0, Position.UNKNOWN), None)
from models.fingerprint import kernels
print(sum(kernels._build.stats.cache_hits.values()), sum(kernels._build.stats.cache_misses.values()))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(models.__file__).parents[1])}
    command = [sys.executable, "-c", program, str(tmp_path)]
    first, second = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )
    assert first == ["0", "1"]
    assert second == ["1", "0"]


def test_after_warming_up_nothing_is_compiled() -> None:
    warm_up()
    compare(impression(3, 0), impression(3, 1))
    kernels_in_use: tuple[Any, ...] = (comparison.compare_many, kernels._build)
    assert [len(kernel.signatures) for kernel in kernels_in_use] == [1, 1]
