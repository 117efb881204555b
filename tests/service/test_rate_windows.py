"""A moving window holds the calls of its last seconds, and no others; what was refused is not in it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter

from service.rate_windows import SWEEP_EVERY, RateWindows

THREE = RateLimitItemPerMinute(3)


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from("ab")), max_size=40))
def test_a_call_counts_if_fewer_than_the_limit_came_in_the_minute_before(calls: list[tuple[float, str]]) -> None:
    clock = Clock()
    limiter = MovingWindowRateLimiter(RateWindows(clock))
    counted: list[tuple[float, str]] = []
    for pause, who in calls:
        clock.now += pause
        lately = [at for at, caller in counted if caller == who and at > clock.now - 60]
        stats = limiter.get_window_stats(THREE, who)
        assert limiter.test(THREE, who) is (len(lately) < 3)
        assert (stats.reset_time, stats.remaining) == ((lately or [clock.now])[0] + 60, 3 - len(lately))
        if limiter.hit(THREE, who):
            assert len(lately) < 3
            counted.append((clock.now, who))
        else:
            assert len(lately) == 3


def test_who_has_not_called_for_a_while_is_forgotten() -> None:
    clock = Clock()
    windows = RateWindows(clock)
    limiter = MovingWindowRateLimiter(windows)
    for number in range(100):
        limiter.hit(THREE, f"address {number}")
    clock.now += SWEEP_EVERY + 1
    limiter.hit(THREE, "address 7")
    assert windows.remembered() == [THREE.key_for("address 7")]


def test_no_thread_is_started_for_a_call() -> None:
    limiter = MovingWindowRateLimiter(RateWindows())
    running = threading.active_count()
    for _ in range(20):
        limiter.hit(THREE, "a")
        limiter.test(THREE, "a")
    assert threading.active_count() <= running


def test_nobody_is_held_for_long_by_a_clock_that_is_set_back() -> None:
    clock = Clock()
    windows = RateWindows(clock)
    limiter = MovingWindowRateLimiter(windows)
    limiter.hit(THREE, "a")
    clock.now -= 10_000
    limiter.hit(THREE, "b")
    clock.now += 61
    limiter.hit(THREE, "c")
    assert THREE.key_for("b") not in windows.remembered()


def test_all_or_one_can_be_forgotten() -> None:
    windows = RateWindows()
    limiter = MovingWindowRateLimiter(windows)
    for who in "aab":
        limiter.hit(THREE, who)
    windows.clear(THREE.key_for("a"))
    assert limiter.get_window_stats(THREE, "a").remaining == 3
    assert (windows.reset(), windows.remembered()) == (1, [])
