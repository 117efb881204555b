"""Rule kind 23: a probe is kept where a rule allows it, by whom it allows, and not a moment longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, select

from service.api.messages import MatchRequest
from service.commands.doctor import examine_deeply
from service.commands.portraits import PROBE
from service.flag_outbox import SLOT
from service.identity import Caller
from service.kept_probes import BROKEN_OFF, Keeping, KeptProbes
from service.keys import rotate_owner_key
from service.probe_keeper import ProbeKeeper
from service.probe_parts import MOST_PARTS, PART
from service.probe_shelf import Probe, ProbeShelf
from service.purge import Wipes
from service.review.views import FlagState
from service.roles import Role
from service.schema import flags, kept_probe_parts, kept_probes
from tests.service.node import face
from tests.service.recorded import recorded
from tests.service.scene import ALERT, PERSON, SEARCH, Scene, rule
from tests.service.test_privacy import stored_bytes, traces
from tests.statements import Sent, statements
from watchlists.backup.container import kept_tables
from watchlists.database import writing
from watchlists.sealing import sealed_size

CALLER = Caller("xa", Role.TERMINAL, "xa-terminal")
KEEP = "keep-at-most(24 h)"
BOTH = f"{KEEP}, kept-by(asker owner)"
DAY = timedelta(days=1)


def keep(asks: str = KEEP, **more: Any) -> str:
    return rule("keep probe", asks=asks, **more)


class Desk:
    """A scene with an entry on the person, and what is kept of those who are checked."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.node = scene, scene.node
        self.store = scene.node.runtime.store
        self.kept = KeptProbes(self.store.engine, self.store.keys)

    def check(self, **fields: Any) -> str:
        """Check the person, open the flag and return its id; "" if there is none."""
        check_id = self.scene.check(**fields)["check_id"]
        self.settle()
        flag = self.scene.flag_of(check_id)
        return "" if flag is None else str(flag["id"])

    def settle(self) -> None:
        """Have flags opened, and what is kept written to its end."""
        self.node.settle()
        while self.node.runtime.probe_keeper.is_writing:
            self.node.settle()

    def held(self, shelf: ProbeShelf, **fields: Any) -> str:
        """Check the person in a process that holds probes on `shelf`; return the id of the check."""
        request = MatchRequest.model_validate(self.scene.request(**fields))
        replace(self.node.runtime.checks, shelf=shelf).check(CALLER, request, bytes(32))
        return str(request.check_id)

    def keeper(self, shelf: ProbeShelf) -> ProbeKeeper:
        return ProbeKeeper(self.store, shelf, self.kept, lambda: self.node.runtime.rules.current)

    def parts(self) -> list[RowMapping]:
        """All that is written of probes, or in their place, oldest first."""
        with self.store.engine.connect() as connection:
            return list(connection.execute(select(kept_probe_parts).order_by("written_at", "number")).mappings())

    def open(self, flag: str, keeper: str = "xa") -> Keeping | None:
        with self.store.engine.connect() as connection:
            return self.kept.open(connection, UUID(flag), keeper, self.node.clock())

    def keepers(self, flag: str) -> list[str]:
        with self.store.engine.connect() as connection:
            query = select(kept_probes.c.keeper).where(kept_probes.c.flag_id == flag)
            return sorted(connection.execute(query).scalars())

    def told(self, kind: str, flag: str) -> list[tuple[str, dict[str, Any]]]:
        """The events of a kind about a flag: of which partner, and the rest."""
        found = [(event["partner"], dict(event["details"])) for event in recorded(self.store, kind)]
        return [(partner, rest) for partner, rest in found if rest.pop("flag_id") == flag]


@pytest.fixture
def desk(scene: Scene) -> Iterator[Desk]:
    scene.enrol()
    yield Desk(scene)
    with writing(scene.node.runtime.store.engine) as connection:
        for table in (kept_probes, kept_probe_parts):
            connection.execute(table.delete())


def until_of(found: Keeping | None) -> datetime:
    assert found is not None
    return found.until


def test_rule_kind_23_the_asker_keeps_a_probe_where_a_rule_lets_it(desk: Desk, portraits: dict[str, bytes]) -> None:
    desk.scene.agree(SEARCH, ALERT, keep())
    begun = desk.node.clock()
    flag = desk.check(face=face(portraits[PROBE]))
    assert desk.keepers(flag) == ["xa"]
    found = desk.open(flag)
    assert found is not None
    assert found.probe is not None
    assert found.probe.image == portraits[PROBE]
    assert [finger.position for finger in found.probe.fingers] == ["right-index-finger"]
    assert begun + DAY <= found.until <= desk.node.clock() + DAY
    assert [clause.clause for clause in found.decided_by] == ["permit-keep-probe"]
    assert desk.open(flag, "xb") is None
    ((partner, told),) = desk.told("probe-kept", flag)
    assert (partner, told["decided_by"]) == ("xa", "treaty v1 permit-keep-probe")

    disk = stored_bytes(desk.node.home)
    assert [trace for trace in traces(portraits[PROBE]) if trace in disk] == []


def test_rule_kind_23_asker_and_owner_each_have_their_own(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep(BOTH))
    flag = desk.check()
    assert desk.keepers(flag) == ["xa", "xb"]
    assert desk.open(flag, "xb") is not None
    assert [partner for partner, _ in desk.told("probe-kept", flag)] == ["xa", "xb"]


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (keep("keep-at-most(1 h)", when='context.purpose == "asylum"'),),
        (keep(), keep("", forbid=True)),
        (keep("kept-by(asker)"),),
    ],
    ids=["no rule", "another purpose", "forbidden", "without an end"],
)
def test_rule_kind_23_otherwise_it_is_forgotten_at_once(desk: Desk, rules: tuple[str, ...]) -> None:
    desk.scene.agree(SEARCH, ALERT, *rules)
    flag = desk.check()
    assert flag
    assert desk.keepers(flag) == []
    assert flag not in {str(held.flag_id) for held in desk.node.runtime.checks.shelf.waiting()}
    assert desk.told("probe-kept", flag) == []


def test_rule_kind_23_without_candidates_nothing_is_kept(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep())
    assert desk.check(finger_number=PERSON + 100) == ""
    with desk.store.engine.connect() as connection:
        assert connection.execute(select(kept_probes)).all() == []


@pytest.mark.parametrize("number", [PERSON, PERSON + 100], ids=["found", "not found"])
def test_after_every_check_as_much_is_written_in_as_many_turns(desk: Desk, number: int) -> None:
    """Also once a probe is kept or forgotten, and whatever was found: a check that comes upon it must learn nothing."""
    desk.scene.agree(SEARCH, ALERT, keep())
    desk.node.settle()
    shelf = ProbeShelf(10**6, lambda: 0.0)
    desk.held(shelf, finger_number=number)
    (waiting,) = shelf.waiting()
    assert len(waiting.probe.fingers) == 1
    desk.node.settle()
    keeper, said = desk.keeper(shelf), []
    for kept in (number == PERSON, False):
        begun = time.perf_counter()
        with sent(desk) as said_now:
            assert keeper.run(desk.node.clock()) == kept
        assert time.perf_counter() - begun >= SLOT
        parts = [each for each in said_now if "kept_probe_parts" in each.sql]
        assert [each.sql.split()[0] for each in parts] == ["DELETE", "INSERT"]
        said += [size for kind, size in parts[1].values if kind == "bytes"]
    assert said == [2 * sealed_size(PART)] * 2  # as digits


@contextmanager
def sent(desk: Desk) -> Iterator[list[Sent]]:
    """What this thread sends to the database meanwhile."""
    here: list[Sent] = []
    with statements(desk.store.engine) as everywhere:
        yield here
        here += [each for each in everywhere if each.thread == threading.get_ident()]  # the service has an opener


def test_where_no_agreement_speaks_of_it_nothing_is_done(desk: Desk) -> None:
    shelf = ProbeShelf(10**6, lambda: 0.0)
    speaking = desk.node.home / "agreements" / "xa-xb"
    silent = speaking.rename(speaking.with_name(".xa-xb"))
    desk.scene.agree(SEARCH, ALERT)
    desk.held(shelf)
    with sent(desk) as said:
        assert desk.keeper(shelf).run(desk.node.clock()) == 0
    silent.rename(speaking)
    assert (said, list(shelf.waiting())) == ([], [])


def test_rule_kind_23_a_silent_alarm_is_kept_like_any_other(desk: Desk) -> None:
    desk.scene.agree(SEARCH, rule("see alert", asks="silent-alarm"), keep())
    answer = desk.scene.check()
    assert (answer["outcome"], answer["flag_id"]) == ("no-candidates", None)
    desk.node.settle()
    flag = desk.scene.flag_of(answer["check_id"])
    assert flag is not None
    assert desk.keepers(str(flag["id"])) == ["xa"]


def test_the_process_that_holds_a_probe_keeps_it_whichever_opens_the_flag(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep())
    shelf = ProbeShelf(10**6, lambda: 0.0)
    check_id = desk.held(shelf)
    assert desk.keeper(ProbeShelf(10**6, lambda: 0.0)).run(desk.node.clock()) == 0
    desk.node.settle()
    assert desk.keeper(shelf).run(desk.node.clock()) == 1
    flag = desk.scene.flag_of(check_id)
    assert flag is not None
    assert desk.keepers(str(flag["id"])) == ["xa"]
    assert shelf.waiting() == []


def test_a_large_probe_is_written_part_by_part_and_one_that_is_too_large_not_at_all(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep())
    shelf = ProbeShelf(10**9, lambda: 0.0)
    keeper = desk.keeper(shelf)
    check_ids = [desk.held(shelf) for _ in range(3)]
    images = [bytes(range(256)) * (size // 256) for size in (2 * PART, MOST_PARTS * PART, PART // 2)]
    for held, image in zip(shelf.waiting(), images, strict=True):
        shelf.forget([held.flag_id])
        shelf.hold(replace(held, probe=Probe(image)))
    desk.node.settle()
    assert [keeper.run(desk.node.clock()) for _ in range(5)] == [0, 0, 1, 1, 0]
    flags_of = [desk.scene.flag_of(check_id) for check_id in check_ids]
    found = [desk.open(str(flag["id"])) for flag in flags_of if flag is not None]
    assert [each and each.probe and each.probe.image for each in found] == [images[0], None, images[2]]
    assert found[1] is None


def test_what_was_broken_off_is_cleaned_up(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep())
    shelf = ProbeShelf(10**9, lambda: 0.0)
    desk.held(shelf)
    (held,) = shelf.waiting()
    shelf.hold(replace(held, probe=Probe(bytes(2 * PART))))
    desk.node.settle()
    desk.keeper(shelf).run(desk.node.clock())  # and then the process ends
    assert str(held.flag_id) in {part["flag_id"] for part in desk.parts()}
    desk.node.clock.turn(BROKEN_OFF)
    desk.kept.end_what_is_over(desk.node.clock())
    assert str(held.flag_id) not in {part["flag_id"] for part in desk.parts()}


def test_rule_kind_23_it_is_destroyed_at_the_end_of_its_time_also_late(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep(BOTH))
    flag = desk.check()
    sealed = _sealed(desk, flag)
    until = until_of(desk.open(flag))
    desk.node.clock.set(until)
    assert desk.open(flag) is None  # on the minute, before anybody has cleaned up
    desk.node.restart()
    desk.node.runtime.keep_house()
    assert desk.keepers(flag) == []
    assert [told for _, told in desk.told("probe-destroyed", flag)] == [{"why": "time-over"}] * 2
    assert Wipes(desk.store.engine).run()
    assert len(sealed) == 1
    assert sealed[0][-60:] not in stored_bytes(desk.node.home)
    assert [part for part in desk.parts() if part["flag_id"] == flag] == []


def _sealed(desk: Desk, flag: str) -> list[bytes]:
    return [bytes(part["sealed"]) for part in desk.parts() if part["flag_id"] == flag]


def test_rule_kind_23_it_ends_with_the_agreement_that_allowed_it(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep())
    flag = desk.check()
    desk.node.runtime.keep_house()
    assert desk.keepers(flag) == ["xa"]
    desk.scene.agree(SEARCH, ALERT, keep("", forbid=True), version=2)
    desk.node.runtime.keep_house()
    assert desk.keepers(flag) == []
    assert [told for _, told in desk.told("probe-destroyed", flag)] == [{"why": "not-allowed"}]


def test_it_goes_with_its_flag(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep(BOTH))
    one, other = desk.check(), desk.check()
    with writing(desk.store.engine) as connection:
        connection.execute(flags.update().where(flags.c.id == one).values(state=FlagState.SETTLED))
    assert desk.kept.end_what_is_over(desk.node.clock()) == 2
    assert desk.kept.end_what_is_over(desk.node.clock()) == 0
    assert (desk.keepers(one), desk.keepers(other)) == ([], ["xa", "xb"])
    assert [told for _, told in desk.told("probe-destroyed", one)] == [{"why": "flag-closed"}] * 2


def test_it_opens_after_a_rotation_and_the_deep_inspection_looks_at_its_key(desk: Desk) -> None:
    desk.scene.agree(SEARCH, ALERT, keep())
    flag = desk.check()
    before = desk.open(flag)
    rotate_owner_key(desk.store, "xa", lambda *_: None)
    assert desk.open(flag) == before
    findings = examine_deeply(desk.node.runtime.settings, lambda *_: None)
    assert [finding.detail for finding in findings if not finding.ok] == []
    with writing(desk.store.engine) as connection:
        connection.execute(kept_probes.update().values(sealed=b"\1\0\0\0" + b"x" * 99))
    assert before is not None
    assert desk.open(flag) == replace(before, probe=None)


def test_no_backup_holds_any() -> None:
    names = {table.name for table in kept_tables()}
    assert flags.name in names
    assert not {kept_probes.name, kept_probe_parts.name} & names
