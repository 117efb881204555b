"""What a terminal can fetch of a check afterwards: nothing that it may not see, and no sign of it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Response

from service.review.seeing import Eyes, Sight
from service.validity import Standing
from tests.service.recorded import recorded
from tests.service.review.desk import DIFFERENT, HOUR, SAME, UNSURE, ReviewScene, problem
from tests.service.treaties import permit
from watchlists.errors import EntryChanged

ONE = "reviewers(1), confirm-within(12 h)"


def fetch(desk: ReviewScene, check: str, who: str = "xa-terminal") -> Response:
    return desk.call(who, "GET", f"/v1/checks/{check}")


def comparable(response: Response, check: str) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in response.headers.items() if name != "date"}
    return response.status_code, response.content.replace(check.encode(), b"-"), headers


def events_of(desk: ReviewScene) -> list[str]:
    return [event["kind"] for event in recorded(desk.node.runtime.store, partner="xa")]


@pytest.mark.parametrize("asks", ["silent-alarm", "silent-alarm, ex-post-authorisation(5 min)"])
@pytest.mark.parametrize("verdict", [SAME, DIFFERENT, None])
def test_rule_kind_05_of_a_silent_alarm_the_terminal_fetches_what_it_would_of_nobody(
    desk: ReviewScene, asks: str, verdict: str | None
) -> None:
    desk.agree(asks, ONE)
    found = desk.open()
    nobody, never = desk.scene.check(finger_number=2)["check_id"], str(uuid4())
    for _ in range(2):
        before = events_of(desk)
        answers = [comparable(fetch(desk, check), check) for check in (found["check"], nobody, never)]
        assert answers[0] == answers[1] == answers[2]
        assert answers[0][0] == 200
        assert events_of(desk) == before
        if verdict is not None:
            desk.say("ada", found, verdict)
        desk.wait(HOUR)


def test_rule_kind_36_that_a_silent_alarm_is_purged_does_not_show_when_the_check_is_sent_again(
    desk: ReviewScene,
) -> None:
    desk.agree("silent-alarm, ex-post-authorisation(5 min)")
    bodies = desk.scene.request(), desk.scene.request(finger_number=2)
    first = [desk.node.send("xa", body).content for body in bodies]
    desk.node.settle()
    desk.node.clock.turn(HOUR / 10)
    desk.node.runtime.duties.run(desk.node.clock())
    assert [desk.node.send("xa", body).content for body in bodies] == first


def test_rule_kind_13_what_waits_for_people_shows_when_they_have_released_it(desk: ReviewScene) -> None:
    desk.sign(permit("search"), permit("see alert", "reviewers(2)"))
    found = desk.open()
    nothing = fetch(desk, found["check"]).json()
    assert nothing["outcome"] == "nothing-to-see"
    for who, verdict in (("ada", SAME), ("bo", UNSURE)):
        desk.say(who, found, verdict)
        assert fetch(desk, found["check"]).json() == nothing
    desk.say("cy", found, SAME)
    told = fetch(desk, found["check"]).json()
    (candidate,) = told["candidates"]
    assert (told["flag_id"], candidate["candidate_id"]) == (found["flag"], found["candidate"])
    assert (candidate["alert"]["action"], candidate["review"], candidate["more"]) == ("inform-officer", SAME, False)
    assert candidate["subject"] is None
    assert len([kind for kind in events_of(desk) if kind == "disclosure-fetched"]) > 0


def test_rule_kind_11_the_terminal_learns_what_people_came_to_and_not_who_said_what(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2), confirm-within(12 h)")
    found = desk.open()

    def seen() -> dict[str, Any]:
        (candidate,) = fetch(desk, found["check"]).json()["candidates"]
        return {name: candidate[name] for name in ("level", "review", "more", "subject")}

    waiting = {"level": "hit", "review": "open", "more": True, "subject": None}
    assert seen() == waiting
    for who, verdict in (("ada", SAME), ("bo", DIFFERENT)):
        desk.say(who, found, verdict)
        assert seen() == waiting
    desk.say("cy", found, DIFFERENT)
    assert seen() == {"level": "hit", "review": DIFFERENT, "more": False, "subject": None}
    assert not re.search(r"ada|bo|cy|reason|verdict", fetch(desk, found["check"]).text)


def test_only_the_terminal_that_made_a_check_is_told_of_it(desk: ReviewScene) -> None:
    desk.agree()
    found = desk.open()
    assert fetch(desk, found["check"]).json()["outcome"] == "flagged"
    assert fetch(desk, found["check"], "xc-terminal").json()["outcome"] == "nothing-to-see"
    for who in ("ada", "xa-sync", "xb-auditor"):
        assert problem(fetch(desk, found["check"], who)) == (403, "wrong-role")
    assert fetch(desk, "not-an-id").status_code == 422


def test_beside_one_that_is_seen_a_silent_alarm_does_not_show(desk: ReviewScene) -> None:
    quiet = permit("see hit", "silent-alarm", 'resource.category == "missing-person"')
    desk.sign(permit("search"), permit("see reference"), quiet)
    first = desk.scene.check()["check_id"]
    desk.scene.enrol("E-2", category="missing-person")
    second = desk.scene.check()["check_id"]
    desk.node.settle()
    assert len(desk.scene.flagged(second)) == 2
    alone, both = (fetch(desk, check).json() for check in (first, second))
    assert [each["reference"] for each in both["candidates"]] == ["xb-alerts/E-1"]
    assert len(both["candidates"]) == len(alone["candidates"])


@pytest.mark.parametrize("times", [1, 2])
def test_an_entry_that_is_written_while_it_is_looked_at_is_looked_at_once_more(
    desk: ReviewScene, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    desk.agree()
    found = desk.open()
    look, changed = Eyes.look, [EntryChanged("written meanwhile")] * times

    def disturbed(self: Eyes, candidate: Standing, sequence: int | None, now: datetime) -> Sight:
        if changed:
            raise changed.pop()
        return look(self, candidate, sequence, now)

    monkeypatch.setattr(Eyes, "look", disturbed)
    fetched = fetch(desk, found["check"])
    seen = fetch(desk, found["check"]).json()
    assert [each["candidate_id"] for each in seen["candidates"]] == [found["candidate"]]
    if times == 1:
        assert fetched.json() == seen
    else:
        assert problem(fetched)[0] == 503
