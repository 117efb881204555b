"""Verdicts: independent, immutable, and settled by a third reviewer where two disagree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.schema import audit_events
from tests.service.review.desk import DIFFERENT, HOUR, SAME, UNSURE, ReviewScene, problem, unknown
from tests.service.scene import rule
from tests.service.treaties import permit

TWO, ONE = "reviewers(2), confirm-within(12 h)", "reviewers(1), confirm-within(12 h)"


def test_rule_kind_13_two_who_agree_release_what_waited(desk: ReviewScene) -> None:
    desk.agree(later=TWO)
    found = desk.open()
    before = desk.candidate("ada", found)
    assert (before["seen"]["level"], before["later"], before["action"]) == (
        "hit",
        {"level": "biographics", "by_owner": False},
        None,
    )
    assert (before["release"], before["demanded"]["count"]) == ("waiting-for-reviewers", 2)
    assert desk.say("ada", found, SAME).status_code == 201
    assert desk.candidate("bo", found)["release"] == "waiting-for-reviewers"
    answer = desk.say("bo", found, SAME)
    assert answer.status_code == 201
    after = desk.candidate("ada", found)
    assert (after["seen"]["level"], after["release"], after["review"]) == ("biographics", "released", SAME)
    assert after["seen"]["subject"]["family_name"] == "Quillfeather"
    assert (after["action"], after["later"]) == ("inform-officer", None)
    assert desk.flag("ada", found)["state"] == "settled"


def test_nobody_knows_of_a_verdict_before_as_many_are_in_as_are_needed(desk: ReviewScene) -> None:
    desk.agree(later=TWO)
    found = desk.open()
    nobody = desk.flag("bo", found)
    item = desk.queue("bo")
    desk.say("ada", found, DIFFERENT, "the ear is another")
    assert desk.flag("bo", found) == nobody
    assert desk.queue("bo") == item
    own = desk.candidate("ada", found)
    assert [(each["reviewer"], each["own"], each["verdict"]) for each in own["verdicts"]] == [("ada", True, DIFFERENT)]
    assert (own["review"], own["why_not"]) == ("open", "given")
    assert [item["mine"] for item in desk.queue("ada")] == [False]
    desk.say("bo", found, DIFFERENT)
    assert [each["reason"] for each in desk.candidate("bo", found)["verdicts"]] == [
        "the ear is another",
        "I looked at both",
    ]


def test_rule_kind_13_two_who_disagree_are_settled_by_a_third_who_sees_both(desk: ReviewScene) -> None:
    desk.agree(later=TWO)
    found = desk.open()
    desk.say("ada", found, SAME)
    desk.say("bo", found, DIFFERENT)
    third = desk.candidate("cy", found)
    assert (third["review"], third["release"]) == ("third-reviewer", "waiting-for-third-reviewer")
    assert [each["verdict"] for each in third["verdicts"]] == [SAME, DIFFERENT]
    assert (third["action"], third["seen"]["level"], third["why_not"]) == (None, "hit", None)
    assert desk.queued("cy", mine=True) == [found["flag"]]
    desk.say("cy", found, SAME)
    assert desk.candidate("ada", found)["release"] == "released"
    assert desk.fetched(found)["candidates"][0]["subject"]["family_name"] == "Quillfeather"
    assert problem(desk.say("dan", found, SAME)) == (409, "not-asked-for")


@pytest.mark.parametrize(("third", "review"), [(DIFFERENT, DIFFERENT), (UNSURE, UNSURE)])
def test_rule_kind_13_what_the_third_does_not_confirm_is_withheld(desk: ReviewScene, third: str, review: str) -> None:
    desk.agree(later=TWO)
    found = desk.open()
    for who, verdict in (("ada", SAME), ("bo", UNSURE), ("cy", third)):
        desk.say(who, found, verdict)
    seen = desk.candidate("ada", found)
    assert (seen["review"], seen["later"], seen["seen"]["level"], seen["action"]) == (review, None, "hit", None)
    assert desk.flag("ada", found)["state"] == "settled"
    (withheld,) = desk.recorded("disclosure-withheld", found["candidate"])
    assert withheld["word"] == "biographics"
    assert desk.recorded("disclosure-released", found["candidate"]) == []
    assert desk.told("xb", found["candidate"]) == []  # it was not told of the find either


def test_rule_kind_13_the_second_is_waived_on_a_ground_that_is_recorded(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2 waivable)")
    found = desk.open()
    assert desk.candidate("ada", found)["may_waive"]
    assert [desk.waive("bo", found).status_code for _ in range(2)] == [201, 200]
    assert problem(desk.waive("cy", found)) == (409, "already-decided")
    assert problem(desk.waive("bo", found, "another law")) == (409, "already-decided")
    demanded = desk.candidate("ada", found)["demanded"]
    assert demanded == {
        "count": 1,
        "asked": 2,
        "waivable": True,
        "waived": True,
        "ground": "Police Act of XA, s. 12",
    }
    desk.say("ada", found, SAME)
    assert desk.candidate("ada", found)["release"] == "released"
    assert len(desk.recorded("reviewer-waived", found["candidate"])) == 1
    assert problem(desk.waive("cy", desk.open() | {"candidate": found["candidate"]})) == (404, "unknown-flag")


def test_rule_kind_13_a_waiver_that_comes_after_the_first_verdict_settles_it(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2 waivable)")
    found = desk.open()
    desk.say("ada", found, SAME)
    assert desk.waive("bo", found).status_code == 201
    assert desk.candidate("ada", found)["release"] == "released"


def test_rule_kind_13_where_the_rules_do_not_allow_it_nobody_is_waived(desk: ReviewScene) -> None:
    desk.agree(later=TWO)
    found = desk.open()
    assert not desk.candidate("ada", found)["may_waive"]
    assert problem(desk.waive("ada", found)) == (409, "not-asked-for")
    assert desk.waive("ada", found, "  ").status_code == 422


def test_where_no_rule_asks_for_reviewers_one_person_looks_all_the_same(desk: ReviewScene) -> None:
    desk.agree()
    found = desk.open()
    before = desk.candidate("ada", found)
    assert before["demanded"]["count"] == 1
    assert before["demanded"]["asked"] == 0
    assert (before["seen"]["level"], before["action"], before["action_waits"]) == ("biographics", None, True)
    desk.say("ada", found, SAME)
    after = desk.candidate("ada", found)
    assert (after["action"], after["action_waits"], after["release"]) == ("inform-officer", False, "nothing-waits")
    assert desk.flag("ada", found)["state"] == "settled"


def test_one_who_is_not_sure_is_followed_by_another(desk: ReviewScene) -> None:
    desk.agree(later=ONE)
    found = desk.open()
    desk.say("ada", found, UNSURE)
    assert desk.candidate("bo", found)["review"] == "third-reviewer"
    desk.say("bo", found, SAME)
    assert desk.candidate("bo", found)["release"] == "released"


def test_a_verdict_stays_as_it_was_given(desk: ReviewScene) -> None:
    desk.agree(later=TWO)
    found = desk.open()
    assert [desk.say("ada", found, SAME).status_code for _ in range(2)] == [201, 200]
    assert problem(desk.say("ada", found, DIFFERENT)) == (409, "verdict-conflict")
    assert problem(desk.say("ada", found, SAME, "another reason")) == (409, "verdict-conflict")
    assert len(desk.recorded("verdict-given", found["candidate"])) == 1
    assert desk.say("bo", found, SAME, "\u0000").status_code == 422
    assert desk.say("bo", found, "surely").status_code == 422


def test_a_verdict_needs_a_reviewer_of_the_desk(desk: ReviewScene) -> None:
    desk.agree(later=TWO)
    found, other = desk.open(), desk.open()
    for who in ("xa-terminal", "xa-sync", "xa-auditor"):
        assert problem(desk.say(who, found, SAME)) == (403, "wrong-role")
    for stranger in ("xb-rev", "xc-rev"):
        assert problem(desk.say(stranger, found, SAME)) == (404, "unknown-flag")
    assert problem(desk.say("ada", unknown(), SAME)) == (404, "unknown-flag")
    assert problem(desk.say("ada", found | {"candidate": other["candidate"]}, SAME)) == (404, "unknown-flag")


def test_rule_kind_11_late_verdicts_settle_the_flag_and_release_nothing(desk: ReviewScene) -> None:
    desk.agree(later=ONE)
    found = desk.open()
    desk.wait(12 * HOUR)
    late = desk.flag("ada", found)
    assert (late["state"], late["urgency"], late["overdue_at"] is not None) == ("open", "overdue", True)
    assert desk.say("ada", found, SAME).status_code == 201
    after = desk.candidate("ada", found)
    assert (after["review"], after["later"], after["seen"]["level"]) == (SAME, None, "hit")
    assert desk.flag("ada", found)["state"] == "settled"


def test_rule_kind_37_of_a_flag_that_is_void_nothing_is_shown_and_nothing_can_be_said(desk: ReviewScene) -> None:
    end = desk.node.clock() + HOUR
    desk.agree(later=TWO, in_force_until=end.isoformat())
    found = desk.open()
    desk.say("ada", found, SAME, "like Quillfeather")
    desk.node.clock.set(end)  # nothing is purged yet
    void = desk.flag("ada", found)
    (candidate,) = void["candidates"]
    assert (void["state"], candidate["seen"], candidate["why_not"]) == ("void", None, "void")
    assert [each["reason"] for each in candidate["verdicts"]] == [None]
    assert desk.queued("ada") == []
    assert problem(desk.say("bo", found, SAME)) == (409, "not-asked-for")
    assert desk.fetched(found)["outcome"] == "nothing-to-see"
    desk.node.runtime.keep_house()
    assert found["flag"] in desk.queued("ada", state="void")
    assert [each["kind"] for each in desk.flag("ada", found)["history"]] == [
        "opened",
        "verdict",
        "voided",
        "duty-lapsed",
    ]


def test_reasons_and_grounds_lie_sealed(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2 waivable)")
    found = desk.open()
    desk.say("ada", found, UNSURE, "Ottoline has a scar")
    desk.waive("bo", found, "Act of the Unicorn")
    home = desk.node.home
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"has a scar" not in stored
    assert b"Unicorn" not in stored
    assert "scar" not in desk.call("xa-auditor", "GET", "/v1/audit/events").text


def test_what_the_log_says_of_a_review_is_kept_as_long_as_the_agreements_say(desk: ReviewScene) -> None:
    desk.sign(permit("search", "log-for(1 y)"), permit("see hit"), permit("see alert", ONE))
    found = desk.open()
    desk.say("ada", found, SAME)
    with desk.node.runtime.store.engine.connect() as connection:
        kinds = ("verdict-given", "review-concluded", "disclosure-released", "flag-read")
        query = select(audit_events.c.keep_until, audit_events.c.at).where(audit_events.c.kind.in_(kinds))
        kept = connection.execute(query.order_by(audit_events.c.number.desc()).limit(4)).all()
    assert len(kept) == 4
    assert all(abs(row.keep_until - row.at - timedelta(days=365)) < timedelta(seconds=1) for row in kept)


def test_rule_kind_13_whoever_entered_the_alert_does_not_confirm_it(desk: ReviewScene) -> None:
    desk.sign(rule("search"), rule("see hit"), rule("see biographics", asks="reviewers(1)"))
    desk.node.withdraw("xb", "E-1")
    desk.scene.enrol("E-7", owner="xa", author="xa/ada")
    found = desk.open()
    assert desk.candidate("ada", found)["why_not"] == "author"
    assert desk.queued("ada", mine=True) == []
    assert problem(desk.say("ada", found, SAME)) == (403, "own-entry")
    assert desk.queued("bo", mine=True) == [found["flag"]]
    assert desk.say("bo", found, SAME).status_code == 201
    assert desk.candidate("ada", found)["release"] == "released"


def test_rule_kind_13_an_author_of_the_same_name_at_another_partner_is_somebody_else(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2 waivable)", joint_desk='["xa", "xb"]')
    desk.scene.enrol(author="xb/ada")
    found = desk.open()
    assert desk.candidate("ada", found)["why_not"] is None
    desk.scene.enrol(author="xb/xb-rev", gravity_months=12)
    assert problem(desk.waive("xb-rev", found)) == (403, "own-entry")
    assert problem(desk.say("xb-rev", found, SAME)) == (403, "own-entry")
    assert desk.say("ada", found, SAME).status_code == 201
