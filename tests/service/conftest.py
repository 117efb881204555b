"""A fresh node for each test; the costly parts, model files and networks, once for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.face import FaceEncoder
from models.weights import ModelStore
from service.commands.portraits import portraits as fetch_portraits
from tests.service.node import Node, NodeMaker


@pytest.fixture(scope="session")
def faces(model_store: ModelStore) -> FaceEncoder:
    return FaceEncoder(model_store)


@pytest.fixture(scope="session")
def portraits() -> dict[str, bytes]:
    return fetch_portraits()


@pytest.fixture
def make_node(tmp_path: Path, model_store: ModelStore, faces: FaceEncoder) -> Iterator[NodeMaker]:
    nodes: list[Node] = []

    def make(**settings: object) -> Node:
        nodes.append(Node(tmp_path / f"node-{len(nodes)}", model_store.folder, faces, dict(settings)))
        return nodes[-1]

    yield make
    for node in nodes:
        node.stop()


@pytest.fixture
def node(make_node: NodeMaker) -> Node:
    return make_node()
