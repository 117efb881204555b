"""Reviewers at the same moment, on both databases: each verdict counts once, and what follows happens once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.service.node import Node
from tests.service.review.desk import DIFFERENT, SAME, ReviewScene, problem
from tests.service.scene import Scene

ON_BOTH_DATABASES = True


def opened(node: Node, later: str) -> tuple[ReviewScene, dict[str, str]]:
    desk = ReviewScene(Scene(node))
    desk.agree(later=later, parties=("xa", "xb"))
    desk.scene.enrol()
    return desk, desk.open()


def test_two_at_once_settle_it_once_and_repeated_ones_change_nothing(node: Node) -> None:
    desk, found = opened(node, "reviewers(2), confirm-within(12 h)")
    with ThreadPoolExecutor(6) as threads:
        sent = list(threads.map(lambda who: desk.say(who, found, SAME).status_code, ("ada", "bo") * 3))
    assert Counter(sent) == {201: 2, 200: 4}
    assert desk.candidate("ada", found)["release"] == "released"
    counts = [len(desk.recorded(kind, found["candidate"])) for kind in ("verdict-given", "disclosure-released")]
    assert counts == [2, 1]
    assert [kind for kind, _ in desk.told("xa", found["candidate"])] == ["disclosure-released"]


def test_of_one_reviewer_who_says_two_things_at_once_the_first_counts(node: Node) -> None:
    desk, found = opened(node, "reviewers(2)")
    with ThreadPoolExecutor(4) as threads:
        sent = list(threads.map(lambda verdict: desk.say("ada", found, verdict), (SAME, DIFFERENT) * 2))
    assert sorted(answer.status_code for answer in sent) == [200, 201, 409, 409]
    assert {problem(answer)[1] for answer in sent if answer.status_code == 409} == {"verdict-conflict"}


def test_of_three_at_once_one_comes_too_late(node: Node) -> None:
    desk, found = opened(node, "reviewers(2), release-by-owner(24 h)")
    with ThreadPoolExecutor(4) as threads:
        released = threads.submit(desk.release, "xb-rev", found, granted=True)
        sent = list(threads.map(lambda who: desk.say(who, found, SAME).status_code, ("ada", "bo", "cy")))
    assert (sorted(sent), released.result().status_code) == ([201, 201, 409], 201)
    assert desk.candidate("ada", found)["release"] == "released"
    assert desk.queued("ada", state="settled") == [found["flag"]]
