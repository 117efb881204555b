"""The kinds of rules that agreements hold, each allowed and denied. docs/rules.md lists them; some act in the service
and have their tests in tests/service/test_rule_kinds.py as well.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.watchlists.agreements.conftest import NOW, Load, terminal, wanted
from watchlists.ages import age_on
from watchlists.agreements.actions import Deed, Extra
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import NO_ACTION, NOTHING, Clause, FullCandidate, mask
from watchlists.agreements.duties import Obligation
from watchlists.agreements.entering import EnteredSamples, may_enter
from watchlists.agreements.facts import Request
from watchlists.agreements.levels import Level
from watchlists.agreements.release import Case, OwnerDecision, ReleaseState, Verdict, VerdictKind, Waiver, release_state
from watchlists.agreements.retention import copy_expiry, expiry_after_purpose, probe_keeping, schedule
from watchlists.agreements.rights import SubjectAnswer, error_report, may_edit, subject_access
from watchlists.agreements.terms import Terms, strictest
from watchlists.agreements.transfer import Consent, Recipient, may_transfer
from watchlists.errors import AgreementInvalid
from watchlists.records import Age, Conditions, Entry, Subject, VisibilityClass

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def rule(action: str, when: str = "true", *, does: str = "permit", name: str = "", asks: str = "") -> str:
    """One rule; `asks` are its obligations."""
    obligations = f'@obligations("{asks}")\n' if asks else ""
    head = f'{does} (principal, action == Action::"{action}", resource)'
    return f'@id("{name or does + "-" + action.replace(" ", "-")}")\n{obligations}{head} when {{ {when} }};\n'


SEARCH = rule("search")
SCORE = rule("see score")
ALERT = rule("see alert")
EVERYTHING = rule("see biographics")


def alert(owner: str = "xb", **conditions: Any) -> VisibilityClass:
    return replace(wanted(owner), conditions=Conditions(**conditions))


def seen(book: RuleBook, request: Request, klass: VisibilityClass, score: float = 6.0, now: datetime = NOW) -> Level:
    """The level that is seen at once, which must fit what is visible."""
    decision = book.disclosure(request, klass, score, now)
    assert book.visible(request, [klass], now) == ({klass} if decision.known else frozenset())
    return decision.level


def test_rule_kind_01_purpose_limitation(load: Load) -> None:
    book = RuleBook([load(rule("search", 'context.purpose == "asylum"') + SCORE)])
    assert seen(book, terminal(purpose="asylum"), wanted()) is Level.SCORE
    assert seen(book, terminal(purpose="border-check"), wanted()) is Level.NONE
    assert seen(book, terminal(purpose="tourism"), wanted()) is Level.NONE


def test_rule_kind_02_other_purpose_only_with_prior_authorisation(load: Load) -> None:
    book = RuleBook([load(rule("search", asks="owner-authorisation") + SCORE)])
    asked = terminal(case="2026/7")
    assert book.disclosure(asked, wanted(), 6.0, NOW) == NOTHING
    assert book.visible(asked, [wanted()], NOW) == frozenset()
    assert book.standing(asked, NOW).owners_to_ask == {"xb"}
    authorised = replace(asked, authorised_by=frozenset({"xb"}))
    assert seen(book, authorised, wanted()) is Level.SCORE
    assert book.standing(authorised, NOW).owners_to_ask == frozenset()
    assert seen(book, replace(asked, authorised_by=frozenset({"xa", "xc"})), wanted()) is Level.NONE


def test_rule_kind_03_categories_by_authority_profile_with_a_field_whitelist(load: Load) -> None:
    police = 'principal.authority == "police"'
    rules = rule("search", police) + rule("see biographics", asks="fields(family_name birth_date)")
    book = RuleBook([load(rules, authorities='["police"]')])
    officer = replace(terminal(), authority="police")
    subject = {"family_name": "N", "birth_date": "2000-01-01", "documents": ["P1"]}
    shown = mask(book.disclosure(officer, wanted(), 6.0, NOW), FullCandidate(6.0, "strong", "E-1", "wanted", subject))
    assert shown["subject"] == {"family_name": "N", "birth_date": "2000-01-01"}
    assert seen(book, replace(terminal(), authority="customs"), wanted()) is Level.NONE
    assert seen(book, terminal(), wanted()) is Level.NONE


def test_rule_kind_04_links_are_seen_by_a_permit_of_their_own(load: Load) -> None:
    with_links = RuleBook([load(SEARCH + ALERT + rule("see links"))])
    without = RuleBook([load(SEARCH + ALERT, "other")])
    below_alert = RuleBook([load(SEARCH + SCORE + rule("see links"), "third")])
    candidate = FullCandidate(6.0, "strong", "E-1", "wanted", {}, links=({"kind": "same-person", "reference": "l/2"},))
    shown = {
        book: mask(book.disclosure(terminal(), wanted(), 6.0, NOW), candidate)["links"]
        for book in (with_links, without)
    }
    assert list(shown.values()) == [[{"kind": "same-person", "reference": "l/2"}], None]
    assert below_alert.disclosure(terminal(), wanted(), 6.0, NOW).extras == frozenset()


def test_rule_kind_05_silent_alarm_leaves_the_terminal_with_nothing(load: Load) -> None:
    discreet = rule("see alert", 'resource.action == "discreet-check"', asks="silent-alarm", name="discreet")
    book = RuleBook([load(SEARCH + SCORE + discreet, actions='["discreet-check"]')])
    open_alert, silent_alert = wanted(), replace(wanted(), action="discreet-check")
    assert book.disclosure(terminal(), open_alert, 6.0, NOW).shown is Level.SCORE
    decision = book.disclosure(terminal(), silent_alert, 6.0, NOW)
    assert (decision.shown, decision.level, decision.silent) == (Level.NONE, Level.ALERT, True)
    assert book.visible(terminal(), [silent_alert], NOW) == {silent_alert}


ARREST = '["arrest", "locate", "specific-check", "inquiry-check", "discreet-check"]'


def test_rule_kind_06_national_flag_takes_a_substitute(load: Load) -> None:
    flagged = 'resource.flagged_by.contains(principal.partner) && context.action == "arrest"'
    chain = rule("see alert", asks="downgrade(arrest locate)")
    book = RuleBook([load(SEARCH + chain + rule("take action", flagged, does="forbid"), actions=ARREST)])
    arrest = replace(alert(flagged_by=("xa",)), action="arrest")
    assert book.disclosure(terminal("xa"), arrest, 6.0, NOW).action == "locate"
    assert book.disclosure(terminal("xb"), replace(arrest, owner="xa"), 6.0, NOW).action == "arrest"
    no_substitute = RuleBook([load(SEARCH + ALERT + rule("take action", flagged, does="forbid"), "b", actions=ARREST)])
    assert no_substitute.disclosure(terminal("xa"), arrest, 6.0, NOW).action == NO_ACTION


def test_rule_kind_07_downgrade_chain_by_the_law_of_the_executing_partner(load: Load) -> None:
    chain = rule("see alert", asks="downgrade(specific-check inquiry-check discreet-check)")
    law = 'principal.partner == "xa" && ["specific-check", "inquiry-check"].contains(context.action)'
    book = RuleBook([load(SEARCH + chain + rule("take action", law, does="forbid"), actions=ARREST)])
    specific = replace(wanted(), action="specific-check")
    assert book.disclosure(terminal("xa"), specific, 6.0, NOW).action == "discreet-check"
    assert book.disclosure(terminal("xb"), replace(specific, owner="xa"), 6.0, NOW).action == "specific-check"
    assert book.disclosure(terminal("xa"), wanted(), 6.0, NOW).action == "inform-officer"


def entry(klass: VisibilityClass, **fields: Any) -> Entry:
    return Entry("E-1", klass, Subject(), **fields)


OWNER = Request("xb", "sync", "", None, "")


def entered(book: RuleBook, klass: VisibilityClass, *others: str, **samples: Any) -> bool:
    return may_enter(book, OWNER, entry(klass), EnteredSamples(**samples), others, NOW, NOW).allowed


def test_rule_kind_08_compatibility_and_priority_of_entries_on_one_person(load: Load) -> None:
    lists = {"priority": '["wanted", "missing-person"]', "incompatible": '[["wanted", "missing-person"]]'}
    agreement = load(SEARCH + ALERT, compatibility_cites='"Art. 23"', **lists)
    book = RuleBook([agreement])
    missing = wanted(category="missing-person")
    assert entered(book, missing)
    assert entered(book, missing, "missing-person")
    assert not entered(book, missing, "wanted")
    assert entered(book, wanted(), "missing-person")
    ruling = may_enter(book, OWNER, entry(missing), EnteredSamples(), ["wanted"], NOW, NOW)
    assert ruling.decided_by == (Clause("xa-xb", 1, "compatibility", "Art. 23"),)
    priorities = [book.disclosure(terminal(), klass, 6.0, NOW).priority for klass in (wanted(), missing)]
    assert priorities == [0, 1]


def test_rule_kind_09_hidden_until_a_time_for_an_operation(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    until = NOW + HOUR
    hidden = alert(hidden_until=until)
    assert seen(book, terminal(), hidden, now=until - timedelta(microseconds=1)) is Level.NONE
    assert seen(book, terminal(), hidden, now=until) is Level.SCORE
    assert seen(book, terminal(), hidden, now=NOW) is Level.NONE
    assert seen(book, terminal("xb"), hidden) is Level.SCORE
    not_even_at_home = RuleBook([load(SEARCH + SCORE + rule("search", "resource.hidden", does="forbid"), "strict")])
    assert seen(not_even_at_home, terminal("xb"), hidden) is Level.NONE


def test_rule_kind_10_hit_no_hit_with_fixed_reply_fields(load: Load) -> None:
    book = RuleBook([load(SEARCH + rule("see reference", asks="score-form(none)"))])
    candidate = FullCandidate(6.0, "strong", "xb-list/E-1", "wanted", {"family_name": "N"})
    shown = mask(book.disclosure(terminal(), wanted(), 6.0, NOW), candidate)
    assert (shown["level"], shown["reference"]) == ("reference", "xb-list/E-1")
    assert [shown["band"], shown["score"], shown["alert"], shown["subject"]] == [None, None, None, None]
    assert seen(RuleBook([load(SEARCH, "search-only")]), terminal(), wanted()) is Level.NONE


def confirmed(*reviewers: str, kind: VerdictKind = VerdictKind.SAME_PERSON, at: datetime = NOW, **more: Any) -> Case:
    return Case(NOW, tuple(Verdict(reviewer, kind, at) for reviewer in reviewers), **more)


def test_rule_kind_11_data_only_after_human_confirmation_with_a_clock(load: Load) -> None:
    later = rule("see biographics", asks="reviewers(1), confirm-within(12 h)")
    book = RuleBook([load(SEARCH + rule("see hit") + later)])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert decision.level is Level.HIT
    assert decision.later is not None
    assert decision.later.level is Level.BIOGRAPHICS
    assert release_state(decision, Case(NOW), NOW) is ReleaseState.WAITING_FOR_REVIEWERS
    assert release_state(decision, confirmed("ada"), NOW) is ReleaseState.RELEASED
    in_time, too_late = (confirmed("ada", at=at) for at in (NOW + 11 * HOUR, NOW + 12 * HOUR))
    assert release_state(decision, in_time, NOW + 13 * HOUR) is ReleaseState.RELEASED
    assert release_state(decision, too_late, NOW + 13 * HOUR) is ReleaseState.LAPSED
    different = confirmed("ada", kind=VerdictKind.DIFFERENT_PERSON)
    assert release_state(decision, different, NOW) is ReleaseState.REFUSED
    unsure = confirmed("ada", kind=VerdictKind.INCONCLUSIVE)
    assert release_state(decision, unsure, NOW) is ReleaseState.WAITING_FOR_THIRD
    at_once = RuleBook([load(SEARCH + SCORE, "at-once")]).disclosure(terminal(), wanted(), 6.0, NOW)
    assert release_state(at_once, Case(NOW), NOW) is ReleaseState.NOTHING_WAITS


def test_rule_kind_12_release_is_a_decision_of_the_owner(load: Load) -> None:
    book = RuleBook([load(SEARCH + rule("see hit") + rule("see biographics", asks="release-by-owner(24 h)"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert decision.level is Level.HIT
    assert release_state(decision, Case(NOW), NOW) is ReleaseState.WAITING_FOR_OWNER
    granted, refused = (Case(NOW, owner=OwnerDecision(granted=yes, at=NOW + HOUR)) for yes in (True, False))
    assert release_state(decision, granted, NOW + HOUR) is ReleaseState.RELEASED
    assert release_state(decision, refused, NOW + HOUR) is ReleaseState.REFUSED
    late = Case(NOW, owner=OwnerDecision(granted=True, at=NOW + 24 * HOUR))
    assert release_state(decision, late, NOW + 24 * HOUR) is ReleaseState.LAPSED


def test_rule_kind_13_two_distinct_reviewers_with_a_recorded_waiver(load: Load) -> None:
    def decide(asks: str) -> Any:
        return RuleBook([load(SEARCH + rule("see score", asks=asks), asks)]).disclosure(terminal(), wanted(), 6.0, NOW)

    two, waivable = decide("reviewers(2)"), decide("reviewers(2 waivable)")
    assert two.level is Level.NONE
    assert release_state(two, confirmed("ada", "ada"), NOW) is ReleaseState.WAITING_FOR_REVIEWERS
    assert release_state(two, confirmed("ada", "bo"), NOW) is ReleaseState.RELEASED
    assert release_state(two, confirmed("ada", "bo", author="bo"), NOW) is ReleaseState.WAITING_FOR_REVIEWERS
    waiver = Waiver("bo", "Art. 14(5) second subparagraph", NOW)
    assert release_state(waivable, confirmed("ada", waiver=waiver), NOW) is ReleaseState.RELEASED
    assert release_state(two, confirmed("ada", waiver=waiver), NOW) is ReleaseState.WAITING_FOR_REVIEWERS
    no_ground = confirmed("ada", waiver=Waiver("bo", "  ", NOW))
    assert release_state(waivable, no_ground, NOW) is ReleaseState.WAITING_FOR_REVIEWERS
    assert release_state(waivable, Case(NOW, waiver=waiver), NOW) is ReleaseState.WAITING_FOR_REVIEWERS


def test_rule_kind_14_minimum_score_and_candidate_cap(load: Load) -> None:
    five = 'context.score.greaterThanOrEqual(decimal("5.0"))'
    book = RuleBook([load(SEARCH + rule("see score", five, asks="candidates(3)"))])
    levels = [book.disclosure(terminal(), wanted(), score, NOW).level for score in (4.99, 5.0)]
    assert levels == [Level.NONE, Level.SCORE]
    assert book.disclosure(terminal(), wanted(), 6.0, NOW).duties.count(Obligation.CANDIDATES) == 3


@pytest.mark.parametrize(
    ("form", "score", "band"),
    [
        ("raw", 5.678, "strong"),
        ("tenths", 5.6, "strong"),
        ("halves", 5.5, "strong"),
        ("whole", 5.0, "strong"),
        ("band", None, "strong"),
        ("none", None, None),
    ],
)
def test_rule_kind_15_form_of_the_score(load: Load, form: str, score: float | None, band: str | None) -> None:
    book = RuleBook([load(SEARCH + rule("see score", asks=f"score-form({form})"))])
    candidate = FullCandidate(5.678, "strong", "E-1", "wanted", {})
    shown = mask(book.disclosure(terminal(), wanted(), 5.678, NOW), candidate)
    assert (shown["score"], shown["band"]) == (score, band)


def test_rule_kind_16_field_masking_and_pseudonyms(load: Load) -> None:
    book = RuleBook([load(SEARCH + rule("see biographics", asks="mask(documents), pseudonym"))])
    subject = {"family_name": "N", "documents": ["P1"]}
    candidate = FullCandidate(6.0, "strong", "xb-list/E-1", "wanted", subject, pseudonym="8d1f")
    shown = mask(book.disclosure(terminal(), wanted(), 6.0, NOW), candidate)
    assert (shown["subject"], shown["reference"]) == ({"family_name": "N"}, "8d1f")
    plain = RuleBook([load(SEARCH + EVERYTHING, "plain")]).disclosure(terminal(), wanted(), 6.0, NOW)
    assert (mask(plain, candidate)["subject"], mask(plain, candidate)["reference"]) == (subject, "xb-list/E-1")


def test_rule_kind_17_handling_codes_travel_and_the_strictest_wins(load: Load) -> None:
    amber = rule("see score", asks="tlp-amber, europol-h1")
    red = rule("see score", asks="tlp-red, europol-h2")
    book = RuleBook([load(SEARCH + amber), load(SEARCH + red, "more", id='"more"')])
    green = wanted(handling=("tlp-green", "europol-h0"))
    assert set(book.disclosure(terminal(), green, 6.0, NOW).handling) == {"tlp-red", "europol-h1", "europol-h2"}
    assert strictest(["tlp-clear", "tlp-amber-strict", "tlp-amber"]) == ("tlp-amber-strict",)
    assert strictest(["europol-h0"]) == ("europol-h0",)
    assert strictest(["onward-transfer-by-consent", "no-onward-transfer"]) == ("no-onward-transfer",)
    assert strictest(["eyes-only", "tlp-red"]) == ("eyes-only", "tlp-red")


def test_rule_kind_18_onward_transfer_forbidden_or_by_consent(load: Load) -> None:
    agency = Recipient("agency", "xc")
    consent = Consent("C-7", "xb", "agency", NOW + DAY)
    by_consent = RuleBook([load(SEARCH + SCORE + rule("transfer", asks="onward-transfer-by-consent"))])

    def may(book: RuleBook, klass: VisibilityClass, given: Consent | None) -> bool:
        return may_transfer(book, terminal(), klass, (), agency, given, NOW).allowed

    assert may(by_consent, wanted(), consent)
    assert not may(by_consent, wanted(), None)
    assert not may(by_consent, wanted(), replace(consent, recipient="other"))
    assert not may(by_consent, wanted(), replace(consent, owner="xa"))
    assert not may(by_consent, wanted(), replace(consent, until=NOW))
    assert not may(by_consent, wanted(handling=("no-onward-transfer",)), consent)
    assert not may(by_consent, alert(excluded=("xc",)), consent)
    assert not may(by_consent, alert(hidden_until=NOW + HOUR), consent)
    assert not may(RuleBook([load(SEARCH + SCORE, "none")]), wanted(), consent)
    freely = RuleBook([load(SEARCH + SCORE + rule("transfer"), "freely")])
    assert may(freely, wanted(), None)
    never = RuleBook([load(SEARCH + SCORE + rule("transfer", asks="no-onward-transfer"), "never")])
    assert not may(never, wanted(), consent)
    for code in ("onward-transfer-by-consent", "tlp-red", "tlp-amber-strict", "europol-h2"):
        assert not may(freely, wanted(handling=(code,)), None)
        assert may(freely, wanted(handling=(code,)), consent)
        assert not may_transfer(freely, terminal(), wanted(), (code,), agency, None, NOW).allowed
    assert may(freely, wanted(handling=("tlp-amber", "europol-h1")), None)
    assert not may_transfer(freely, terminal(), wanted(), ("no-onward-transfer",), agency, consent, NOW).allowed


def test_rule_kind_19_recipient_excluded_by_country(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    excluded = alert(excluded=("xz",))
    assert seen(book, replace(terminal(), country="xz"), excluded) is Level.NONE
    assert seen(book, replace(terminal(), country="xy"), excluded) is Level.SCORE
    assert seen(book, terminal("xa"), alert(excluded=("xa",))) is Level.NONE
    by_rule = RuleBook(
        [load(SEARCH + SCORE + rule("search", 'principal.country == "xz"', does="forbid"), "r", countries='["xz"]')]
    )
    assert seen(by_rule, replace(terminal(), country="xz"), wanted()) is Level.NONE


def test_rule_kind_20_residency(load: Load) -> None:
    receiver = Request("xa", "sync", "", None, "")
    stays = RuleBook([load(SEARCH + SCORE)])
    days = RuleBook([load(SEARCH + SCORE + rule("copy", asks="copies-at-most(72 h)"), "days")])
    freely = RuleBook([load(SEARCH + SCORE + rule("copy"), "freely")])
    assert copy_expiry(stays, receiver, wanted(), NOW) == NOW
    assert copy_expiry(days, receiver, wanted(), NOW) == NOW + 72 * HOUR
    assert copy_expiry(freely, receiver, wanted(), NOW) is None
    assert copy_expiry(days, replace(receiver, partner="xc"), wanted(), NOW) == NOW


def test_rule_kind_21_retention_review_and_warning(load: Load) -> None:
    asks = "retain-at-most(3 y), review-every(1 y), warn-before(30 d)"
    book = RuleBook([load(SEARCH + SCORE + rule("enter", asks=asks))])
    ruling = may_enter(book, OWNER, entry(wanted()), EnteredSamples(), [], NOW, NOW)
    assert ruling.schedule.expires_at == NOW + 3 * 365 * DAY
    assert ruling.schedule.review_at == NOW + 365 * DAY
    assert ruling.schedule.warn_at == NOW + 335 * DAY
    sooner = entry(wanted(), expires_at=NOW + DAY, review_at=NOW + HOUR)
    assert may_enter(book, OWNER, sooner, EnteredSamples(), [], NOW, NOW).schedule.expires_at == NOW + DAY
    unlimited = schedule(Terms(), NOW, None, None)
    assert (unlimited.review_at, unlimited.warn_at, unlimited.expires_at) == (None, None, None)


def test_rule_kind_22_purpose_achieved_starts_a_countdown(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("enter", asks="delete-after-purpose(30 d)"))])
    terms = book.ask(Deed.ENTER, OWNER, wanted(), NOW, warnings=[], faces=1, fingers=0).terms
    assert expiry_after_purpose(terms, NOW, None) == NOW + 30 * DAY
    assert expiry_after_purpose(terms, NOW, NOW + DAY) == NOW + DAY
    assert expiry_after_purpose(Terms(), NOW, None) == NOW


def test_rule_kind_23_whether_the_probe_may_be_kept(load: Load) -> None:
    keep = rule("keep probe", 'context.purpose == "asylum"', asks="keep-at-most(24 h), kept-by(asker owner)")
    book = RuleBook([load(SEARCH + SCORE + keep)])
    kept = probe_keeping(book, terminal(purpose="asylum"), [wanted()], NOW)
    assert kept is not None
    assert (kept.until, kept.by) == (NOW + 24 * HOUR, ("asker", "owner"))
    assert (kept.keepers("xa"), kept.keepers("xb")) == (("xa", "xb"), ("xb",))
    assert [clause.clause for clause in kept.decided_by] == ["permit-keep-probe"]
    assert probe_keeping(book, terminal(), [wanted()], NOW) is None
    assert probe_keeping(book, terminal(purpose="asylum"), [], NOW) is None
    forbidding = keep + rule("keep probe", 'resource.category == "missing-person"', does="forbid")
    strict = RuleBook([load(SEARCH + SCORE + forbidding, "strict")])
    both = [wanted(), wanted(category="missing-person")]
    assert probe_keeping(strict, terminal(purpose="asylum"), both, NOW) is None
    endless = RuleBook([load(SEARCH + SCORE + rule("keep probe"), "endless")])
    assert probe_keeping(endless, terminal(), [wanted()], NOW) is None


def test_rule_kind_24_age_of_the_subject(load: Load) -> None:
    barred = rule("enter", 'resource.age == "under-12" && !resource.in_child_interest', does="forbid")
    book = RuleBook([load(SEARCH + SCORE + barred + rule("enter", asks="majority-notice"))])
    assert not entered(book, alert(age=Age.UNDER_12))
    assert entered(book, alert(age=Age.UNDER_12, in_child_interest=True))
    assert entered(book, alert(age=Age.MINOR))
    minor = may_enter(book, OWNER, entry(alert(age=Age.MINOR)), EnteredSamples(), [], NOW, NOW)
    assert minor.terms.has(Obligation.MAJORITY_NOTICE)
    born = date(2014, 11, 23)
    assert [age_on(born, date(2026, 11, day)) for day in (22, 23)] == [Age.UNDER_12, Age.MINOR]
    assert [age_on(born, date(2032, 11, day)) for day in (22, 23)] == [Age.MINOR, Age.ADULT]


def test_rule_kind_25_minimum_gravity_of_the_offence(load: Load) -> None:
    grave = "resource has gravity && resource.gravity >= 36"
    book = RuleBook([load(rule("search", grave) + SCORE + rule("enter", f"!({grave})", does="forbid"))])
    for gravity, allowed in ((36, True), (35, False), (None, False)):
        assert (seen(book, terminal(), alert(gravity=gravity)) is Level.SCORE) is allowed
        assert entered(book, alert(gravity=gravity)) is allowed


def test_rule_kind_26_justification_required_per_query(load: Load) -> None:
    book = RuleBook([load(rule("search", asks="justify(case-reference justification)") + SCORE)])
    none, half = terminal(), replace(terminal(), justified=frozenset({"case-reference"}))
    whole = replace(terminal(), justified=frozenset({"case-reference", "justification"}))
    missing = [[demand.field for demand in book.standing(asked, NOW).missing] for asked in (none, half, whole)]
    assert missing == [["case-reference", "justification"], ["justification"], []]
    assert [seen(book, asked, wanted()) for asked in (none, half, whole)] == [Level.NONE, Level.NONE, Level.SCORE]
    other_purpose = rule("search", 'context.purpose == "asylum"', asks="justify(case-reference)")
    book = RuleBook([load(other_purpose + rule("search", name="free") + SCORE, "other")])
    assert book.standing(none, NOW).missing == ()
    assert book.standing(replace(none, partner="xc"), NOW).missing == ()


def test_rule_kind_27_quota_per_day_and_partner(load: Load) -> None:
    two = rule("search", asks="quota(5)") + rule("search", asks="quota(3)", name="less")
    book = RuleBook([load(two + SCORE)])
    (quota,) = book.standing(terminal(), NOW).quotas
    assert (quota.agreement, quota.limit, quota.clause.clause) == ("xa-xb", 3, "less")
    assert seen(book, terminal(), wanted()) is Level.SCORE
    assert seen(book, replace(terminal(), exhausted=frozenset({"xa-xb"})), wanted()) is Level.NONE
    assert seen(book, replace(terminal(), exhausted=frozenset({"other"})), wanted()) is Level.SCORE


def test_rule_kind_28_what_the_log_records_and_how_long(load: Load) -> None:
    one = rule("search", asks="log-for(3 y), log-fields(purpose checkpoint)")
    other = rule("search", asks="log-for(1 y), log-fields(purpose samples)", name="other")
    terms = RuleBook([load(one + other + SCORE)]).standing(terminal(), NOW).log_terms
    assert terms.duration(Obligation.LOG_FOR) == 365 * DAY
    assert terms.words(Obligation.LOG_FIELDS) == ("purpose",)


def test_rule_kind_29_independent_log_review(load: Load) -> None:
    book = RuleBook([load(rule("search", asks="log-review-every(26 w)") + SCORE)])
    assert book.standing(terminal(), NOW).log_terms.duration(Obligation.LOG_REVIEW_EVERY) == 182 * DAY
    plain = RuleBook([load(SEARCH + SCORE, "plain")])
    assert plain.standing(terminal(), NOW).log_terms.duration(Obligation.LOG_REVIEW_EVERY) is None


@pytest.mark.parametrize("period", ["27 w", "183 d", "1 y"])
def test_rule_kind_29_logs_are_reviewed_every_half_year_at_least(load: Load, period: str) -> None:
    with pytest.raises(AgreementInvalid, match=r"log-review-every: 26 w is the longest") as refused:
        load(rule("search", asks=f"log-review-every({period})") + SCORE)
    assert (refused.value.file, refused.value.line) == ("test/rules.cedar", 1)


def test_rule_kind_30_quality_gate_before_storing(load: Load) -> None:
    poor = rule("enter", 'context.warnings.contains("too-dark") || context.fingers == 0', does="forbid")
    book = RuleBook([load(SEARCH + SCORE + poor)])
    assert entered(book, wanted(), fingers=2)
    assert not entered(book, wanted(), fingers=2, warnings=("too-dark",))
    assert not entered(book, wanted(), faces=1)


def test_rule_kind_31_only_the_owner_edits_and_others_report_errors(load: Load) -> None:
    assert may_edit("xb", wanted())
    assert not may_edit("xa", wanted())
    book = RuleBook([load(SEARCH + SCORE + rule("report error", asks="answer-within(14 d)"))])
    report = error_report(book, terminal(), wanted(), NOW)
    assert report is not None
    assert report.answer_by == NOW + 14 * DAY
    assert error_report(book, terminal("xc"), wanted(), NOW) is None
    assert error_report(RuleBook([load(SEARCH + SCORE, "silent")]), terminal(), wanted(), NOW) is None


def test_rule_kind_32_contested_accuracy_restricts_use(load: Load) -> None:
    book = RuleBook([load(SEARCH + EVERYTHING + SCORE + rule("see reference", "resource.contested", does="forbid"))])
    assert seen(book, terminal(), alert()) is Level.BIOGRAPHICS
    assert seen(book, terminal(), alert(contested=True)) is Level.SCORE


def test_rule_kind_33_subject_access(load: Load) -> None:
    may = rule("answer subject", asks="consult-owner(7 d), answer-within(30 d)")
    book = RuleBook([load(SEARCH + SCORE + may)])
    first = subject_access(book, terminal(), [wanted()], NOW)
    assert (first.answer, first.consult_by) == (SubjectAnswer.CONSULT_OWNER, NOW + 7 * DAY)
    agreed = subject_access(book, terminal(), [wanted()], NOW, owners_agree=True)
    assert (agreed.answer, agreed.answer_by) == (SubjectAnswer.DISCLOSE, NOW + 30 * DAY)
    silences = [
        subject_access(book, terminal(), [], NOW),
        subject_access(book, terminal(), [wanted()], NOW, owners_agree=False),
        subject_access(book, terminal(), [wanted(), wanted("xc")], NOW, owners_agree=True),
        subject_access(
            RuleBook([load(SEARCH + rule("answer subject", asks="neither-confirm-nor-deny"), "mute")]),
            terminal(),
            [wanted()],
            NOW,
            owners_agree=True,
        ),
    ]
    assert {silence.answer for silence in silences} == {SubjectAnswer.NOTHING_TO_TELL}
    assert {(silence.consult_by, silence.answer_by) for silence in silences} == {(None, None)}


def test_rule_kind_34_misused_identity_for_one_purpose_only(load: Load) -> None:
    only = rule("see misused identity", 'context.purpose == "border-check"')
    book = RuleBook([load(SEARCH + ALERT + only)])
    candidate = FullCandidate(6.0, "strong", "E-1", "wanted", {}, misused_identity={"family_name": "Victim"})
    for purpose, shown in (("border-check", {"family_name": "Victim"}), ("asylum", None)):
        decision = book.disclosure(terminal(purpose=purpose), wanted(), 6.0, NOW)
        assert mask(decision, candidate)["misused_identity"] == shown
        assert (Extra.MISUSED_IDENTITY in decision.extras) is (shown is not None)
    masking = rule("see misused identity", asks="mask(documents)")
    masked = RuleBook([load(SEARCH + ALERT + masking, "masked")]).disclosure(terminal(), wanted(), 6.0, NOW)
    victim = replace(candidate, misused_identity={"family_name": "Victim", "documents": ["P1"]})
    assert mask(masked, victim)["misused_identity"] == {"family_name": "Victim"}


def test_rule_kind_35_emergency_override(load: Load) -> None:
    override = rule("see biographics", "context.emergency", asks="notify-owner, always-review")
    book = RuleBook([load(SEARCH + rule("see hit") + override)])
    assert seen(book, terminal(), wanted()) is Level.HIT
    decision = book.disclosure(replace(terminal(), emergency=True), wanted(), 6.0, NOW)
    assert decision.level is Level.BIOGRAPHICS
    assert decision.terms.has(Obligation.NOTIFY_OWNER)
    assert decision.terms.has(Obligation.ALWAYS_REVIEW)


def test_rule_kind_36_ex_post_authorisation(load: Load) -> None:
    book = RuleBook([load(SEARCH + rule("see biographics", asks="ex-post-authorisation(48 h)"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert decision.level is Level.BIOGRAPHICS
    assert decision.terms.duration(Obligation.EX_POST_AUTHORISATION) == 48 * HOUR
    plain = RuleBook([load(SEARCH + EVERYTHING, "plain")]).disclosure(terminal(), wanted(), 6.0, NOW)
    assert plain.terms.duration(Obligation.EX_POST_AUTHORISATION) is None


def test_rule_kind_37_validity_of_the_agreement(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, in_force_until="2026-12-01T00:00:00Z")])
    end = datetime(2026, 12, 1, tzinfo=UTC)
    assert seen(book, terminal(), wanted(), now=end - timedelta(microseconds=1)) is Level.SCORE
    assert seen(book, terminal(), wanted(), now=end) is Level.NONE
    assert seen(book, terminal(), wanted(), now=datetime(2025, 12, 31, tzinfo=UTC)) is Level.NONE


def test_rule_kind_38_exercise_only_in_an_exercise_space(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    exercise = replace(terminal(), exercise=True)
    assert seen(book, exercise, alert(exercise=True)) is Level.SCORE
    assert seen(book, exercise, alert()) is Level.NONE
    assert seen(book, terminal(), alert(exercise=True)) is Level.NONE
    never = RuleBook([load(SEARCH + SCORE + rule("search", "context.exercise", does="forbid"), "never")])
    assert seen(never, exercise, alert(exercise=True)) is Level.NONE
