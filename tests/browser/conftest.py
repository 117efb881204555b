"""One browser and one desk for all tests in browsers; what pages did wrong fails the test that met it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from models.face import FaceEncoder
from models.weights import ModelStore
from tests.browser.chromium import running_chromium
from tests.browser.desk import Desk
from tests.service.live import LiveNode


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def whole_desk(
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    model_store: ModelStore,
    faces: FaceEncoder,
    portraits: dict[str, bytes],
) -> Iterator[Desk]:
    often = {"probes_per_subject": 100, "probes_per_subject_partner": 100}  # all tests check the same person
    node = LiveNode(tmp_path_factory.mktemp("desk") / "node", model_store.folder, faces, often)
    yield Desk(node, chromium, portraits["astronaut.png"])
    node.stop()


@pytest.fixture
def desk(whole_desk: Desk) -> Iterator[Desk]:
    """The desk, with nobody checked lately. No page may ask another host for anything, nor break its own policy."""
    whole_desk.wrong.clear()
    yield whole_desk
    assert whole_desk.wrong == []
