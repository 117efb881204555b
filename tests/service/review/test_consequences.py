"""What follows from verdicts: disclosures, releases by the owner, duties, and what partners are told."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from service.authorisations import Case
from service.errors import AlreadyDecided
from service.identity import Caller
from service.roles import Role
from tests.service.review.desk import DIFFERENT, HOUR, SAME, ReviewScene, problem, unknown
from tests.service.scene import rule
from tests.service.treaties import permit

ONE, BY_OWNER = "reviewers(1), confirm-within(12 h)", "reviewers(1), confirm-within(12 h), release-by-owner(24 h)"


def test_rule_kind_11_what_is_confirmed_in_time_is_seen_and_stays(desk: ReviewScene) -> None:
    desk.agree(later=ONE)
    found = desk.open()
    assert [owed["obligation"] for owed in desk.candidate("ada", found)["owed"]] == ["confirm-within"]
    desk.wait(11 * HOUR)
    desk.say("ada", found, SAME)
    desk.wait(2 * HOUR)
    after = desk.candidate("ada", found)
    assert (after["seen"]["level"], after["owed"]) == ("biographics", [])
    kinds = [kind for kind, _ in desk.told("xa", found["candidate"])]
    assert kinds == ["deadline-near", "disclosure-released"]
    lines = [(line["kind"], line["who"], line["word"]) for line in desk.flag("ada", found)["history"]]
    assert lines == [
        ("opened", None, None),
        ("escalated", None, "near-end"),
        ("verdict", "xa/ada", SAME),
        ("settled", None, SAME),
        ("released", None, "biographics"),
        ("duty-settled", None, "confirm-within"),
    ]


def test_the_owner_is_told_of_a_find_that_is_confirmed(desk: ReviewScene) -> None:
    desk.agree(later=ONE)
    found = desk.open(exercise=False)
    desk.say("ada", found, SAME)
    ((kind, details),) = desk.told("xb", found["candidate"])
    assert (kind, details) == (
        "review-concluded",
        {
            "partner": "xa",
            "purpose": "crime",
            "candidate_id": found["candidate"],
            "watchlist": "xb-alerts",
            "entry": "E-1",
            "exercise": False,
            "outcome": SAME,
        },
    )


def test_an_owner_that_was_told_of_a_find_is_told_that_it_was_none(desk: ReviewScene) -> None:
    desk.agree(now="notify-owner", later=ONE)
    found = desk.open()
    desk.say("ada", found, DIFFERENT)
    assert [kind for kind, _ in desk.told("xb", found["candidate"])] == ["entry-found", "review-concluded"]


def test_rule_kind_12_the_owner_decides_after_the_reviewers(desk: ReviewScene) -> None:
    desk.agree(later=BY_OWNER)
    found = desk.open()
    desk.say("ada", found, SAME)
    waiting = desk.flag("ada", found)
    assert (waiting["state"], waiting["candidates"][0]["release"]) == ("waiting", "waiting-for-owner")
    assert waiting["candidates"][0]["action"] is None
    asked = desk.call("xb-sync", "GET", "/v1/releases").json()["releases"]
    assert [(each["candidate_id"], each["partner"], each["entry"], each["level"]) for each in asked] == [
        (found["candidate"], "xa", "E-1", "biographics")
    ]
    assert set(asked[0]) == {
        "candidate_id",
        "partner",
        "purpose",
        "exercise",
        "watchlist",
        "entry",
        "level",
        "asked_at",
        "due_at",
    }
    assert [desk.release("xb-sync", found, granted=True).status_code for _ in range(2)] == [201, 200]
    assert problem(desk.release("xb-rev", found, granted=False)) == (409, "already-decided")
    seen = desk.candidate("ada", found)
    assert (seen["seen"]["level"], seen["release"], seen["action"]) == ("biographics", "released", "inform-officer")
    assert desk.flag("ada", found)["state"] == "settled"
    assert desk.call("xb-rev", "GET", "/v1/releases").json()["releases"] == []
    (event,) = desk.recorded("release-granted", found["candidate"])
    assert event == {"candidate_id": found["candidate"], "partner": "xa"}


def test_rule_kind_12_the_owner_may_decide_first_and_nothing_is_seen_before_the_reviewers(desk: ReviewScene) -> None:
    desk.agree(later=BY_OWNER)
    found = desk.open()
    assert desk.release("xb-rev", found, granted=True).status_code == 201
    assert desk.candidate("ada", found)["seen"]["level"] == "hit"
    desk.say("ada", found, SAME)
    assert desk.candidate("ada", found)["seen"]["level"] == "biographics"


def test_rule_kind_12_what_the_owner_refuses_is_withheld(desk: ReviewScene) -> None:
    desk.agree(later=BY_OWNER)
    found = desk.open()
    desk.say("ada", found, SAME)
    desk.release("xb-sync", found, granted=False)
    seen = desk.candidate("ada", found)
    assert (seen["later"], seen["seen"]["level"], seen["review"]) == (None, "hit", SAME)
    assert [kind for kind, _ in desk.told("xa", found["candidate"])] == ["release-refused"]
    assert len(desk.recorded("release-refused", found["candidate"])) == 1
    assert "release-refused" in [line["kind"] for line in desk.flag("ada", found)["history"]]


def test_rule_kind_12_nobody_is_asked_to_release_what_reviewers_have_refused(desk: ReviewScene) -> None:
    desk.agree(later=BY_OWNER)
    found = desk.open()
    desk.say("ada", found, DIFFERENT)
    assert desk.call("xb-sync", "GET", "/v1/releases").json()["releases"] == []
    assert problem(desk.release("xb-sync", found, granted=True)) == (409, "not-asked-for")
    desk.wait(25 * HOUR)
    kinds = [kind for kind, _ in desk.told("xb", found["candidate"])]
    assert kinds == ["release-requested", "review-concluded"]


def test_rule_kind_12_only_the_owner_decides_and_only_in_time(desk: ReviewScene) -> None:
    desk.agree(later=BY_OWNER)
    found = desk.open()
    for other in ("xa-sync", "ada", "xc-sync"):
        assert problem(desk.release(other, found, granted=True)) == (404, "unknown-release")
    assert problem(desk.release("xb-sync", unknown(), granted=True)) == (404, "unknown-release")
    assert problem(desk.release("xb-terminal", found, granted=True)) == (403, "wrong-role")
    assert desk.call("xc-sync", "GET", "/v1/releases").json()["releases"] == []
    desk.node.clock.turn(24 * HOUR)
    assert desk.call("xb-sync", "GET", "/v1/releases").json()["releases"] == []
    assert problem(desk.release("xb-sync", found, granted=True)) == (409, "not-asked-for")


def test_rule_kind_12_where_no_rule_asks_the_owner_it_decides_on_nothing(desk: ReviewScene) -> None:
    desk.agree(later=ONE)
    found = desk.open()
    assert problem(desk.release("xb-sync", found, granted=True)) == (404, "unknown-release")


def test_rule_kind_35_what_an_emergency_opened_is_settled_by_a_verdict_and_never_by_time(desk: ReviewScene) -> None:
    desk.agree(now="notify-owner, always-review")
    emergency = uuid4()
    body = {"justification": "attack on the ferry", "until": (desk.node.clock() + HOUR).isoformat()}
    desk.call("ada", "PUT", f"/v1/emergencies/{emergency}", json=body)
    found = desk.open(emergency=str(emergency))
    (item,) = desk.queue("ada")
    assert (item["urgency"], item["emergency"], item["due_at"]) == ("urgent", True, None)
    desk.wait(timedelta(days=400))
    flag = desk.flag("ada", found)
    assert (flag["state"], [owed["obligation"] for owed in flag["candidates"][0]["owed"]]) == (
        "open",
        ["always-review"],
    )
    desk.say("ada", found, DIFFERENT)
    assert (desk.flag("ada", found)["state"], desk.candidate("ada", found)["owed"]) == ("settled", [])


def test_rule_kind_36_what_an_authority_authorises_afterwards_stays(desk: ReviewScene) -> None:
    desk.agree(now="ex-post-authorisation(48 h)")
    found = desk.open()
    desk.say("ada", found, SAME)
    assert desk.flag("ada", found)["state"] == "waiting"
    assert desk.candidate("ada", found)["may_authorise"]
    assert problem(desk.authorise("xb-rev", found, granted=True)) == (404, "unknown-flag")
    assert [desk.authorise("bo", found, granted=True).status_code for _ in range(2)] == [201, 200]
    assert problem(desk.authorise("bo", found, granted=False)) == (409, "already-decided")
    desk.wait(49 * HOUR)
    assert desk.candidate("ada", found)["seen"]["level"] == "biographics"
    assert desk.flag("ada", found)["state"] == "settled"
    assert len(desk.recorded("authorised-afterwards", found["candidate"])) == 1


def test_rule_kind_36_what_an_authority_refuses_is_purged_at_once(desk: ReviewScene) -> None:
    desk.agree(now="ex-post-authorisation(48 h)")
    found = desk.open()
    desk.say("ada", found, SAME)
    assert [desk.authorise("bo", found, granted=False).status_code for _ in range(2)] == [201, 200]
    void = desk.flag("ada", found)
    assert (void["state"], void["candidates"][0]["seen"], void["candidates"][0]["verdicts"][0]["reason"]) == (
        "void",
        None,
        None,
    )
    assert ("data-purged", "ex-post-authorisation") in [
        (kind, details.get("obligation")) for kind, details in desk.told("xa", found["candidate"])
    ]
    assert "data-purged" in [kind for kind, _ in desk.told("xb", found["candidate"])]


def test_rule_kind_36_without_such_a_rule_nothing_is_authorised_afterwards(desk: ReviewScene) -> None:
    desk.agree()
    found = desk.open()
    assert not desk.candidate("ada", found)["may_authorise"]
    assert problem(desk.authorise("ada", found, granted=True)) == (409, "not-asked-for")


def test_rule_kind_02_what_an_owner_is_asked_beforehand_lies_in_its_inbox_until_it_grants(desk: ReviewScene) -> None:
    desk.sign(permit("search", "owner-authorisation"), permit("see hit"))
    reference = f"XA-{uuid4()}"
    desk.scene.check(case_reference=reference)
    inboxes, reviewer = desk.node.runtime.review.inbox, Caller("xb", Role.REVIEWER, "xb-rev")
    (asked,) = [each for each in inboxes.of(reviewer).authorisations if each.case_reference == reference]
    assert (asked.partner, asked.purpose, asked.exercise) == ("xa", "crime", False)
    until = (desk.node.clock() + HOUR).isoformat()
    grant = {"partner": "xa", "purpose": "crime", "case_reference": reference, "until": until}
    assert desk.call("xb-sync", "PUT", f"/v1/authorisations/{uuid4()}", json=grant).status_code == 201
    assert [each for each in inboxes.of(reviewer).authorisations if each.case_reference == reference] == []
    others = inboxes.of(Caller("xc", Role.REVIEWER, "xc-rev")).authorisations
    assert reference in [each.case_reference for each in others]  # it was asked too, and has not granted it


def test_rule_kind_02_what_an_owner_declines_is_gone_until_it_is_asked_anew_and_can_still_be_granted(
    desk: ReviewScene,
) -> None:
    desk.sign(permit("search", "owner-authorisation"), permit("see hit"))
    case = Case("xa", "crime", f"XA-{uuid4()}")
    desk.scene.check(case_reference=case.reference)
    authorisations, reviewer = desk.node.runtime.authorisations, Caller("xb", Role.REVIEWER, "xb-rev")
    authorisations.decline(reviewer, case)
    assert case.reference not in asked_of(desk, reviewer)
    desk.node.clock.turn(timedelta(days=31))  # what the owner was told is forgotten
    desk.node.runtime.keep_house()
    desk.scene.check(case_reference=case.reference)
    assert case.reference in asked_of(desk, reviewer)
    authorisations.grant(reviewer, uuid4(), case, desk.node.clock() + HOUR)
    assert case.reference not in asked_of(desk, reviewer)
    with pytest.raises(AlreadyDecided):
        authorisations.decline(reviewer, case)
    assert desk.scene.check(case_reference=case.reference)["outcome"] == "flagged"


def asked_of(desk: ReviewScene, reviewer: Caller) -> list[str | None]:
    """The cases that lie in an inbox."""
    return [each.case_reference for each in desk.node.runtime.review.inbox.of(reviewer).authorisations]


def test_an_inbox_holds_what_a_partner_is_asked_for_and_nothing_of_others(desk: ReviewScene) -> None:
    desk.agree(now="ex-post-authorisation(48 h)", later="release-by-owner(24 h)")
    found = desk.open()
    inboxes = desk.node.runtime.review.inbox
    asker, owner = (inboxes.of(Caller(partner, Role.REVIEWER, "somebody")) for partner in ("xa", "xb"))
    assert [str(each.candidate) for each in asker.afterwards] == [found["candidate"]]
    assert [str(each.candidate) for each in owner.releases] == [found["candidate"]]
    assert (asker.releases, owner.afterwards) == ((), ())


def test_rule_kind_05_the_desk_sees_a_silent_alarm_that_the_terminal_never_does(desk: ReviewScene) -> None:
    desk.agree("silent-alarm", ONE)
    found = desk.open()
    nothing = desk.fetched(found)
    (item,) = desk.queue("ada")
    assert (item["silent"], item["urgency"]) == (True, "raised")
    desk.say("ada", found, SAME)
    seen = desk.candidate("ada", found)
    assert (seen["silent"], seen["seen"]["level"], seen["action"]) == (True, "biographics", "inform-officer")
    assert (
        desk.fetched(found)
        == nothing
        == {
            "check_id": found["check"],
            "outcome": "nothing-to-see",
            "flag_id": None,
            "candidates": [],
        }
    )


def test_rule_kind_32_rules_of_now_show_less_than_those_of_the_check(desk: ReviewScene) -> None:
    contested = rule("see biographics", when="resource.contested", forbid=True)
    desk.agree("", ONE, contested)
    found = desk.open()
    desk.scene.enrol(contested=True)
    desk.say("ada", found, SAME)
    seen = desk.candidate("ada", found)
    assert (seen["release"], seen["seen"]["level"], seen["changed"]) == ("released", "hit", True)


def test_what_its_owner_withdraws_is_not_seen_any_more(desk: ReviewScene) -> None:
    desk.agree()
    found = desk.open()
    desk.node.withdraw("xb", "E-1")
    seen = desk.candidate("ada", found)
    assert (seen["seen"], seen["withdrawn"], seen["why_not"]) == (None, True, None)
    assert desk.fetched(found)["outcome"] == "nothing-to-see"


def test_rule_kind_15_scores_are_shown_to_reviewers_in_the_form_of_the_rules(desk: ReviewScene) -> None:
    desk.sign(permit("search"), permit("see score", "score-form(whole)"))
    (scores,) = [desk.candidate("ada", desk.open())["seen"]["scores"]]
    assert [score["modality"] for score in scores] == [None, "fingerprint"]
    assert all(score["value"] == int(score["value"]) for score in scores)
    assert all(score["one_in"] == 10 ** int(score["value"]) for score in scores)
    desk.sign(permit("search"), permit("see score", "score-form(band)"), version="2", supersedes=f'["{desk.treaty}@1"]')
    seen = desk.candidate("ada", desk.open())["seen"]
    assert (seen["scores"], seen["band"] is not None) == ([], True)


def test_rule_kind_04_reviewers_see_the_links_that_the_rules_show(desk: ReviewScene) -> None:
    for name, fields in (("E-2", {}), ("E-3", {"hidden_until": (desk.node.clock() + HOUR).isoformat()})):
        desk.scene.enrol(name, finger_number=4, **fields)
    links = [{"kind": "associated", "watchlist": "xb-alerts", "entry": name} for name in ("E-2", "E-3")]
    desk.scene.enrol(links=links)
    desk.agree("", "", permit("see links"))
    seen = desk.candidate("ada", desk.open())["seen"]
    assert seen["links"] == [{"kind": "associated", "reference": "xb-alerts/E-2"}]
