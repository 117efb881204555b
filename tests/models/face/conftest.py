from __future__ import annotations

import pytest

from models.face import FaceEncoder
from models.face.detect import FaceDetector
from models.weights import YUNET, ModelStore


@pytest.fixture(scope="session")
def encoder(model_store: ModelStore) -> FaceEncoder:
    return FaceEncoder(model_store, threads=2)


@pytest.fixture(scope="session")
def detector(model_store: ModelStore) -> FaceDetector:
    return FaceDetector(model_store.read(YUNET.name))
