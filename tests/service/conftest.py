"""A fresh node for each test, or a scene on one that a module shares; the costly parts, model files and networks, once
for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.face import FaceEncoder
from models.weights import ModelStore
from tests.databases import Databases
from tests.service.node import Node, NodeMaker
from tests.service.scene import Scene, add_third_partner


@pytest.fixture
def make_node(tmp_path: Path, model_store: ModelStore, faces: FaceEncoder, databases: Databases) -> Iterator[NodeMaker]:
    nodes: list[Node] = []

    def make(**settings: object) -> Node:
        home = tmp_path / f"node-{len(nodes)}"
        nodes.append(Node(home, model_store.folder, faces, dict(settings), databases))
        return nodes[-1]

    yield make
    for node in nodes:
        node.stop()


@pytest.fixture
def node(make_node: NodeMaker) -> Node:
    return make_node()


@pytest.fixture(scope="module")
def shared_node(
    tmp_path_factory: pytest.TempPathFactory, model_store: ModelStore, faces: FaceEncoder
) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("shared") / "node", model_store.folder, faces)
    add_third_partner(node)
    yield node
    node.stop()


@pytest.fixture
def scene(shared_node: Node) -> Iterator[Scene]:
    """A situation of the test's own, on a node that the tests of a module share."""
    scene = Scene(shared_node)
    yield scene
    scene.clear()
