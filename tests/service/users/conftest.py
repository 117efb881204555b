"""The parts that deal with people, over a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.service.users.desk import Desk
from tests.watchlists.makers import open_node


@pytest.fixture
def desk(tmp_path: Path, databases: Databases) -> Iterator[Desk]:
    desk = Desk(open_node(tmp_path, databases.migrated(tmp_path)))
    yield desk
    desk.node.engine.dispose()
