from __future__ import annotations

import numpy as np
import pytest
from rich.progress import Progress

from models.weights import ModelStore
from service.commands.bench_timing import mann_whitney, measure_timing

pytestmark = pytest.mark.slow


def test_two_samples_are_told_apart_by_rank() -> None:
    """The exact p-value of two samples of 5 that do not overlap is 2 / 252; the approximation is a little higher."""
    low, high = np.arange(5.0), np.arange(5.0, 10.0)
    assert mann_whitney(low, high) == mann_whitney(high, low) == pytest.approx(0.0090, abs=1e-4)
    assert mann_whitney(low, low) == 1.0


def test_checks_are_timed_with_and_without_what_the_terminal_may_not_see(
    model_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSCHECK_MODELS", str(model_store.folder))
    figures = measure_timing(3, Progress(disable=True))
    assert [(found.case, found.pairs, found.alarms) for found in figures] == [
        ("hidden entry", 3, 0),
        ("silent alarm", 3, 3),
    ]
    for found in figures:
        assert min(found.listed_ms, found.empty_ms) > 0
        assert 0 <= found.p_value <= 1
        assert 0 <= found.slower <= 1
