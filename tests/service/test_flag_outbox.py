"""Between check and flag: nothing shows, nothing is lost, nothing happens twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Table, select

from service.api.messages import MatchRequest
from service.flag_outbox import BATCH, RETRY_AFTER, SEALED_FLAG, STEP, FlagOpener, packed, unpacked
from service.flagged import FlaggedCandidate, FlagToOpen, Owed
from service.flags import Flags
from service.identity import Caller
from service.ledger import REST
from service.roles import Role
from service.schema import duties, flag_candidates, flags, flags_to_open, notices
from tests.service.node import Node, NodeMaker
from tests.service.recorded import recorded
from tests.service.treaties import permit, sign
from tests.statements import Sent, statements
from tests.watchlists.makers import NOW
from watchlists.agreements import Clause, Obligation
from watchlists.database import writing
from watchlists.gallery import SearchResult

ON_BOTH_DATABASES = True
WANTED, OTHER = 1, 2
CALLER = Caller("xa", Role.TERMINAL, "xa-terminal")
SILENT = "silent-alarm, confirm-within(12 h), notify-owner, always-review"


class Desk:
    """A node where hits are silent alarms, and whose service is down: flags are opened when a test says so."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.engine = node.runtime.store.engine
        sign(node, permit("search"), permit("see alert", SILENT))

    def check(self, finger: int = WANTED) -> MatchRequest:
        """Check a person; the terminal must see nothing."""
        request = MatchRequest.model_validate(self.node.request(finger_number=finger, purpose="crime"))
        answer = self.node.runtime.checks.check(CALLER, request, bytes(32))
        assert (answer.outcome, answer.flag_id) == ("no-candidates", None)
        return request

    def opener(self, flags: Flags | None = None) -> FlagOpener:
        """Another opener than that of the service, as another process has it."""
        runtime = self.node.runtime
        return FlagOpener(self.engine, runtime.store.keys, flags or Flags(runtime.duties), runtime.metrics)

    def count(self, *tables: Table) -> list[int]:
        with self.engine.connect() as connection:
            return [len(connection.execute(select(table)).all()) for table in tables]

    def events(self, kind: str) -> list[dict[str, Any]]:
        return recorded(self.node.runtime.store, kind)

    def waiting(self) -> float | None:
        return self.node.runtime.metrics.registry.get_sample_value("crosscheck_flags_waiting")


@contextmanager
def down(node: Node) -> Iterator[None]:
    """Nobody opens flags meanwhile."""
    node.stop()
    yield
    node.start()


@pytest.fixture
def desk(node: Node) -> Iterator[Desk]:
    desk = Desk(node)
    node.enrol("xb", "E-1", finger_number=WANTED)
    with down(node):
        yield desk


OPENED = (flags, flag_candidates, duties, notices)


def test_a_check_leaves_one_row_and_its_flag_is_opened_as_of_the_check(desk: Desk) -> None:
    request = desk.check()
    assert desk.count(flags_to_open, *OPENED) == [1, 0, 0, 0, 0]

    desk.node.clock.turn(timedelta(hours=1))
    desk.node.settle()
    assert desk.count(flags_to_open, *OPENED) == [0, 1, 1, 3, 1]
    with desk.engine.connect() as connection:
        flag = connection.execute(select(flags)).mappings().one()
        due = connection.execute(select(duties.c.due_at).where(duties.c.obligation == "confirm-within")).scalar_one()
        told = connection.execute(select(notices.c.at)).scalar_one()
    (answered,), (opened,) = desk.events("check-answered"), desk.events("flag-opened")
    assert flag["check_id"] == str(request.check_id)
    assert flag["opened_at"] == told == answered["at"] == opened["at"]
    assert due == answered["at"] + timedelta(hours=12)


def test_of_a_check_without_candidates_nothing_stays(desk: Desk) -> None:
    desk.check(OTHER)
    assert desk.count(flags_to_open) == [1]
    desk.node.settle()
    assert desk.count(flags_to_open, *OPENED) == [0] * 5
    assert desk.events("flag-opened") == []


def test_several_openers_open_each_flag_once(desk: Desk) -> None:
    for number in range(6):
        desk.check(OTHER if number % 2 else WANTED)
    openers = [desk.opener() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        left = list(threads.map(lambda opener: opener.run(NOW), openers))
    assert left == [0] * 4
    assert desk.count(flags_to_open, *OPENED) == [0, 3, 3, 9, 3]
    assert len(desk.events("flag-opened")) == 3


class Interrupted(Flags):
    """Ends in the middle: everything of the flag is written, and nothing is committed."""

    def __init__(self, flags: Flags, error: BaseException) -> None:
        self._whole, self._error = flags, error

    def open(self, connection: Connection, flag: FlagToOpen) -> None:
        self._whole.open(connection, flag)
        raise self._error


def test_partners_are_locked_before_the_audit_log(desk: Desk) -> None:
    """The next flag of the batch may tell its owner, and whoever tells locks partners first: nobody waits in a ring."""
    sign(desk.node, permit("search"), permit("see alert", "silent-alarm"))
    desk.check()
    with statements(desk.engine) as sent:
        assert desk.opener().run(NOW) == 0
    assert desk.count(flags, notices) == [1, 0]
    first = {table: _first(sent, f"FROM {table} ") for table in ("partners", "audit_log")}
    assert first["partners"] < first["audit_log"]


def _first(sent: list[Sent], words: str) -> int:
    return next(number for number, each in enumerate(sent) if words in " ".join(each.sql.split()) + " ")


def test_a_crash_leaves_the_flag_to_be_opened(desk: Desk) -> None:
    desk.check()
    with pytest.raises(SystemExit):
        desk.opener(Interrupted(Flags(desk.node.runtime.duties), SystemExit())).run(NOW)
    assert desk.count(flags_to_open, *OPENED) == [1, 0, 0, 0, 0]
    desk.node.settle()
    assert desk.count(flags_to_open, *OPENED) == [0, 1, 1, 3, 1]


def test_what_fails_is_undone_whole_and_logged_without_a_word_of_it(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.check()
    assert desk.opener(Interrupted(Flags(desk.node.runtime.duties), KeyError("E-1"))).run(NOW) == 1
    assert desk.count(flags_to_open, *OPENED) == [1, 0, 0, 0, 0]
    assert "a flag was not opened: KeyError at " in caplog.text
    assert "E-1" not in caplog.text


def test_one_that_does_not_open_keeps_no_other_waiting_and_is_tried_again(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        desk.check()
    with writing(desk.engine) as connection:
        first, second = connection.execute(select(flags_to_open).order_by(flags_to_open.c.number)).mappings().all()
        _reseal(connection, first["number"], second["sealed"])  # moved to another check: it does not open
    desk.node.settle()
    assert desk.count(flags_to_open, flags) == [1, 1]
    assert desk.waiting() == 1
    assert caplog.text.count("a flag was not opened: SealBroken at ") == 1

    with writing(desk.engine) as connection:
        _reseal(connection, first["number"], first["sealed"])
    desk.node.settle()
    assert desk.count(flags_to_open, flags) == [1, 1]

    desk.node.clock.turn(RETRY_AFTER)
    desk.node.settle()
    assert desk.count(flags_to_open, flags) == [0, 2]
    assert desk.waiting() == 0


def test_each_that_does_not_open_is_tried_again_at_its_own_time(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        number = _last(desk) + 1
        desk.check(OTHER)
        with writing(desk.engine) as connection:
            _reseal(connection, number, b"\1" + bytes(100))
        desk.node.settle()
        desk.node.clock.turn(RETRY_AFTER / 2)
    assert caplog.text.count("a flag was not opened") == 4  # the first twice, when the third was opened
    assert desk.waiting() == 3


def _last(desk: Desk) -> int:
    with desk.engine.connect() as connection:
        return max(connection.execute(select(flags_to_open.c.number)).scalars(), default=0)


def test_all_that_wait_are_opened_in_one_run_however_many_they_are(desk: Desk) -> None:
    for finger in range(100, 101 + BATCH):
        desk.check(finger)
    assert desk.count(flags_to_open) == [BATCH + 1]
    assert desk.opener().run(desk.node.clock()) == 0
    assert desk.count(flags_to_open) == [0]


def _reseal(connection: Connection, number: int, sealed: bytes) -> None:
    connection.execute(flags_to_open.update().where(flags_to_open.c.number == number).values(sealed=sealed))


def test_a_row_of_a_form_that_is_not_known_stays(desk: Desk) -> None:
    check, keys = desk.check(), desk.node.runtime.store.keys
    with writing(desk.engine) as connection:
        number = connection.execute(select(flags_to_open.c.number)).scalar_one()
        strange = keys.seal_for("xa", SEALED_FLAG, b'{"id": 7}', str(check.check_id), connection=connection)
        _reseal(connection, number, strange)
    desk.node.settle()
    assert desk.count(flags_to_open, flags) == [1, 0]


def test_what_the_last_process_left_is_opened_at_the_start(desk: Desk) -> None:
    desk.check()
    desk.node.start()
    try:
        assert _comes(lambda: desk.count(flags_to_open, flags) == [0, 1])
    finally:
        desk.node.stop()


def _comes(happens: Callable[[], Any], patience: float = 30.0) -> bool:
    end = time.monotonic() + patience
    while not happens() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(happens())


def test_nothing_is_left_at_the_end(node: Node) -> None:
    desk = Desk(node)
    node.enrol("xb", "E-1", finger_number=WANTED)
    for _ in range(3):
        assert node.check("xa", finger_number=WANTED, purpose="crime")["outcome"] == "no-candidates"
    with down(node):
        assert desk.count(flags_to_open, flags) == [0, 3]


def flag_of(candidates: int) -> FlagToOpen:
    clauses = (Clause("treaty", 3, "see-alert", "Article 4(2)"), Clause("treaty", 3, "search"))
    found = FlaggedCandidate(
        id=UUID(int=1),
        owner="xb",
        watchlist="xb-alerts",
        entry="E-1",
        score=5.123456789012345,
        level="hit",
        later_level="alert",
        decided_by=clauses,
        terms=("reviewers(2)", "confirm-within(12 h)"),
        silent=True,
        owed=(Owed(Obligation.CONFIRM_WITHIN, NOW + timedelta(hours=12)), Owed(Obligation.ALWAYS_REVIEW, None)),
    )
    each = tuple(replace(found, id=uuid4()) for _ in range(candidates))
    return FlagToOpen(uuid4(), "xa", uuid4(), "XA-GATE-07", "crime", True, NOW, uuid4(), False, each)


@pytest.mark.parametrize(("candidates", "steps"), [(0, 1), (1, 1), (5, 1), (8, 2), (100, 14)])
def test_what_is_sealed_has_few_sizes_and_comes_back_as_it_was(candidates: int, steps: int) -> None:
    flag = flag_of(candidates)
    assert len(packed(flag)) == steps * STEP
    assert unpacked(packed(flag)) == flag


def test_a_parser_keeps_nothing_of_what_it_has_read() -> None:
    first, again = (unpacked(packed(flag_of(1))) for _ in range(2))
    assert first.checkpoint == again.checkpoint
    assert first.checkpoint is not again.checkpoint


WORLDS: dict[str, dict[str, Any]] = {
    "empty": {"finger_number": OTHER},
    "silent": {"finger_number": WANTED},
    "hidden": {"finger_number": WANTED, "excluded": ["xa"]},
}


def test_what_is_written_before_the_answer_is_the_same_whatever_the_terminal_may_not_see(make_node: NodeMaker) -> None:
    sent, alarms = {}, {}
    for world, entry in WORLDS.items():
        desk = Desk(make_node())
        desk.node.enrol("xb", "E-1", **entry)
        with down(desk.node):
            desk.check()  # what is asked for the first time is then remembered
            with statements(desk.engine) as sent[world]:
                desk.check()
            desk.node.settle()
            (alarms[world],) = desk.count(flags)
    assert alarms == {"empty": 0, "silent": 2, "hidden": 0}
    assert sent["silent"] == sent["empty"]
    assert sent["hidden"] == sent["empty"]
    assert [each for each in sent["empty"] if each.sql.startswith("INSERT INTO flags_to_open")] != []


class NotingGallery:
    """The gallery of a node, which keeps its last result."""

    def __init__(self, node: Node) -> None:
        self._gallery = node.runtime.gallery
        self.catch_up, self.classes = self._gallery.catch_up, self._gallery.classes
        self.sequence = self._gallery.sequence

    def search(self, *args: Any, **kwargs: Any) -> SearchResult:
        self.found = self._gallery.search(*args, **kwargs)
        return self.found


def test_writing_begins_when_a_step_has_passed_since_the_comparisons(desk: Desk) -> None:
    gallery = NotingGallery(desk.node)
    request = MatchRequest.model_validate(desk.node.request(finger_number=WANTED, purpose="crime"))
    with statements(desk.engine) as sent:
        replace(desk.node.runtime.checks, gallery=gallery).check(CALLER, request, bytes(32))
    begun = [each.at for each in sent if each.sql.startswith("DELETE FROM checks")]
    assert begun[0] - gallery.found.compared_at >= REST
