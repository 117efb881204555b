"""The lock of the gallery."""

import threading
from concurrent.futures import ThreadPoolExecutor

from watchlists.gallery.lock import SharedLock


def test_a_writer_is_alone() -> None:
    lock = SharedLock()
    inside = {"readers": 0, "writers": 0}
    crowds: list[tuple[int, int]] = []
    guard = threading.Lock()

    def enter(kind: str) -> None:
        with lock.shared() if kind == "readers" else lock.exclusive():
            with guard:
                inside[kind] += 1
                crowds.append((inside["readers"], inside["writers"]))
            threading.Event().wait(0.0005)
            with guard:
                inside[kind] -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(enter, (["readers"] * 3 + ["writers"]) * 60))

    assert {(readers, writers) for readers, writers in crowds if writers} == {(0, 1)}
    assert max(readers for readers, _ in crowds) > 1


def test_a_waiting_writer_comes_before_new_readers() -> None:
    lock = SharedLock()
    order: list[str] = []

    def write() -> None:
        with lock.exclusive():
            order.append("writer")

    def read() -> None:
        with lock.shared():
            order.append("reader")

    with ThreadPoolExecutor(2) as threads:
        with lock.shared():
            writer = threads.submit(write)
            while not lock._writers_waiting:
                threading.Event().wait(0.001)
            reader = threads.submit(read)
            threading.Event().wait(0.01)
            assert order == []
        writer.result()
        reader.result()
    assert order == ["writer", "reader"]


def test_an_exception_lets_go() -> None:
    lock = SharedLock()
    for hold in (lock.shared, lock.exclusive, lock.shared):
        try:
            with hold():
                raise InterruptedError
        except InterruptedError:
            pass
    with lock.exclusive():
        pass
