"""What the tests of all packages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.weights import ModelStore
from service.commands.portraits import cache_folder


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """The real model files: prepared once, kept in the user's cache (or in CROSSCHECK_TEST_MODELS), always verified."""
    chosen = os.environ.get("CROSSCHECK_TEST_MODELS")
    store = ModelStore(Path(chosen) if chosen else cache_folder() / "models")
    store.prepare(lambda _what, _share: None)
    return store
