"""What the tests of all packages share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from models.face import FaceEncoder
from models.weights import ModelStore
from service.commands.portraits import cache_folder
from service.commands.portraits import portraits as fetch_portraits
from tests.databases import KINDS, Databases, Files, OnServer
from tests.postgresql import Server, running_server

# How long one of its examples takes says more of what else the machine does than of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

ON_BOTH_IN_EVERY_RUN = {"tests.watchlists.test_store", "tests.watchlists.test_changes"}
"""What all else rests on. Others are tried on PostgreSQL with the slow tests."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "databases" in metafunc.fixturenames and getattr(metafunc.module, "ON_BOTH_DATABASES", False):
        marks = [] if metafunc.module.__name__ in ON_BOTH_IN_EVERY_RUN else [pytest.mark.slow]
        kinds = [kind if kind == "sqlite" else pytest.param(kind, marks=marks) for kind in KINDS]
        metafunc.parametrize("databases", kinds, indirect=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for all tests of this process."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def on_server(server: Server) -> OnServer:
    return OnServer(server)


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Databases:
    """Where new databases come from: files of SQLite, unless the module asks for both kinds."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return Files()
    on_server: OnServer = request.getfixturevalue("on_server")
    return on_server


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """The real model files: prepared once, kept in the user's cache (or in CROSSCHECK_TEST_MODELS), always verified."""
    chosen = os.environ.get("CROSSCHECK_TEST_MODELS")
    store = ModelStore(Path(chosen) if chosen else cache_folder() / "models")
    store.prepare(lambda _what, _share: None)
    return store


@pytest.fixture(scope="session")
def faces(model_store: ModelStore) -> FaceEncoder:
    return FaceEncoder(model_store)


@pytest.fixture(scope="session")
def portraits() -> dict[str, bytes]:
    return fetch_portraits()
