"""The change log: numbers in commit order, nothing missed by who follows it."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.watchlists.makers import Node, entry, faces
from watchlists.changes import ChangeLog, Follower
from watchlists.records import Change, ChangeKind, EntryKey

WRITERS, WRITES = 4, 25


class Recorder(Follower):
    """Keeps every change it is given."""

    def __init__(self, log: ChangeLog) -> None:
        super().__init__(log)
        self.seen: list[Change] = []

    @property
    def sequence(self) -> int:
        return self.seen[-1].sequence if self.seen else 0

    def follow(self, new: Sequence[Change]) -> None:
        self.seen.extend(new)


def test_a_follower_beside_concurrent_writers_misses_nothing(node: Node) -> None:
    recorder = Recorder(node.store.log)
    done = threading.Event()

    def write(writer: int) -> list[int]:
        names = [f"w{writer}-{i}" for i in range(WRITES)]
        return [node.store.put_entry(entry(name), faces(writer)).sequence for name in names]

    def follow() -> None:
        while not done.is_set():
            recorder.catch_up()

    with ThreadPoolExecutor(WRITERS + 2) as threads:
        followers = [threads.submit(follow) for _ in range(2)]
        written = [threads.submit(write, writer) for writer in range(WRITERS)]
        try:
            results = [future.result() for future in written]
        finally:
            done.set()  # also where a write failed: the followers would follow for ever
        for follower in followers:
            follower.result()
    recorder.catch_up()

    assert [change.sequence for change in recorder.seen] == list(range(1, WRITERS * WRITES + 1))
    by_number = {change.sequence: change.key.entry for change in recorder.seen}
    for writer, sequences in enumerate(results):
        assert sequences == sorted(sequences)
        assert [by_number[sequence] for sequence in sequences] == [f"w{writer}-{i}" for i in range(WRITES)]


def test_the_log_is_read_in_pieces_from_any_cursor(node: Node) -> None:
    for person in range(5):
        node.store.put_entry(entry(f"e{person}"), faces(person))
    node.store.withdraw_entry(EntryKey("xb-alerts", "e0"), "xb")

    assert [change.sequence for change in node.store.log.after(1, limit=3)] == [2, 3, 4]
    last = node.store.log.after(5)
    assert [(change.kind, change.key, change.owner) for change in last] == [
        (ChangeKind.WITHDRAW, EntryKey("xb-alerts", "e0"), "xb")
    ]
    assert node.store.log.after(6) == []
    assert node.store.log.last_sequence() == 6


def test_an_empty_log_has_sequence_zero(node: Node) -> None:
    assert node.store.log.last_sequence() == 0
    assert Recorder(node.store.log).catch_up() == 0
