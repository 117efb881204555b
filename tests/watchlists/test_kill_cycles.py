"""An acknowledged write survives `kill -9` at any point; any other is whole or absent.

A few cycles here; `make kill-cycles` runs 200 on each kind of database, with another seed each time, and prints it.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.kill_cycles import KillCycles, Tally
from tests.watchlists.makers import Node

pytestmark = pytest.mark.slow

ON_BOTH_DATABASES = True
CYCLES = int(os.environ.get("CROSSCHECK_TEST_KILL_CYCLES", "4"))
SEED = int(os.environ.get("CROSSCHECK_TEST_KILL_SEED") or random.randrange(10**6))


def test_a_writer_that_is_killed_leaves_whole_entries_and_loses_none(node: Node) -> None:
    cycles = KillCycles(node, SEED)
    try:
        cycles.run(CYCLES)
    finally:
        print(f"\n{node.engine.dialect.name}, seed {SEED}: {cycles.tally}")  # noqa: T201 -- to run it again
    assert cycles.tally == Tally(
        cycles=CYCLES,
        acknowledged=cycles.tally.acknowledged,
        unacknowledged_whole=cycles.tally.unacknowledged_whole,
        unacknowledged_absent=cycles.tally.unacknowledged_absent,
    )
    assert cycles.tally.acknowledged > 0
