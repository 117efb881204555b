"""The queue: whose flags are in it, in which order, and what of it a reader may pick."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.errors import BadCursor
from service.identity import Caller
from service.review.access import Desk, desks_of, may_see, shared_by
from service.review.queue import Cursor, query_of
from service.review.views import FlagState, QueueFilter
from service.roles import Role
from tests.service.review.desk import HOUR, SAME, ReviewScene, problem, unknown
from tests.service.treaties import permit
from tests.watchlists.makers import NOW

JOINT = '["xa", "xc"]'


def test_the_queue_has_the_most_urgent_first_then_the_nearest_deadline(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(1), confirm-within(12 h)")
    first = desk.open()["flag"]
    desk.node.clock.turn(HOUR)
    second = desk.open()["flag"]
    desk.sign(permit("search"), permit("see hit"), version="2", supersedes=f'["{desk.treaty}@1"]')
    calm = desk.open()["flag"]
    desk.sign(permit("search"), permit("see hit", "silent-alarm"), version="3", supersedes=f'["{desk.treaty}@2"]')
    silent = desk.open()["flag"]
    desk.agree(later="reviewers(1), confirm-within(12 h)", version="4", supersedes=f'["{desk.treaty}@3"]')
    assert [flag for flag in desk.queued("ada", limit=1) if flag in {first, second, calm, silent}] == [
        silent,
        first,
        second,
        calm,
    ]


def test_pages_of_the_queue_hold_each_flag_once(desk: ReviewScene) -> None:
    desk.agree()
    flags = {desk.open()["flag"] for _ in range(5)}
    listed = desk.queued("ada", limit=2)
    assert (len(listed), set(listed)) == (5, flags)
    assert problem(desk.call("ada", "GET", "/v1/flags", params={"after": "nonsense"})) == (422, "bad-cursor")


def test_what_is_settled_comes_latest_first(desk: ReviewScene) -> None:
    desk.agree()
    found = [desk.open() for _ in range(3)]
    for each in (found[1], found[0], found[2]):
        desk.node.clock.turn(timedelta(minutes=1))
        desk.say("ada", each, SAME)
    settled = [found[2]["flag"], found[0]["flag"], found[1]["flag"]]
    assert desk.queued("ada", state="settled", limit=1) == settled
    assert desk.queued("ada") == []


def test_the_queue_is_filtered_by_purpose_checkpoint_and_what_waits_for_the_reader(desk: ReviewScene) -> None:
    desk.agree()
    here = desk.open(checkpoint="XA-PORT-1")
    there = desk.open(purpose="manhunt")
    assert desk.queued("ada", checkpoint="XA-PORT-1") == [here["flag"]]
    assert desk.queued("ada", purpose="manhunt") == [there["flag"]]
    assert desk.queued("ada", purpose="asylum") == []
    assert set(desk.queued("ada", mine=True)) == {here["flag"], there["flag"]}
    desk.say("ada", here, SAME)
    assert desk.queued("ada", mine=True) == [there["flag"]]
    assert desk.node.runtime.review.queue.waiting(Caller("xa", Role.REVIEWER, "ada")) >= 1


def test_a_flag_says_so_when_the_owners_of_all_its_candidates_have_withdrawn_them(desk: ReviewScene) -> None:
    desk.agree()
    desk.scene.enrol("E-2")
    flag = desk.scene.check()["flag_id"]
    desk.node.settle()
    said = []
    for entry in ("E-1", "E-2"):
        desk.node.withdraw("xb", entry)
        (item,) = [
            each for each in desk.node.call("ada", "GET", "/v1/flags").json()["flags"] if each["flag_id"] == flag
        ]
        said.append((item["withdrawn"], item["state"]))
    assert said == [(False, "open"), (True, "open")]


def test_rule_kind_38_flags_of_exercises_are_never_among_live_ones(desk: ReviewScene) -> None:
    desk.agree()
    live = desk.open()["flag"]
    desk.scene.enrol("E-2", exercise=True)
    drill = desk.open(exercise=True)["flag"]
    assert desk.queued("ada") == [live]
    assert desk.queued("ada", exercise=True) == [drill]


def test_nobody_sees_the_desk_of_another_partner(desk: ReviewScene) -> None:
    desk.agree()
    found = desk.open()
    for stranger in ("xb-rev", "xc-rev"):
        assert desk.queued(stranger) == []
        assert problem(desk.call(stranger, "GET", f"/v1/flags/{found['flag']}")) == (404, "unknown-flag")
    assert problem(desk.call("ada", "GET", f"/v1/flags/{unknown()['flag']}")) == (404, "unknown-flag")
    for who in ("xa-terminal", "xa-sync", "xa-auditor", "xa-operator"):
        assert problem(desk.call(who, "GET", "/v1/flags")) == (403, "wrong-role")
        assert problem(desk.call(who, "GET", f"/v1/flags/{found['flag']}")) == (403, "wrong-role")


def test_at_a_joint_desk_partners_review_together(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2)", joint_desk=JOINT)
    found = desk.open()
    (item,) = desk.queue("xc-rev")
    assert (item["flag_id"], item["partner"], item["desk"]) == (found["flag"], "xa", desk.treaty)
    assert desk.queued("xb-rev") == []
    desk.say("xc-rev", found, SAME, "as on the picture")
    assert desk.candidate("ada", found)["verdicts"] == []
    desk.say("ada", found, SAME)
    seen = desk.candidate("xc-rev", found)
    assert [(each["partner"], each["reviewer"], each["reason"]) for each in seen["verdicts"]] == [
        ("xc", "xc-rev", "as on the picture"),
        ("xa", "ada", "I looked at both"),
    ]
    assert seen["seen"]["subject"]["family_name"] == "Quillfeather"
    assert seen["action"] == "inform-officer"


def test_a_joint_desk_ends_with_a_version_that_does_not_name_it(desk: ReviewScene) -> None:
    desk.agree(joint_desk=JOINT)
    found = desk.open()
    assert desk.queued("xc-rev") == [found["flag"]]
    desk.agree(version="2", supersedes=f'["{desk.treaty}@1"]')
    assert desk.queued("xc-rev") == []
    assert desk.queued("ada") == [found["flag"]]
    assert problem(desk.say("xc-rev", found, SAME)) == (404, "unknown-flag")


def test_a_flag_that_another_agreement_has_decided_on_too_is_not_shared(desk: ReviewScene) -> None:
    desk.sign(permit("search"), permit("see reference", when='resource.owner == "xb"'), joint_desk=JOINT)
    desk.scene.agree(permit("search"), permit("see hit"), name=f"{desk.treaty}-b")
    desk.scene.enrol("E-9", owner="xc")
    check = desk.scene.check()["check_id"]
    assert len(desk.scene.flagged(check)) == 2
    assert desk.queued("xc-rev") == []


def test_joint_desks_and_own_ones_are_merged_in_one_order(desk: ReviewScene) -> None:
    desk.agree(joint_desk=JOINT)
    by_xa, by_xc = desk.open(), desk.scene.check("xc")
    desk.node.settle()
    found = [by_xa["flag"], by_xc["flag_id"]]
    for who in ("ada", "xc-rev"):
        assert sorted(desk.queued(who, limit=1)) == sorted(found)
        assert desk.queued(who, limit=1) == desk.queued(who)


@pytest.mark.parametrize(
    ("partner", "agreement", "seen"),
    [("xa", None, True), ("xa", "any", True), ("xc", "joint", True), ("xc", "other", False), ("xc", None, False)],
)
def test_a_joint_desk_is_of_one_agreement(partner: str, agreement: str | None, seen: bool) -> None:
    assert may_see((Desk("xa"), Desk("xc", "joint")), partner, agreement) is seen


def test_without_agreements_everybody_has_their_own_desk_alone() -> None:
    assert desks_of("xa", ()) == (Desk("xa"),)
    assert shared_by("xa", "joint", ()) is None
    assert not may_see((), "xa", None)


def test_a_cursor_comes_back_as_it_was_and_another_is_refused() -> None:
    cursor = Cursor(2, NOW, str(uuid4()))
    assert Cursor.read(cursor.text()) == cursor
    assert UUID(cursor.id)
    for text in ("", "!", "AAAA", cursor.text()[:-4], Cursor(9, NOW, str(uuid4())).text(), "é"):
        with pytest.raises(BadCursor):
            Cursor.read(text)


@pytest.mark.parametrize(("state", "after"), [(FlagState.OPEN, None), (FlagState.OPEN, 1), (FlagState.SETTLED, 1)])
@pytest.mark.parametrize(("agreement", "index"), [(None, "flags_queued"), ("joint", "flags_on_desk")])
def test_a_page_is_read_off_an_index_from_the_place_of_the_last_flag(
    desk: ReviewScene, state: FlagState, after: int | None, agreement: str | None, index: str
) -> None:
    engine = desk.node.runtime.store.engine
    cursor = None if after is None else Cursor(after, NOW, str(uuid4()))
    wanted, caller = QueueFilter(state, purpose="crime", mine=True), Caller("xa", Role.REVIEWER, "ada")
    query = query_of(Desk("xa", agreement), caller, wanted, cursor, 50)
    text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert plan[0].startswith(f"SEARCH flags USING INDEX {index} (")
    assert ("rank" in plan[0]) is (after is not None)
    assert not any("TEMP B-TREE" in step for step in plan)
