"""Loads the gallery beside all else that a start does: the one waits for templates, the other for networks."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from watchlists.gallery import LocalGallery

MANY_ENTRIES = 100_000
"""From so many on, processes are started to load the gallery; fewer are there before these would be."""
_NOTICED_ENTRIES = 10_000  # from so many on, a look through all objects of the gallery takes milliseconds
_MOST_OPENERS = 4


class _GivenUpError(Exception):
    """The start has failed elsewhere."""


@contextmanager
def loading(gallery: LocalGallery, entries: int) -> Iterator[None]:
    """Load a gallery in a thread of its own while the body goes on; on leaving it is loaded.

    If the body fails, loading is given up. Python's collector of cycles is kept away from the objects of a large one.

    Args:
        gallery: an empty one.
        entries: how many there are to load.

    Raises:
        OpenersEnded: one of the processes that help ended before its time.
    """
    given_up = threading.Event()

    def go_on(_done: int, _total: int) -> None:
        if given_up.is_set():
            raise _GivenUpError

    processes = min(_MOST_OPENERS, os.cpu_count() or 1) if entries >= MANY_ENTRIES else 0
    gc.disable()
    try:
        with ThreadPoolExecutor(1, "gallery") as threads:
            loaded = threads.submit(gallery.load, go_on, processes=processes)
            try:
                yield
                loaded.result()
            except BaseException:
                given_up.set()
                raise
    finally:
        gc.enable()
    if entries >= _NOTICED_ENTRIES:
        gc.freeze()  # they stay: to look through a million over and over would halt a check for half a second each time
