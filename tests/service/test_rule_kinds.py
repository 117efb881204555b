"""The kinds of rules that act in the service, each allowed and denied, over HTTP. docs/rules.md lists them all; the
decisions behind them are tested in tests/watchlists/agreements/test_rule_kinds.py.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from math import floor
from typing import Any
from uuid import uuid4

import pytest

from models.fingerprint import formats
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.api.messages import MatchRequest
from service.disclosure import StoredEntries
from service.errors import CheckConflict
from service.identity import Caller
from service.roles import Role
from tests.service.node import base64_of, entry
from tests.service.recorded import recorded
from tests.service.scene import (
    ALERT,
    EVERYTHING,
    HIT,
    PERSON,
    REFERENCE,
    SCORE,
    SEARCH,
    Scene,
    comparable,
    path_of,
    rule,
    smudged,
)
from tests.service.test_ledger import events
from tests.service.treaties import notices, permit
from watchlists.records import EntryKey
from watchlists.templates import Details

SOMEBODY_ELSE = 2
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
CHECKS = '["specific-check", "inquiry-check", "discreet-check"]'
SILENT = permit("see hit", "silent-alarm", 'resource.action == "discreet-check"')
DISCREET = {"action": "discreet-check"}


def link(name: str, kind: str = "associated") -> dict[str, str]:
    return {"kind": kind, "watchlist": "xb-alerts", "entry": name}


def linked(scene: Scene, name: str, **fields: Any) -> dict[str, str]:
    """Put an entry on somebody else, with such fields; return a link to it."""
    scene.enrol(name, finger_number=SOMEBODY_ELSE, **fields)
    return link(name)


class TestLinks:
    SEE_LINKS = permit("see links")

    def links(self, scene: Scene, **fields: Any) -> list[tuple[str, str]] | None:
        """The links of the candidate as a terminal of XA sees them."""
        seen = scene.seen(**fields)
        assert seen is not None
        return None if seen["links"] is None else [(each["kind"], each["reference"]) for each in seen["links"]]

    def test_rule_kind_04_links_to_entries_that_may_be_seen_are_shown(self, scene: Scene) -> None:
        scene.agree(SEARCH, ALERT, self.SEE_LINKS)
        linked(scene, "E-2")
        linked(scene, "E-3", category="missing-person")
        scene.enrol(links=[link("E-2"), link("E-3", "same-person")])
        assert self.links(scene) == [("associated", "xb-alerts/E-2"), ("same-person", "xb-alerts/E-3")]

    def test_rule_kind_04_links_to_invisible_entries_are_stripped_silently(self, scene: Scene) -> None:
        scene.agree(SEARCH, ALERT, self.SEE_LINKS)
        hidden = [
            linked(scene, "E-2", excluded=["xa"]),
            linked(scene, "E-3", category="grudge"),
            linked(scene, "E-4", hidden_until=(scene.node.clock() + HOUR).isoformat()),
            linked(scene, "E-5", exercise=True),
            link("E-404"),
        ]
        scene.enrol(links=[])
        without = scene.send()
        scene.enrol(links=hidden)
        assert comparable(scene.send()) == comparable(without)
        assert self.links(scene) == []

    def test_rule_kind_04_without_a_permit_of_their_own_no_links_are_shown(self, scene: Scene) -> None:
        scene.agree(SEARCH, ALERT)
        scene.enrol(links=[linked(scene, "E-2")])
        assert self.links(scene) is None

    def test_rule_kind_04_no_link_names_an_entry_that_is_not_shown_by_name(self, scene: Scene) -> None:
        scene.agree(SEARCH, HIT, permit("see alert", when='resource.category == "wanted"'), self.SEE_LINKS)
        scene.enrol(links=[linked(scene, "E-2"), linked(scene, "E-3", category="missing-person")])
        assert self.links(scene) == [("associated", "xb-alerts/E-2")]

    def test_rule_kind_04_no_link_names_an_entry_that_is_not_searched(self, scene: Scene) -> None:
        """What is shown for a low score only is never compared, so a link must not show it either."""
        low = 'resource.category == "wanted" || context.score.lessThan(decimal("50.0"))'
        scene.agree(SEARCH, permit("see alert", when=low), self.SEE_LINKS)
        scene.enrol(links=[linked(scene, "E-2"), linked(scene, "E-3", category="missing-person")])
        assert self.links(scene) == [("associated", "xb-alerts/E-2")]

    def test_rule_kind_04_no_link_betrays_a_silent_alarm(self, scene: Scene) -> None:
        scene.agree(SEARCH, ALERT, SILENT, self.SEE_LINKS, actions=CHECKS)
        scene.enrol(links=[linked(scene, "E-2"), linked(scene, "E-3", **DISCREET)])
        assert self.links(scene) == [("associated", "xb-alerts/E-2")]

    def test_rule_kind_04_a_link_calls_an_entry_by_its_pseudonym(self, scene: Scene) -> None:
        scene.agree(SEARCH, permit("see alert", "pseudonym"), self.SEE_LINKS)
        scene.enrol(links=[linked(scene, "E-2")])
        found = scene.seen(finger_number=SOMEBODY_ELSE)
        assert found is not None
        assert self.links(scene) == [("associated", found["reference"])]
        assert "E-2" not in found["reference"]


class TestSilentAlarm:
    @pytest.fixture
    def discreet(self, scene: Scene) -> Scene:
        """A scene where what asks for a discreet check raises a silent alarm, and all else is shown."""
        scene.agree(SEARCH, REFERENCE, SILENT, actions=CHECKS)
        return scene

    def test_rule_kind_05_a_silent_alarm_answers_the_terminal_as_if_nobody_were_found(self, discreet: Scene) -> None:
        nobody = discreet.send()
        discreet.enrol(**DISCREET)
        alarm = discreet.send()
        assert comparable(alarm) == comparable(nobody)
        assert alarm.json()["outcome"] == "no-candidates"
        assert alarm.headers.keys() == nobody.headers.keys()

    def test_rule_kind_05_without_the_obligation_the_terminal_sees_it(self, discreet: Scene) -> None:
        discreet.enrol(action="inquiry-check")
        assert discreet.check()["outcome"] == "flagged"

    def test_rule_kind_05_the_supervisor_of_the_asking_side_finds_the_flag(self, discreet: Scene) -> None:
        discreet.enrol(**DISCREET)
        check = discreet.check()["check_id"]
        flag = discreet.flag_of(check)
        assert flag is not None
        assert (flag["partner"], flag["checkpoint"]) == ("xa", "XA-GATE-07")
        (candidate,) = discreet.flagged(check)
        assert (candidate["entry"], candidate["silent"], candidate["level"]) == ("E-1", True, "reference")
        (event,) = [event for event in events(discreet.node, "flag-opened") if event["check_id"] == check]
        assert event["flag_id"] == flag["id"]
        assert [(each["entry"], each["silent"]) for each in event["candidates"]] == [("E-1", True)]

    def test_rule_kind_05_the_log_of_the_check_is_that_of_a_check_without_candidates(self, discreet: Scene) -> None:
        nobody = discreet.event_of(discreet.check()["check_id"])
        discreet.enrol(**DISCREET)
        alarm = discreet.event_of(discreet.check()["check_id"])
        own = ("check_id", "gallery_sequence")
        assert {key: alarm[key] for key in alarm if key not in own} == {
            key: nobody[key] for key in nobody if key not in own
        }
        assert (alarm["flag_id"], alarm["disclosed"]) == (None, [])

    @pytest.mark.parametrize("enrolled", [False, True])
    def test_rule_kind_27_a_silent_alarm_stays_silent_when_its_quota_is_used_up(
        self, scene: Scene, *, enrolled: bool
    ) -> None:
        """Beside an agreement that would show it; what the terminal is told does not depend on the entry."""
        scene.agree(permit("search", "quota(1)"), SILENT, actions=CHECKS)
        scene.agree(SEARCH, REFERENCE, actions=CHECKS, name="plain")
        if enrolled:
            scene.enrol(**DISCREET)
        answers = [scene.check() for _ in range(2)]
        assert [answer["quotas"][0]["left"] for answer in answers] == [0, 0]
        assert [answer["outcome"] for answer in answers] == ["no-candidates", "incomplete"]
        assert [answer["candidates"] for answer in answers] == [[], []]
        assert [len(scene.flagged(answer["check_id"])) for answer in answers] == [enrolled, enrolled]

    def test_rule_kind_05_where_nobody_is_found_there_is_no_flag(self, discreet: Scene) -> None:
        assert discreet.flag_of(discreet.check()["check_id"]) is None

    def test_rule_kind_05_a_repeated_check_stays_as_silent_and_raises_no_second_alarm(self, discreet: Scene) -> None:
        discreet.enrol(**DISCREET)
        body = discreet.request()
        first, again = (discreet.node.send("xa", body) for _ in range(2))
        assert again.content == first.content
        assert len(discreet.flagged(body["check_id"])) == 1

    def test_rule_kind_05_beside_an_open_candidate_the_silent_one_does_not_show(self, discreet: Scene) -> None:
        discreet.enrol("E-1")
        alone = discreet.send()
        discreet.enrol("E-2", **DISCREET)
        both = discreet.send()
        assert comparable(both) == comparable(alone)
        assert [seen["reference"] for seen in both.json()["candidates"]] == ["xb-alerts/E-1"]
        found = discreet.flagged(both.json()["check_id"])
        assert [(each["entry"], each["silent"]) for each in found] == [("E-1", False), ("E-2", True)]
        assert found[0]["flag_id"] == both.json()["flag_id"]

    def test_rule_kind_05_a_silent_candidate_takes_no_place_from_an_open_one(self, scene: Scene) -> None:
        """A cap counts what is shown by itself, or a shorter list would betray the alarm."""
        silent = permit("see hit", "silent-alarm, candidates(1)", 'resource.action == "discreet-check"')
        scene.agree(SEARCH, permit("see reference", "candidates(2)"), silent, actions=CHECKS)
        scene.enrol("E-1")
        scene.enrol("E-2", fingerprints=[smudged()])
        alone = scene.send(fingerprints=[smudged()])
        for name in ("E-3", "E-4"):
            scene.enrol(name, fingerprints=[smudged()], **DISCREET)
        both = scene.send(fingerprints=[smudged()])
        assert comparable(both) == comparable(alone)
        assert [seen["reference"] for seen in both.json()["candidates"]] == ["xb-alerts/E-2", "xb-alerts/E-1"]
        assert [each["silent"] for each in scene.flagged(both.json()["check_id"])] == [False, False, True]


NOT_HERE = 'resource.flagged_by.contains(principal.partner) && context.action == "arrest"'


@pytest.mark.parametrize(
    ("flagged_by", "obligations", "action"),
    [
        ([], "downgrade(arrest locate)", "arrest"),
        (["xc"], "downgrade(arrest locate)", "arrest"),
        (["xa"], "downgrade(arrest locate)", "locate"),
        (["xa"], "", "none"),
    ],
)
def test_rule_kind_06_a_national_flag_puts_a_substitute_into_the_answer(
    scene: Scene, flagged_by: list[str], obligations: str, action: str
) -> None:
    chain = permit("see alert", obligations)
    scene.agree(SEARCH, chain, rule("take action", when=NOT_HERE, forbid=True), actions='["arrest", "locate"]')
    scene.enrol(action="arrest", flagged_by=flagged_by)
    seen = scene.seen()
    assert seen is not None
    assert seen["alert"] == {"category": "wanted", "action": action}


def test_rule_kind_07_each_partner_is_told_the_action_that_its_law_allows(scene: Scene) -> None:
    chain = permit("see alert", "downgrade(specific-check inquiry-check discreet-check)")
    unlawful = 'principal.partner == "xa" && context.action == "specific-check"'
    scene.agree(SEARCH, chain, rule("take action", when=unlawful, forbid=True), actions=CHECKS)
    scene.enrol(action="specific-check")
    told = [seen["alert"]["action"] for asker in ("xa", "xc") if (seen := scene.seen(asker))]
    assert told == ["inquiry-check", "specific-check"]


def test_rule_kind_08_entries_that_do_not_go_together_are_refused_and_others_come_by_priority(scene: Scene) -> None:
    orders = {"priority": '["wanted", "missing-person"]', "incompatible": '[["wanted", "missing-person"]]'}
    scene.agree(SEARCH, ALERT, **orders)
    scene.enrol("E-1")
    same_person: dict[str, Any] = {"category": "missing-person", "links": [link("E-1", "same-person")]}
    assert problem(scene.put("E-2", **same_person)) == (422, "entry-forbidden")
    scene.enrol("E-2", category="missing-person", fingerprints=[smudged()])
    found = scene.check(fingerprints=[smudged()])["candidates"]
    assert [each["alert"]["category"] for each in found] == ["wanted", "missing-person"]
    assert found[0]["score"] < found[1]["score"]


def problem(response: Any) -> tuple[int, str]:
    """Status and kind of a refusal."""
    return response.status_code, response.json()["type"].rpartition(":")[2]


def test_rule_kind_09_an_entry_is_hidden_until_its_time_from_everybody_but_its_owner(scene: Scene) -> None:
    scene.agree(SEARCH, SCORE)
    nobody = scene.send()
    scene.enrol(hidden_until=(scene.node.clock() + HOUR).isoformat())
    assert comparable(scene.send()) == comparable(nobody)
    assert scene.seen("xb", purpose="border-check") is not None
    scene.node.clock.turn(HOUR)
    assert scene.seen() is not None


class TestCandidates:
    def found(self, scene: Scene, obligations: str, when: str = "true") -> list[str]:
        """Whom XA finds where XB lists the person three times, best as E-3, and XC once."""
        scene.agree(SEARCH, permit("see reference", obligations, when))
        for name in ("E-1", "E-2"):
            scene.enrol(name)
        scene.enrol("E-3", fingerprints=[smudged()])
        scene.enrol("E-4", "xc")
        answer = scene.check(fingerprints=[smudged()])
        names = [each["reference"] for each in answer["candidates"]]
        assert len(scene.flagged(answer["check_id"])) == len(names)
        return names

    def test_rule_kind_14_of_each_owner_the_best_candidates_up_to_the_cap(self, scene: Scene) -> None:
        best, *others = self.found(scene, "candidates(2)")
        assert best == "xb-alerts/E-3"
        assert sorted(name.partition("-")[0] for name in others) == ["xb", "xc"]

    def test_rule_kind_14_without_a_cap_all_of_them(self, scene: Scene) -> None:
        assert len(self.found(scene, "")) == 4

    def test_rule_kind_14_the_strictest_cap_counts(self, scene: Scene) -> None:
        scene.agree(SEARCH, permit("see hit", "candidates(1)"), name="stricter")
        assert len(self.found(scene, "candidates(3)")) == 2

    @pytest.mark.parametrize(("of_best", "of_others"), [(1, 3), (3, 1)])
    def test_rule_kind_14_the_strictest_cap_on_any_of_an_owners_candidates_counts(
        self, scene: Scene, of_best: int, of_others: int
    ) -> None:
        capped = [
            rule("see reference", when=f'resource.category == "{category}"', name=category, asks=f"candidates({cap})")
            for category, cap in (("missing-person", of_best), ("wanted", of_others))
        ]
        scene.agree(SEARCH, *capped)
        scene.enrol("E-1")
        scene.enrol("E-2")
        scene.enrol("E-3", category="missing-person", fingerprints=[smudged()])
        found = scene.check(fingerprints=[smudged()])["candidates"]
        assert [each["reference"] for each in found] == ["xb-alerts/E-3"]

    @pytest.mark.parametrize(("minimum", "count"), [("0.1", 4), ("90.0", 0)])
    def test_rule_kind_14_below_the_minimum_score_nobody_is_found(self, scene: Scene, minimum: str, count: int) -> None:
        at_least = f'context.score.greaterThanOrEqual(decimal("{minimum}"))'
        assert len(self.found(scene, "", at_least)) == count


@pytest.mark.parametrize(
    ("form", "step", "has_band"),
    [
        ("raw", None, True),
        ("tenths", 10, True),
        ("halves", 2, True),
        ("whole", 1, True),
        ("band", 0, True),
        ("none", 0, False),
    ],
)
def test_rule_kind_15_the_score_is_answered_in_the_form_of_the_agreement(
    scene: Scene, form: str, step: int | None, has_band: bool
) -> None:
    scene.agree(SEARCH, permit("see score", f"score-form({form})"))
    scene.enrol()
    answer = scene.check(fingerprints=[smudged()])
    (seen,), (known,) = answer["candidates"], scene.flagged(answer["check_id"])
    assert known["score"] * 10 % 1  # otherwise the forms would not differ
    expected = {None: known["score"], 0: None}
    assert seen["score"] == (expected[step] if step in expected else floor(known["score"] * step) / step)
    assert (seen["band"] is not None) is has_band


class TestPseudonyms:
    def reference(self, scene: Scene, asker: str = "xa", **fields: Any) -> str:
        seen = scene.seen(asker, **fields)
        assert seen is not None
        name: str = seen["reference"]
        return name

    def test_rule_kind_16_a_pseudonym_is_one_entrys_to_one_partner(self, scene: Scene) -> None:
        scene.agree(SEARCH, permit("see reference", "pseudonym"))
        scene.enrol("E-1")
        scene.enrol("E-2", finger_number=SOMEBODY_ELSE)
        first, again, to_another = (self.reference(scene, asker) for asker in ("xa", "xa", "xc"))
        other_entry = self.reference(scene, finger_number=SOMEBODY_ELSE)
        assert first == again
        assert len({first, to_another, other_entry}) == 3
        assert not any("E-1" in name or "xb-alerts" in name for name in (first, to_another))

    def test_rule_kind_16_without_the_obligation_the_reference_is_shown(self, scene: Scene) -> None:
        scene.agree(SEARCH, REFERENCE)
        scene.enrol()
        assert self.reference(scene) == self.reference(scene, "xc") == "xb-alerts/E-1"


SUBJECT = {"family_name": "Quillfeather", "nationality": "XB", "documents": ["PXB0000001"]}
EMPTY: dict[str, Any] = {
    "family_name": None,
    "given_names": None,
    "birth_date": None,
    "nationality": None,
    "documents": None,
}


@pytest.mark.parametrize(
    ("obligations", "shown"),
    [
        ("", SUBJECT),
        ("mask(documents)", SUBJECT | {"documents": None}),
        ("fields(family_name)", {"family_name": "Quillfeather"}),
        ("fields(family_name documents), mask(documents)", {"family_name": "Quillfeather"}),
    ],
)
def test_rule_kind_16_masked_fields_are_not_in_the_answer(
    scene: Scene, obligations: str, shown: dict[str, Any]
) -> None:
    scene.agree(SEARCH, permit("see biographics", obligations))
    scene.enrol(subject=SUBJECT)
    answer = scene.send()
    (seen,) = answer.json()["candidates"]
    assert seen["subject"] == EMPTY | shown
    assert ("PXB0000001" in answer.text) is (shown.get("documents") is not None)


def test_rule_kind_16_an_entry_without_documents_is_told_from_masked_ones(scene: Scene) -> None:
    scene.agree(SEARCH, permit("see biographics"))
    scene.enrol(subject={"family_name": "Quillfeather"})
    (seen,) = scene.send().json()["candidates"]
    assert seen["subject"] == EMPTY | {"family_name": "Quillfeather", "documents": []}


@pytest.mark.parametrize(
    ("own", "one", "other", "handling"),
    [
        (["tlp-green"], "tlp-amber", "tlp-red", {"tlp-red"}),
        (["tlp-red"], "tlp-amber", "tlp-clear", {"tlp-red"}),
        (["europol-h0"], "europol-h1", "europol-h2", {"europol-h1", "europol-h2"}),
        (["eyes-only"], "onward-transfer-by-consent", "no-onward-transfer", {"eyes-only", "no-onward-transfer"}),
    ],
)
def test_rule_kind_17_the_strictest_handling_code_of_entry_and_agreements_travels(
    scene: Scene, own: list[str], one: str, other: str, handling: set[str]
) -> None:
    scene.agree(SEARCH, permit("see score", one))
    scene.agree(SEARCH, permit("see score", other), name="another")
    scene.enrol(handling=own)
    seen = scene.seen()
    assert seen is not None
    assert set(seen["handling"]) == handling


@pytest.mark.parametrize(
    ("excluded", "finders"), [([], ["xa", "xc"]), (["xa"], ["xc"]), (["xz"], ["xa"]), (["xa", "xc"], [])]
)
def test_rule_kind_19_to_an_excluded_partner_or_country_the_entry_does_not_exist(
    scene: Scene, excluded: list[str], finders: list[str]
) -> None:
    scene.agree(SEARCH, SCORE)
    nobody = {asker: comparable(scene.send(asker)) for asker in ("xa", "xc")}
    scene.enrol(excluded=excluded)
    found = {asker: comparable(scene.send(asker)) for asker in ("xa", "xc")}
    assert [asker for asker in found if found[asker] != nobody[asker]] == finders


class TestRetention:
    @pytest.fixture
    def limited(self, scene: Scene) -> Scene:
        """A scene whose agreement keeps entries for three years and has them reviewed every year."""
        scene.agree(SEARCH, SCORE, rule("enter", asks="retain-at-most(3 y), review-every(1 y)"))
        return scene

    def dates(self, scene: Scene) -> tuple[datetime, datetime]:
        stored = scene.read()
        return datetime.fromisoformat(stored["review_at"]), datetime.fromisoformat(stored["expires_at"])

    def test_rule_kind_21_the_dates_of_an_entry_are_brought_within_the_terms(self, limited: Scene) -> None:
        earliest = limited.node.clock()
        limited.enrol(expires_at=(earliest + 9 * YEAR).isoformat())
        latest = limited.node.clock()
        review, expiry = self.dates(limited)
        assert earliest + YEAR <= review <= latest + YEAR
        assert earliest + 3 * YEAR <= expiry <= latest + 3 * YEAR

    def test_rule_kind_21_dates_within_the_terms_are_kept(self, limited: Scene) -> None:
        review, expiry = limited.node.clock() + HOUR, limited.node.clock() + DAY
        limited.enrol(review_at=review.isoformat(), expires_at=expiry.isoformat())
        assert self.dates(limited) == (review, expiry)

    def test_rule_kind_21_without_a_term_nothing_is_added(self, scene: Scene) -> None:
        scene.agree(SEARCH, SCORE)
        scene.enrol()
        assert (scene.read()["review_at"], scene.read()["expires_at"]) == (None, None)

    def test_rule_kind_21_writing_an_entry_again_does_not_prolong_it(self, limited: Scene) -> None:
        limited.enrol()
        dates = self.dates(limited)
        limited.node.clock.turn(2 * YEAR)
        assert limited.put().json()["status"] == "unchanged"
        assert limited.put(category="missing-person").json()["status"] == "replaced"
        assert self.dates(limited) == dates

    def test_rule_kind_21_once_its_time_is_over_it_is_neither_found_nor_taken_again(self, limited: Scene) -> None:
        limited.enrol()
        limited.node.clock.turn(3 * YEAR - HOUR)
        assert limited.seen() is not None
        limited.node.clock.turn(HOUR)
        assert limited.seen() is None
        assert problem(limited.put()) == (422, "already-expired")
        (result,) = limited.import_lines("xb", {"E-1": entry(finger_number=PERSON)})
        assert result["problem"]["type"] == "urn:crosscheck:problem:already-expired"


class TestAge:
    BARRED = rule("enter", when='resource.age == "under-12" && !resource.in_child_interest', forbid=True)

    @pytest.fixture
    def protective(self, scene: Scene) -> Scene:
        scene.agree(SEARCH, SCORE, self.BARRED)
        return scene

    def aged(self, scene: Scene, years: int) -> dict[str, Any]:
        """The subject of an entry who is that old today."""
        today = scene.node.clock().date()
        return {"subject": {"birth_date": date(today.year - years, today.month, min(today.day, 28)).isoformat()}}

    def test_rule_kind_24_a_child_under_12_is_not_entered(self, protective: Scene) -> None:
        refused = protective.put(**self.aged(protective, 5))
        assert problem(refused) == (422, "entry-forbidden")
        assert "treaty@1 forbid-enter" in refused.json()["detail"]
        assert protective.node.call("xb-sync", "GET", path_of("E-1")).status_code == 404
        assert protective.seen() is None

    def test_rule_kind_24_in_its_own_interest_or_from_12_on_it_is(self, protective: Scene) -> None:
        protective.enrol("E-1", in_child_interest=True, **self.aged(protective, 5))
        protective.enrol("E-2", **self.aged(protective, 12))
        assert len(protective.check()["candidates"]) == 2

    def test_rule_kind_24_an_import_keeps_the_good_lines(self, protective: Scene) -> None:
        bodies = {
            "E-1": entry(finger_number=PERSON),
            "E-2": entry(finger_number=PERSON, **self.aged(protective, 5)),
            "E-3": entry(finger_number=PERSON, in_child_interest=True, **self.aged(protective, 5)),
        }
        results = protective.import_lines("xb", bodies)
        assert [(result["line"], result["status"]) for result in results] == [
            (1, "created"), (2, "refused"), (3, "created"),
        ]  # fmt: skip
        assert results[1]["problem"]["type"] == "urn:crosscheck:problem:entry-forbidden"
        assert [each.get("entry_id") for each in results] == ["E-1", None, "E-3"]
        assert len(protective.check()["candidates"]) == 2

    def test_rule_kind_24_a_refused_change_leaves_the_entry_as_it_was(self, protective: Scene) -> None:
        protective.enrol()
        before = protective.read()
        assert protective.put(**self.aged(protective, 5)).status_code == 422
        assert protective.read() == before


@pytest.mark.parametrize(("gravity", "status"), [(36, 201), (35, 422), (None, 422)])
def test_rule_kind_25_an_offence_below_the_minimum_gravity_is_not_entered(
    scene: Scene, gravity: int | None, status: int
) -> None:
    petty = "!(resource has gravity && resource.gravity >= 36)"
    scene.agree(SEARCH, SCORE, rule("enter", when=petty, forbid=True))
    assert scene.put(gravity_months=gravity).status_code == status
    assert (scene.seen() is not None) is (status == 201)


def test_rule_kind_25_an_offence_below_the_minimum_gravity_is_not_searched(scene: Scene) -> None:
    scene.agree(permit("search", when="resource has gravity && resource.gravity >= 36"), SCORE)
    scene.enrol(gravity_months=35)
    assert scene.seen() is None
    scene.enrol(gravity_months=36)
    assert scene.seen() is not None


def test_rule_kind_26_a_check_without_its_justification_is_refused_and_opens_no_flag(scene: Scene) -> None:
    scene.agree(permit("search", "justify(case-reference)"), SCORE)
    scene.enrol()
    body = scene.request()
    assert problem(scene.node.send("xa", body)) == (422, "justification-missing")
    assert scene.flag_of(body["check_id"]) is None
    assert scene.seen(case_reference="XA-2026/331") is not None


def test_rule_kind_28_the_log_records_the_fields_of_the_agreement(scene: Scene) -> None:
    scene.agree(permit("search", "log-fields(purpose)"), SCORE)
    scene.enrol()
    event = scene.event_of(scene.check(case_reference="XA-2026/331")["check_id"])
    assert event["purpose"] == "crime"
    assert not event.keys() & {"checkpoint", "case_digest", "gallery_sequence"}
    assert event["outcome"] == "flagged"
    assert [each["decided_by"] for each in event["disclosed"]] == ["treaty v1 search, treaty v1 see-score"]


def test_rule_kind_28_without_a_rule_the_log_records_everything(scene: Scene) -> None:
    scene.agree(SEARCH, SCORE)
    event = scene.event_of(scene.check(case_reference="XA-2026/331")["check_id"])
    assert event["checkpoint"] == "XA-GATE-07"
    assert None not in (event["purpose"], event["case_digest"], event["gallery_sequence"])


def owners_part(scene: Scene, owner: str = "xb") -> list[dict[str, Any]]:
    """What the auditors of an owner read in the log of hits of its entries by others."""
    scene.node.settle()
    return [event["details"] for event in recorded(scene.node.runtime.store, "entry-found", partner=owner)]


def test_rule_kind_28_where_a_rule_says_so_a_hit_is_in_the_owners_part_of_the_log(scene: Scene) -> None:
    scene.agree(SEARCH, permit("see score", "owner-log"))
    scene.enrol()
    scene.enrol("C-1", owner="xc")
    before = len(owners_part(scene)), len(owners_part(scene, "xc"))
    scene.check()
    (told,) = owners_part(scene)[before[0] :]
    assert (told["partner"], told["purpose"]) == ("xa", "crime")
    (candidate,) = told["candidates"]
    assert (candidate["owner"], candidate["entry"], candidate["level"]) == ("xb", "E-1", "score")
    assert "treaty v1" in candidate["decided_by"]
    assert [each["entry"] for told in owners_part(scene, "xc")[before[1] :] for each in told["candidates"]] == ["C-1"]


def test_rule_kind_28_without_a_rule_an_owner_reads_nothing_of_searches_of_others(scene: Scene) -> None:
    scene.agree(SEARCH, permit("see score", "notify-owner"))
    scene.enrol()
    before = owners_part(scene)
    assert scene.check()["outcome"] == "flagged"
    assert owners_part(scene) == before


def test_rule_kind_28_of_its_own_entries_that_it_finds_itself_a_partner_has_one_event(scene: Scene) -> None:
    scene.agree(rule("search"), rule("see score", asks="owner-log"))
    scene.enrol(owner="xa")
    before = owners_part(scene, "xa")
    assert scene.check()["outcome"] == "flagged"
    assert owners_part(scene, "xa") == before


class TestQuality:
    """The gate reads what the quality check says: how many samples are usable, and what it warns of."""

    def hand(self, minutiae_of_middle_finger: int) -> list[dict[str, str]]:
        """A record of the person's index finger and of that much of the middle finger beside it."""
        index, middle = (
            formats.read_record(synthetic_template(PERSON, 0, position))
            for position in (Position.RIGHT_INDEX, Position.RIGHT_MIDDLE)
        )
        (view,) = middle.views
        views = (*index.views, replace(view, minutiae=view.minutiae[:minutiae_of_middle_finger]))
        record = formats.write_record(replace(index, views=views))
        return [{"position": "unknown", "template": base64_of(record)}]

    @pytest.mark.parametrize("gate", ['context.warnings.contains("too-few-minutiae")', "context.fingers < 2"])
    def test_rule_kind_30_samples_that_the_quality_gate_refuses_are_not_stored(self, scene: Scene, gate: str) -> None:
        scene.agree(SEARCH, SCORE, rule("enter", when=gate, forbid=True))
        assert problem(scene.put(fingerprints=self.hand(8))) == (422, "entry-forbidden")
        assert scene.seen() is None
        scene.enrol(fingerprints=self.hand(255))
        assert scene.seen() is not None

    def test_rule_kind_30_without_a_gate_the_usable_sample_is_stored(self, scene: Scene) -> None:
        scene.agree(SEARCH, SCORE)
        scene.enrol(fingerprints=self.hand(8))
        assert scene.read()["finger_positions"] == ["right-index-finger"]


def test_rule_kind_31_nobody_but_the_owner_writes_or_withdraws_an_entry(scene: Scene) -> None:
    scene.agree(SEARCH, EVERYTHING)
    scene.enrol()
    before, path = scene.read(), path_of("E-1")
    for who, refusal in {"xa-sync": (404, "unknown-watchlist"), "xb-terminal": (403, "wrong-role")}.items():
        written = scene.node.call(who, "PUT", path, json=entry(finger_number=PERSON, category="grudge"))
        others = [scene.node.call(who, method, path) for method in ("GET", "DELETE")]
        imported = scene.node.call(who, "POST", "/v1/watchlists/xb-alerts/entries:import", content=b"{}")
        assert {problem(response) for response in (written, *others, imported)} == {refusal}
    assert scene.read() == before
    assert scene.put(category="missing-person").json()["status"] == "replaced"
    assert scene.node.call("xb-sync", "DELETE", path).status_code == 204
    assert scene.seen() is None


def test_rule_kind_32_what_is_contested_is_shown_only_in_part(scene: Scene) -> None:
    scene.agree(SEARCH, SCORE, EVERYTHING, rule("see reference", when="resource.contested", forbid=True))
    levels = []
    for contested in (False, True):
        scene.enrol(contested=contested)
        seen = scene.seen()
        assert seen is not None
        levels.append((seen["level"], seen["reference"], seen["subject"] is None))
    assert levels == [("biographics", "xb-alerts/E-1", False), ("score", None, True)]


def test_rule_kind_34_a_misused_identity_is_shown_for_one_purpose_only(scene: Scene) -> None:
    scene.agree(SEARCH, ALERT, permit("see misused identity", when='context.purpose == "manhunt"'))
    scene.enrol(misused_identity={"family_name": "Featherquill"})
    shown = {}
    for purpose in ("manhunt", "crime"):
        answer = scene.send(purpose=purpose)
        (seen,) = answer.json()["candidates"]
        shown[purpose] = (seen["misused_identity"] or {}).get("family_name"), "Featherquill" in answer.text
    assert shown == {"manhunt": ("Featherquill", True), "crime": (None, False)}


class TestEmergency:
    @pytest.fixture
    def urgent(self, scene: Scene) -> Scene:
        """A scene where an emergency opens everything, and its owner hears of it."""
        opened = permit("see biographics", "notify-owner, always-review", "context.emergency")
        scene.agree(SEARCH, HIT, opened)
        scene.enrol()
        return scene

    def declare(self, scene: Scene) -> str:
        emergency = str(uuid4())
        body = {"justification": "attack on the ferry", "until": (scene.node.clock() + HOUR).isoformat()}
        response = scene.node.call("xa-reviewer", "PUT", f"/v1/emergencies/{emergency}", json=body)
        assert response.status_code == 201, response.text
        return emergency

    def test_rule_kind_35_a_declared_emergency_opens_more_and_the_owner_is_told(self, urgent: Scene) -> None:
        emergency = self.declare(urgent)
        (declared,) = [
            told
            for told in notices(urgent.node, "xb", "emergency-declared")
            if told["details"]["emergency"] == emergency
        ]
        assert declared["text"] == "attack on the ferry"
        seen = urgent.seen(emergency=emergency)
        assert seen is not None
        assert (seen["level"], seen["duties"]) == ("biographics", ["always-review", "notify-owner"])
        (told,) = [
            told for told in notices(urgent.node, "xb", "emergency-used") if told["details"]["emergency"] == emergency
        ]
        assert (told["details"]["candidate_id"], told["details"]["partner"]) == (seen["candidate_id"], "xa")

    def test_rule_kind_35_without_it_no_more_is_seen_and_nobody_is_told(self, urgent: Scene) -> None:
        self.declare(urgent)
        before = notices(urgent.node, "xb")
        seen = urgent.seen()
        assert seen is not None
        assert seen["level"] == "hit"
        assert notices(urgent.node, "xb") == before

    def test_rule_kind_35_once_it_has_ended_it_opens_nothing(self, urgent: Scene) -> None:
        ended = self.declare(urgent)
        assert urgent.node.call("xa-reviewer", "DELETE", f"/v1/emergencies/{ended}").status_code == 204
        over = self.declare(urgent)
        urgent.node.clock.turn(HOUR)
        for emergency in (ended, over, str(uuid4())):
            response = urgent.node.send("xa", urgent.request(emergency=emergency))
            assert problem(response) == (422, "emergency-not-active")


class ChangingEntries(StoredEntries):
    """Entries of a scene where the agreement changes just before the details of a candidate are opened."""

    def __init__(self, scene: Scene, *rules: str) -> None:
        super().__init__(scene.node.runtime.store)
        self._open = self.details
        self._scene, self._rules = scene, rules
        self.details = self._change_and_open

    def _change_and_open(self, key: EntryKey, sequence: int | None = None) -> Details:
        self._scene.agree(*self._rules, version="2")
        return self._open(key, sequence)


class TestValidity:
    def test_rule_kind_37_from_the_minute_on_that_it_ends_an_agreement_shows_nothing(self, scene: Scene) -> None:
        end = scene.node.clock() + 5 * timedelta(minutes=1)
        scene.agree(SEARCH, SCORE, in_force_until=end.isoformat())
        nobody = scene.send()
        scene.enrol()
        assert scene.seen() is not None
        scene.node.clock.set(end)
        assert comparable(scene.send()) == comparable(nobody)

    def test_rule_kind_37_an_answer_that_was_kept_is_void_once_its_agreement_has_ended(self, scene: Scene) -> None:
        end = scene.node.clock() + 5 * timedelta(minutes=1)
        scene.agree(SEARCH, SCORE, in_force_until=end.isoformat())
        scene.enrol()
        body = scene.request()
        first = scene.node.send("xa", body)
        assert first.json()["outcome"] == "flagged"
        scene.node.clock.turn(4 * timedelta(minutes=1))
        assert scene.node.send("xa", body).content == first.content
        scene.node.clock.set(end)
        again = scene.node.send("xa", body)
        assert (again.status_code, again.json()["outcome"], again.json()["candidates"]) == (200, "no-candidates", [])
        assert scene.node.send("xa", body).content == again.content

    def test_rule_kind_37_an_answer_that_was_kept_is_void_once_a_new_agreement_forbids_it(self, scene: Scene) -> None:
        scene.agree(SEARCH, SCORE)
        scene.enrol()
        body = scene.request()
        assert scene.node.send("xa", body).json()["outcome"] == "flagged"
        scene.agree('@id("closed")\nforbid (principal, action, resource);', name="closing")
        assert scene.node.send("xa", body).json()["candidates"] == []

    def test_rule_kind_37_what_another_agreement_allows_too_is_answered_anew_by_that_one(self, scene: Scene) -> None:
        end = scene.node.clock() + 5 * timedelta(minutes=1)
        scene.agree(SEARCH, SCORE, in_force_until=end.isoformat())
        scene.agree(SEARCH, HIT, name="lasting")
        scene.enrol()
        body = scene.request()
        levels = [scene.node.send("xa", body).json()["candidates"][0]["level"]]
        scene.node.clock.set(end)
        levels.append(scene.node.send("xa", body).json()["candidates"][0]["level"])
        assert levels == ["score", "hit"]

    def test_rule_kind_37_a_new_version_decides_the_next_check_and_signs_it(self, scene: Scene) -> None:
        scene.enrol()
        decided = []
        for version, level in (("1", SCORE), ("2", HIT)):
            scene.agree(SEARCH, level, version=version)
            seen = scene.seen()
            assert seen is not None
            decided.append((seen["level"], [by["version"] for by in seen["decided_by"]]))
        assert decided == [("score", [1, 1]), ("hit", [2, 2])]

    def test_rule_kind_37_a_changed_folder_is_followed_without_anybody_asking(self, scene: Scene) -> None:
        scene.agree(SEARCH, SCORE)
        scene.enrol()
        (scene.node.home / "agreements" / "treaty" / "rules.cedar").write_text(SEARCH + HIT, "utf-8")
        scene.node.runtime.keep_house()
        seen = scene.seen()
        assert seen is not None
        assert seen["level"] == "hit"

    def test_rule_kind_37_a_check_in_flight_keeps_its_rule_book(self, scene: Scene) -> None:
        scene.agree(SEARCH, EVERYTHING, permit("see links"))
        scene.enrol("E-1", links=[linked(scene, "E-2")])
        checks = replace(scene.node.runtime.checks, entries=ChangingEntries(scene, SEARCH, HIT))
        request = MatchRequest.model_validate(scene.request())
        (in_flight,) = checks.check(Caller("xa", Role.TERMINAL, "xa-terminal"), request, bytes(32)).candidates
        assert (in_flight.level, {by.version for by in in_flight.decided_by}) == ("biographics", {1})
        assert [seen.reference for seen in in_flight.links or ()] == ["xb-alerts/E-2"]
        following = scene.seen()
        assert following is not None
        assert (following["level"], following["links"]) == ("hit", None)


class TestOneBatch:
    @pytest.mark.parametrize("linking", [("E-1", "E-2"), ("E-1",), ("E-2",)], ids=["both", "first", "second"])
    def test_rule_kind_08_lines_that_are_written_together_are_ruled_on_together(
        self, scene: Scene, linking: tuple[str, ...]
    ) -> None:
        orders = {"priority": '["wanted", "missing-person"]', "incompatible": '[["wanted", "missing-person"]]'}
        scene.agree(SEARCH, ALERT, **orders)
        other = {"E-1": "E-2", "E-2": "E-1"}
        lines = [
            json.dumps({"entry_id": name} | entry(finger_number=PERSON, category=category, links=links)).encode()
            for name, category in (("E-1", "wanted"), ("E-2", "missing-person"))
            for links in [[link(other[name], "same-person")] if name in linking else []]
        ]
        put, owner = scene.node.runtime.enrolment.put_lines, Caller("xb", Role.SYNC, "xb-sync")
        with ThreadPoolExecutor(1) as threads:
            results = put(owner, "xb-alerts", 1, lines, threads)
        scene.node.withdraw("xb", "E-1")
        assert [result["status"] for result in results] == ["created", "refused"]


class TestAuthority:
    def test_rule_kind_03_an_answer_is_not_repeated_to_another_authority(self, scene: Scene) -> None:
        police = 'principal.authority == "police"'
        scene.agree(SEARCH, HIT, rule("see score", when=police), authorities='["police"]')
        scene.enrol()
        officer, other = Caller("xa", Role.TERMINAL, "xa-car-1", "police"), Caller("xa", Role.TERMINAL, "xa-gate-1")
        checks, request = scene.node.runtime.checks, MatchRequest.model_validate(scene.request())
        (seen,) = checks.check(officer, request, bytes(32)).candidates
        assert seen.level == "score"
        with pytest.raises(CheckConflict):
            checks.check(other, request, bytes(32))
        (seen,) = checks.check(replace(officer, name="xa-car-2"), request, bytes(32)).candidates
        assert seen.level == "score"


class TestExercise:
    @pytest.mark.parametrize("of_entry", [False, True])
    @pytest.mark.parametrize("of_check", [False, True])
    def test_rule_kind_38_exercises_and_what_is_real_do_not_find_each_other(
        self, scene: Scene, of_entry: bool, of_check: bool
    ) -> None:
        scene.agree(SEARCH, SCORE)
        nobody = scene.send(exercise=of_check)
        scene.enrol(exercise=of_entry)
        found = scene.send(exercise=of_check)
        assert (comparable(found) != comparable(nobody)) is (of_entry == of_check)

    @pytest.mark.parametrize("exercise", [False, True])
    def test_rule_kind_38_answer_flag_and_record_are_marked(self, scene: Scene, exercise: bool) -> None:
        scene.agree(SEARCH, permit("see score", "notify-owner"))
        scene.enrol(exercise=exercise)
        answer = scene.check(exercise=exercise)
        flag, event = scene.flag_of(answer["check_id"]), scene.event_of(answer["check_id"])
        assert flag is not None
        assert [answer["exercise"], flag["exercise"], event["exercise"]] == [exercise] * 3
        (candidate,) = answer["candidates"]
        told = {each["details"]["candidate_id"]: each for each in notices(scene.node, "xb", "entry-found")}
        assert told[candidate["candidate_id"]]["details"]["exercise"] is exercise
