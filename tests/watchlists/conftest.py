from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.watchlists.makers import Node, open_node


@pytest.fixture
def node(tmp_path: Path, databases: Databases) -> Iterator[Node]:
    node = open_node(tmp_path, databases.migrated(tmp_path))
    yield node
    node.engine.dispose()
