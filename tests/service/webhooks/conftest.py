"""A node whose partners have endpoints, and a receiver that listens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.service.webhooks.receiver import Receiver, receiving
from tests.service.webhooks.scene import Post


@pytest.fixture
def post(tmp_path: Path, databases: Databases) -> Iterator[Post]:
    post = Post(tmp_path, databases.migrated(tmp_path))
    yield post
    post.close()


@pytest.fixture(scope="module")
def listening() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    listening.received.clear()
    listening.answers.clear()
    return listening
