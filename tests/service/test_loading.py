"""The gallery is loaded beside the rest of a start; whichever fails, the start fails, and nothing goes on."""

from __future__ import annotations

import gc
import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from service.loading import MANY_ENTRIES, loading
from tests.watchlists.makers import SPACE, Node, entry, face, open_node
from watchlists.errors import OpenersEnded
from watchlists.gallery import LocalGallery
from watchlists.records import Templates


class NetworkLostError(Exception):
    pass


@pytest.fixture
def node(tmp_path: Path) -> Node:
    node = open_node(tmp_path)
    with node.store.writing() as write:
        write.put_entries([(entry(f"e{n}"), Templates((face(n % 50),))) for n in range(1200)])
    return node


def helpers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gallery")]


@pytest.mark.parametrize("entries", [1200, pytest.param(MANY_ENTRIES, marks=pytest.mark.slow)])
def test_it_is_loaded_on_leaving(node: Node, entries: int) -> None:
    gallery = LocalGallery(node.store, SPACE)
    with loading(gallery, entries):
        assert not gc.isenabled()
    assert gc.isenabled()
    assert (gallery.entries, gallery.templates) == (1200, 1200)
    assert gallery.sequence == node.store.log.last_sequence()
    assert (helpers(), multiprocessing.active_children()) == ([], [])


@pytest.mark.parametrize("entries", [1200, pytest.param(MANY_ENTRIES, marks=pytest.mark.slow)])
def test_what_fails_beside_it_ends_it(node: Node, entries: int) -> None:
    gallery = LocalGallery(node.store, SPACE)
    # While somebody searches it, nothing is brought in: what fails then fails before the end.
    with pytest.raises(NetworkLostError), loading(gallery, entries), gallery._lock.shared():
        raise NetworkLostError
    assert gc.isenabled()
    assert gallery.sequence < node.store.log.last_sequence()
    assert (helpers(), multiprocessing.active_children()) == ([], [])


@pytest.mark.slow
def test_its_own_failure_is_that_of_the_start(node: Node) -> None:
    with pytest.raises(OpenersEnded), loading(LocalGallery(node.store, SPACE), MANY_ENTRIES):
        kill_an_opener()
    assert gc.isenabled()


def kill_an_opener() -> None:
    deadline = time.monotonic() + 20
    while not (openers := multiprocessing.active_children()):
        assert time.monotonic() < deadline
    openers[0].kill()
