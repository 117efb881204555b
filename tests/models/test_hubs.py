"""Faces that are like everybody are told from those of people."""

from __future__ import annotations

import numpy as np
import pytest

from models.face import FaceEncoder
from models.hubs import _AVERAGE_FACE, is_like_everybody
from models.weights import ModelStore
from service.commands.portraits import portraits

BUILT_IN = "dlib-sface-1"


def unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@pytest.fixture(scope="module")
def people(model_store: ModelStore) -> np.ndarray:
    encoder = FaceEncoder(model_store)
    assert encoder.model == BUILT_IN
    vectors = [encoder.encode(image).vector for image in portraits().values()]
    return np.array([vector for vector in vectors if vector is not None])


def test_people_are_like_few(people: np.ndarray) -> None:
    assert len(people) == 4
    assert not any(is_like_everybody(BUILT_IN, vector) for vector in people)


def test_an_average_face_is_like_everybody(people: np.ndarray) -> None:
    assert is_like_everybody(BUILT_IN, unit(_AVERAGE_FACE))
    assert is_like_everybody(BUILT_IN, unit(people[1:].mean(axis=0)))  # of three people


def test_of_another_embedding_nothing_is_said() -> None:
    assert not is_like_everybody("an-operators-own", unit(_AVERAGE_FACE))
