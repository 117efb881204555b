"""The change log: numbers in commit order, nothing missed by who follows it."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.processes import in_processes, write_and_withdraw
from tests.watchlists.makers import Node, entry, faces
from watchlists.changes import ChangeLog, Follower
from watchlists.records import Change, ChangeKind, EntryKey, Partner, Watchlist
from watchlists.store import Outcome, PutResult

ON_BOTH_DATABASES = True
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


def test_a_follower_beside_writing_processes_misses_nothing(node: Node) -> None:
    recorder = Recorder(node.store.log)
    arguments = [(node.folder / "root.key", node.engine.url, f"p{number}", WRITES) for number in range(2)]
    with in_processes(write_and_withdraw, arguments) as writers:
        while not all(writer.done() for writer in writers):
            recorder.catch_up()
    recorder.catch_up()

    results = [writer.result() for writer in writers]
    assert [change.sequence for change in recorder.seen] == list(range(1, 2 * 2 * WRITES + 1))
    by_number = {change.sequence: change.key.entry for change in recorder.seen}
    assert all(by_number[sequence] == name for result in results for sequence, name in result)


def test_those_who_write_the_same_new_entry_at_once_all_succeed(node: Node) -> None:
    ready = threading.Barrier(WRITERS)

    def write(writer: int, name: str) -> PutResult:
        ready.wait()
        return node.store.put_entry(entry(name), faces(writer))

    for name in ("e1", "e2", "e3"):
        with ThreadPoolExecutor(WRITERS) as threads:
            results = list(threads.map(write, range(WRITERS), [name] * WRITERS))
        results.sort(key=lambda result: result.sequence)
        assert [result.outcome for result in results] == [Outcome.CREATED, *[Outcome.REPLACED] * (WRITERS - 1)]
        assert node.store.entry(EntryKey("xb-alerts", name)).sequence == results[-1].sequence
    assert node.store.log.last_sequence() == 3 * WRITERS


def test_those_who_add_the_same_partner_and_watchlist_at_once_all_succeed(node: Node) -> None:
    ready = threading.Barrier(WRITERS)

    def add(_writer: int) -> tuple[Outcome, Outcome]:
        ready.wait()
        return node.store.add_partner(Partner("xc", "XC")), node.store.put_watchlist(Watchlist("xc-a", "xc", "Alerts"))

    with ThreadPoolExecutor(WRITERS) as threads:
        added, put = zip(*threads.map(add, range(WRITERS)), strict=True)
    assert sorted(added) == sorted(put) == [Outcome.CREATED, *[Outcome.UNCHANGED] * (WRITERS - 1)]


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
