"""What is waited out so that nobody learns how long something took."""

from __future__ import annotations

import time

import pytest

from service.pace import remaining, wait_out


@pytest.mark.parametrize(
    ("elapsed", "expected"), [(0.0, 0.0), (0.5, 1.5), (2.0, 0.0), (2.25, 1.75), (3.5, 0.5), (1001.0, 1.0)]
)
def test_what_remains_to_the_next_step(elapsed: float, expected: float) -> None:
    assert remaining(elapsed, 2.0) == expected


def test_no_step_is_ended_early() -> None:
    begun = time.perf_counter()
    wait_out(begun, 0.01)
    assert time.perf_counter() - begun >= 0.01
