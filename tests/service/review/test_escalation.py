"""Ahead of deadlines people are reminded, once each; and where flags stand in the queue."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.review.escalation import next_moment, steps_gone
from service.review.flag_state import NEVER, Part, Place, least_urgency, place_of
from service.review.views import FlagState, Urgency
from tests.service.node import Node
from tests.service.review.desk import HOUR, SAME, ReviewScene
from tests.service.test_duties import Desk
from tests.service.test_ledger import events
from tests.watchlists.makers import NOW
from watchlists.agreements.release import Settlement

TEN = NOW + timedelta(hours=10)


@pytest.mark.parametrize(("hours", "gone"), [(0, 0), (4.99, 0), (5, 1), (8.99, 1), (9, 2), (11, 2)])
def test_steps_come_at_half_of_the_time_and_near_its_end(hours: float, gone: int) -> None:
    assert steps_gone(NOW, TEN, NOW + timedelta(hours=hours)) == gone
    following = next_moment(NOW, TEN, gone)
    assert following == {0: NOW + 5 * HOUR, 1: NOW + 9 * HOUR, 2: None}[gone]


def told(desk: ReviewScene, partner: str, found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (details["obligation"], details["step"])
        for kind, details in desk.told(partner, found["candidate"])
        if kind == "deadline-near"
    ]


def test_rule_kind_11_who_has_to_confirm_is_reminded_twice_and_the_flag_rises(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2), confirm-within(10 h)")
    found = desk.open()
    desk.say("ada", found, SAME)  # makes no difference: nobody shall know of it
    urgencies = []
    for time in (4, 1, 3, 1, 1):
        desk.wait(time * HOUR)
        urgencies.append(desk.flag("bo", found)["urgency"])
    assert urgencies == ["routine", "raised", "raised", "urgent", "overdue"]
    assert told(desk, "xa", found) == [("confirm-within", "half"), ("confirm-within", "near-end")]
    assert told(desk, "xb", found) == []
    assert [event["step"] for event in desk.recorded("flag-escalated", found["candidate"])] == ["half", "near-end"]


def test_rule_kind_11_a_flag_says_until_when_it_waits_while_it_does(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(1), confirm-within(10 h)")
    found = desk.open()
    flag = desk.flag("ada", found)
    (owed,) = flag["candidates"][0]["owed"]
    (queued,) = [item for item in desk.queue("ada") if item["flag_id"] == found["flag"]]
    assert flag["due_at"] == queued["due_at"] == owed["due_at"]
    assert datetime.fromisoformat(flag["due_at"]) - datetime.fromisoformat(flag["opened_at"]) == 10 * HOUR
    desk.say("ada", found, SAME)
    assert desk.flag("ada", found)["due_at"] is None


def test_rule_kind_12_the_owner_is_reminded_of_a_release_and_learns_of_no_flag(desk: ReviewScene) -> None:
    desk.agree(later="release-by-owner(10 h)")
    found = desk.open()
    desk.wait(5 * HOUR)
    assert told(desk, "xb", found) == [("release-by-owner", "half")]
    assert told(desk, "xa", found) == []
    assert found["flag"] not in str(desk.told("xb", found["candidate"]))


def test_of_what_is_done_nobody_is_reminded(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(1), confirm-within(10 h)")
    found = desk.open()
    desk.say("ada", found, SAME)
    desk.wait(9 * HOUR)
    assert told(desk, "xa", found) == []


def test_reminders_come_once_also_after_a_restart_and_with_several_processes(node: Node) -> None:
    desk = Desk(node, "tlp-amber", "reviewers(1), confirm-within(10 h)")
    for _ in range(3):
        desk.open()
    node.clock.turn(9 * HOUR)
    with ThreadPoolExecutor(4) as threads:
        ran = list(threads.map(lambda _: node.runtime.review.escalations.run(node.clock()), range(4)))
    assert sum(ran) == 3
    node.restart()
    node.runtime.keep_house()
    assert [event["step"] for event in events(node, "flag-escalated")] == ["near-end"] * 3


OPEN, DONE = Settlement.OPEN, Settlement.SAME_PERSON


def part(review: Settlement, *due: int, void: bool = False, owed: int = 0, escalations: int = 0) -> Part:
    return Part(void, review, owed or len(due), tuple(NOW + hours * HOUR for hours in due), escalations)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part(OPEN)], Place(FlagState.OPEN, Urgency.ROUTINE, NEVER)),
        ([part(OPEN, 3, 2), part(DONE, 1)], Place(FlagState.OPEN, Urgency.ROUTINE, NOW + HOUR)),
        ([part(Settlement.THIRD, escalations=1)], Place(FlagState.OPEN, Urgency.RAISED, NEVER)),
        ([part(OPEN, escalations=2)], Place(FlagState.OPEN, Urgency.URGENT, NEVER)),
        ([part(DONE, 2)], Place(FlagState.WAITING, Urgency.ROUTINE, NOW + 2 * HOUR)),
        ([part(DONE, owed=1)], Place(FlagState.WAITING, Urgency.ROUTINE, NEVER)),
        ([part(DONE), part(Settlement.INCONCLUSIVE)], Place(FlagState.SETTLED, Urgency.ROUTINE, TEN)),
        ([part(DONE), part(OPEN, 1, void=True)], Place(FlagState.SETTLED, Urgency.ROUTINE, TEN)),
        ([part(OPEN, 1, void=True)], Place(FlagState.VOID, Urgency.ROUTINE, TEN)),
    ],
)
def test_where_a_flag_stands(parts: list[Part], expected: Place) -> None:
    assert place_of(parts, Urgency.ROUTINE, overdue=False, now=TEN) == expected


def test_what_is_overdue_is_seen_first_until_people_have_settled_it() -> None:
    assert place_of([part(OPEN)], Urgency.ROUTINE, overdue=True, now=TEN).rank == 0
    assert place_of([part(DONE, 1)], Urgency.RAISED, overdue=True, now=TEN).urgency is Urgency.RAISED
    assert [
        least_urgency(emergency=emergency, silent=silent)
        for emergency, silent in ((True, True), (True, False), (False, True), (False, False))
    ] == [Urgency.URGENT, Urgency.URGENT, Urgency.RAISED, Urgency.ROUTINE]
