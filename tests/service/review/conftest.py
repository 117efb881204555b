from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.face import FaceEncoder
from models.weights import ModelStore
from tests.service.node import Node
from tests.service.review.desk import ReviewScene
from tests.service.scene import Scene, add_third_partner


@pytest.fixture(scope="package")
def shared_node(
    tmp_path_factory: pytest.TempPathFactory, model_store: ModelStore, faces: FaceEncoder
) -> Iterator[Node]:
    """One node for all tests of the desk."""
    node = Node(tmp_path_factory.mktemp("desk") / "node", model_store.folder, faces)
    add_third_partner(node)
    yield node
    node.stop()


@pytest.fixture
def desk(scene: Scene) -> ReviewScene:
    """A review desk on the node that all these tests share; XB has an entry on the person."""
    desk = ReviewScene(scene)
    scene.enrol()
    return desk
