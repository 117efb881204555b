from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.watchlists.exchange.pair import Away, Clock, Home, Pair
from tests.watchlists.feed.conftest import at_home, for_a_day, rules
from tests.watchlists.makers import open_node
from watchlists.agreements.decide import RuleBook

__all__ = ["at_home", "for_a_day", "rules"]


@pytest.fixture
def pair(tmp_path: Path, databases: Databases, rules: RuleBook) -> Iterator[Pair]:
    """A feed that is allowed and followed, with nothing in it yet."""
    nodes = []
    for name in ("home", "away"):
        (tmp_path / name).mkdir()
        nodes.append(open_node(tmp_path / name, databases.migrated(tmp_path / name)))
    clock = Clock()
    pair = Pair(Home(nodes[0], rules, clock), Away(nodes[1], rules, clock), clock)
    pair.home.begin(pair.away.keys.make("xa", clock()))
    pair.away.subscribe(pair.home)
    yield pair
    for node in nodes:
        node.engine.dispose()
