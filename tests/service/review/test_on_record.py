"""What the audit log and notices say of a review: whole, word for word, and in whose name."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.schema import audit_events
from tests.service.recorded import recorded
from tests.service.review.desk import DIFFERENT, HOUR, SAME, ReviewScene
from tests.service.treaties import permit

DESK, HOUSEKEEPING = ("xa", "review desk"), ("xa", "housekeeping")
BY_OWNER = "reviewers(1), release-by-owner(24 h)"


class OnRecord:
    """What is written down of one candidate, and told of it."""

    def __init__(self, desk: ReviewScene, found: dict[str, Any]) -> None:
        self.desk = desk
        self.about = {"flag_id": found["flag"], "candidate_id": found["candidate"]}
        self.candidate = {"candidate_id": found["candidate"]}

    def of(self, kind: str, *keys: str) -> tuple[tuple[str, str], dict[str, Any]]:
        """In whose name the one event of a kind is, and what it says; found by `keys` of what it is about."""
        named = {key: self.about[key] for key in keys or ("candidate_id",)}
        (event,) = [
            event
            for event in recorded(self.desk.node.runtime.store, kind)
            if named.items() <= dict(event["details"]).items()
        ]
        return (event["partner"], event["actor"]), event["details"]

    def told(self, partner: str) -> list[tuple[str, dict[str, Any]]]:
        return self.desk.told(partner, self.about["candidate_id"])


def test_what_is_said_and_what_follows_is_on_record_by_name(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(2 waivable)")
    found = desk.open()
    desk.waive("bo", found)
    desk.say("ada", found, SAME)
    record = OnRecord(desk, found)
    assert record.of("reviewer-waived") == (("xa", "bo"), record.about)
    assert record.of("verdict-given") == (("xa", "ada"), record.about | {"verdict": SAME})
    assert record.of("review-concluded") == (DESK, record.about | {"word": SAME})
    assert record.of("disclosure-released") == (DESK, record.about | {"word": "biographics"})
    assert record.told("xa") == [("disclosure-released", record.about | {"level": "biographics"})]


def test_what_reviewers_refuse_is_on_record_with_what_is_withheld(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(1)")
    found = desk.open()
    desk.say("ada", found, DIFFERENT)
    record = OnRecord(desk, found)
    assert record.of("review-concluded") == (DESK, record.about | {"word": DIFFERENT})
    assert record.of("disclosure-withheld") == (DESK, record.about | {"word": "biographics"})
    assert record.told("xa") == record.told("xb") == []


@pytest.mark.parametrize("granted", [True, False])
def test_rule_kind_12_what_an_owner_answers_is_on_record_in_its_name_and_told_to_the_asker(
    desk: ReviewScene, *, granted: bool
) -> None:
    desk.agree(later=BY_OWNER)
    found = desk.open()
    desk.say("ada", found, SAME)
    desk.release("xb-sync", found, granted=granted)
    record = OnRecord(desk, found)
    word = "granted" if granted else "refused"
    assert record.of(f"release-{word}") == (("xb", "xb-sync"), record.candidate | {"partner": "xa"})
    assert record.told("xa") == [
        ("disclosure-released", record.about | {"level": "biographics"})
        if granted
        else ("release-refused", record.about)
    ]


def test_rule_kind_36_what_an_authority_refuses_is_on_record_and_both_are_told_what_is_purged(
    desk: ReviewScene,
) -> None:
    desk.agree(now="ex-post-authorisation(48 h)")
    found = desk.open()
    desk.authorise("bo", found, granted=False)
    record = OnRecord(desk, found)
    assert record.of("refused-afterwards") == (("xa", "bo"), record.about)
    purged = record.candidate | {"obligation": "ex-post-authorisation"}
    assert record.told("xa") == [("data-purged", purged | {"flag_id": found["flag"]})]
    assert record.told("xb") == [("data-purged", purged | {"partner": "xa"})]


def test_rule_kind_36_what_an_authority_authorises_is_on_record_and_nobody_is_told(desk: ReviewScene) -> None:
    desk.agree(now="ex-post-authorisation(48 h)")
    found = desk.open()
    desk.authorise("bo", found, granted=True)
    record = OnRecord(desk, found)
    assert record.of("authorised-afterwards") == (("xa", "bo"), record.about)
    assert record.told("xa") == record.told("xb") == []


def test_rule_kind_11_reminders_and_lapses_say_what_was_owed_until_when(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(1), confirm-within(10 h)")
    found = desk.open()
    (owed,) = desk.candidate("ada", found)["owed"]
    due_at = datetime.fromisoformat(owed["due_at"]).isoformat()
    desk.wait(5 * HOUR)
    record = OnRecord(desk, found)
    step = record.about | {"obligation": "confirm-within", "step": "half"}
    assert record.of("flag-escalated") == (HOUSEKEEPING, step)
    assert record.told("xa") == [("deadline-near", step | {"due_at": due_at})]
    desk.wait(5 * HOUR)
    duty = record.about | {"obligation": "confirm-within"}
    assert record.of("duty-lapsed") == (HOUSEKEEPING, duty | {"due_at": due_at})
    assert record.told("xa")[1:] == [("flag-overdue", duty)]


def test_rule_kind_12_an_owner_is_reminded_by_candidate_and_both_learn_that_it_lapsed(desk: ReviewScene) -> None:
    desk.agree(later="release-by-owner(10 h)")
    found = desk.open()
    desk.wait(10 * HOUR)
    record = OnRecord(desk, found)
    (asked, requested), (lapsed, to_owner) = record.told("xb")
    assert (asked, lapsed) == ("release-requested", "release-lapsed")
    assert requested == record.candidate | {
        "partner": "xa",
        "purpose": "crime",
        "watchlist": "xb-alerts",
        "entry": "E-1",
        "exercise": False,
        "due_at": requested["due_at"],
    }
    duty = record.candidate | {"obligation": "release-by-owner"}
    assert to_owner == duty | {"partner": "xa"}
    assert record.told("xa") == [("release-lapsed", duty | {"flag_id": found["flag"]})]
    assert record.of("duty-lapsed")[1]["due_at"] == requested["due_at"]


def test_rule_kind_37_what_is_void_is_on_record_with_the_agreements_that_ended(desk: ReviewScene) -> None:
    end = desk.node.clock() + HOUR
    desk.agree(in_force_until=end.isoformat())
    found = desk.open()
    desk.wait(HOUR)
    record = OnRecord(desk, found)
    void = record.about | {"agreements": f"{desk.treaty}@1"}
    assert record.of("disclosure-voided") == (HOUSEKEEPING, void | {"owner": "xb"})
    assert record.told("xa") == [("data-purged", void)]
    assert record.told("xb") == []


def test_whoever_looks_is_on_record_with_the_levels_that_were_shown(desk: ReviewScene) -> None:
    desk.agree(later="reviewers(1)")
    found = desk.open()
    desk.flag("ada", found)
    desk.fetched(found)
    record = OnRecord(desk, found)
    looked = {"flag_id": found["flag"], "levels": ["hit"]}
    assert record.of("flag-read", "flag_id") == (("xa", "ada"), looked)
    fetched = looked | {"check_id": found["check"]}
    assert record.of("disclosure-fetched", "flag_id") == (("xa", "xa-terminal"), fetched)


OF_A_REVIEW = (
    "check-answered",
    "flag-opened",
    "flag-escalated",
    "reviewer-waived",
    "flag-read",
    "verdict-given",
    "review-concluded",
    "disclosure-released",
    "disclosure-fetched",
    "authorised-afterwards",
)


def test_rule_kind_28_every_word_of_a_review_is_kept_as_long_as_the_agreements_say(desk: ReviewScene) -> None:
    now, later = "ex-post-authorisation(48 h)", "reviewers(2 waivable), confirm-within(10 h)"
    desk.sign(permit("search", "log-for(9 y)"), permit("see hit", now), permit("see alert", later))
    began = desk.node.clock()
    found = desk.open()
    desk.wait(5 * HOUR)
    desk.waive("bo", found)
    desk.flag("ada", found)
    desk.say("ada", found, SAME)
    desk.fetched(found)
    desk.authorise("bo", found, granted=True)
    query = select(audit_events).where(audit_events.c.kind.in_(OF_A_REVIEW), audit_events.c.at >= began)
    with desk.node.runtime.store.engine.connect() as connection:
        kept = {row.kind: row.keep_until and row.keep_until - row.at for row in connection.execute(query)}
    days = {kind: time and round(time / timedelta(days=1)) for kind, time in kept.items()}
    assert days == dict.fromkeys(OF_A_REVIEW, 9 * 365)
