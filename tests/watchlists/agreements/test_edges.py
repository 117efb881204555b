"""The edges of decisions: exact moments, who is named as having decided, what is remembered."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.watchlists.agreements.conftest import NOW, Load, terminal, wanted
from tests.watchlists.agreements.test_rule_kinds import (
    ALERT,
    DAY,
    HOUR,
    OWNER,
    SCORE,
    SEARCH,
    alert,
    confirmed,
    entered,
    entry,
    rule,
)
from watchlists.agreements.actions import Deed, Extra
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import NO_ACTION, Clause
from watchlists.agreements.duties import Duty, Obligation
from watchlists.agreements.entering import EnteredSamples, may_enter
from watchlists.agreements.explain import explain
from watchlists.agreements.findings import Why
from watchlists.agreements.levels import Level
from watchlists.agreements.release import Case, OwnerDecision, ReleaseState, Waiver, release_state, released
from watchlists.agreements.retention import ProbeKeeping, copy_expiry, probe_keeping, schedule
from watchlists.agreements.rights import SubjectAnswer, error_report, subject_access
from watchlists.agreements.terms import NO_TERMS, Terms
from watchlists.agreements.transfer import Recipient, may_transfer
from watchlists.records import Quarantine, VisibilityClass

INSTANT = timedelta(microseconds=1)


def named(clauses: tuple[Clause, ...]) -> list[str]:
    return [clause.clause for clause in clauses]


def test_who_allowed_and_who_forbade_an_entry_is_named_and_its_dates_are_kept(load: Load) -> None:
    rules = rule("enter", name="may") + rule("enter", "resource.contested", does="forbid", name="not")
    book = RuleBook([load(SEARCH + SCORE + rules)])
    dated = entry(alert(contested=True), review_at=NOW + DAY, expires_at=NOW + 2 * DAY)
    refused = may_enter(book, OWNER, dated, EnteredSamples(), [], NOW, NOW)
    assert (refused.allowed, named(refused.decided_by)) == (False, ["not"])
    assert (refused.schedule.review_at, refused.schedule.expires_at) == (NOW + DAY, NOW + 2 * DAY)
    fine = replace(dated, klass=wanted())
    allowed = may_enter(book, OWNER, fine, EnteredSamples(), [], NOW, NOW)
    assert (allowed.allowed, named(allowed.decided_by)) == (True, ["may"])
    assert (allowed.schedule.review_at, allowed.schedule.expires_at) == (NOW + DAY, NOW + 2 * DAY)


def test_an_entry_that_does_not_go_with_another_keeps_its_dates(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, incompatible='[["wanted", "missing-person"]]')])
    dated = entry(wanted(), review_at=NOW + DAY, expires_at=NOW + 2 * DAY)
    refused = may_enter(book, OWNER, dated, EnteredSamples(), ["missing-person"], NOW, NOW)
    assert (refused.allowed, refused.schedule.review_at, refused.schedule.expires_at) == (
        False,
        dated.review_at,
        dated.expires_at,
    )


def test_retention_counts_from_the_first_write(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("enter", asks="retain-at-most(10 d)"))])
    ruling = may_enter(book, OWNER, entry(wanted()), EnteredSamples(), [], NOW - 4 * DAY, NOW)
    assert ruling.schedule.expires_at == NOW + 6 * DAY


def test_an_entry_that_no_rule_can_be_put_to_is_refused(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("enter", "resource.contested", does="forbid"))])
    unreadable = replace(wanted(), handling=("\ud800",))
    ruling = book.ask(Deed.ENTER, OWNER, unreadable, NOW, warnings=[], faces=1, fingers=0)
    assert ruling.allowed is False


def test_a_deed_that_cannot_be_put_to_the_rules_is_not_done(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("take action", "resource.contested", does="forbid"))])
    unreadable = replace(terminal(), checkpoint="\ud800")
    for asked, allowed in ((terminal(), True), (unreadable, False)):
        assert book.ask(Deed.TAKE_ACTION, asked, alert(), NOW, action="arrest").allowed is allowed


def test_a_deed_outside_a_check_is_not_stopped_by_what_only_a_check_reads(load: Load) -> None:
    book = RuleBook([load(rule("search", 'context.checkpoint != ""') + SCORE + rule("copy"))])
    unreadable = replace(terminal(), checkpoint="\ud800")
    assert book.visible(unreadable, [wanted()], NOW) == frozenset()
    assert book.ask(Deed.COPY, unreadable, wanted(), NOW).allowed is True


def test_of_categories_without_rank_none_precedes(load: Load) -> None:
    lists = {"incompatible": '[["wanted", "missing-person"]]'}
    missing = wanted(category="missing-person")
    for number, priority in enumerate(("[]", '["wanted"]')):
        book = RuleBook([load(SEARCH + ALERT, str(number), priority=priority, **lists)])
        assert not entered(book, missing, "wanted")
        assert entered(book, wanted(), "missing-person") is (priority != "[]")
        ranks = [book.disclosure(terminal(), klass, 6.0, NOW).priority for klass in (wanted(), missing)]
        assert ranks == ([0, 1] if priority != "[]" else [0, 0])


def test_schedule_takes_the_earlier_date_and_warns_before_the_first() -> None:
    terms = Terms((Duty(Obligation.REVIEW_EVERY, 10 * DAY), Duty(Obligation.WARN_BEFORE, DAY)))
    given = schedule(terms, NOW, NOW + 5 * DAY, NOW + 3 * DAY)
    assert (given.review_at, given.expires_at, given.warn_at) == (NOW + 5 * DAY, NOW + 3 * DAY, NOW + 2 * DAY)
    assert schedule(terms, NOW, None, None).review_at == NOW + 10 * DAY
    warning = Terms((Duty(Obligation.WARN_BEFORE, DAY),))
    assert schedule(warning, NOW, None, None).warn_at is None
    assert schedule(warning, NOW, None, NOW + HOUR).warn_at == NOW
    assert schedule(NO_TERMS, NOW, None, NOW + DAY).warn_at is None


def test_a_probe_is_kept_by_the_asker_unless_a_rule_says_otherwise(load: Load) -> None:
    plain = RuleBook([load(SEARCH + SCORE + rule("keep probe", asks="keep-at-most(1 h)"))])
    kept = probe_keeping(plain, terminal(), [wanted()], NOW)
    assert kept is not None
    assert (kept.until, kept.by) == (NOW + HOUR, ("asker",))
    nobody = rule("keep probe", asks="keep-at-most(1 h), kept-by(asker)") + rule(
        "keep probe", asks="keep-at-most(1 h), kept-by(owner)", name="other"
    )
    assert probe_keeping(RuleBook([load(SEARCH + SCORE + nobody, "b")]), terminal(), [wanted()], NOW) is None


@pytest.mark.parametrize(
    ("by", "keepers"),
    [
        (("asker",), ("xa",)),
        (("owner",), ("xb", "xc")),
        (("asker", "owner"), ("xa", "xb", "xc")),
    ],
)
def test_rule_kind_23_those_keep_a_probe_whom_the_rules_name_each_once(
    by: tuple[str, ...], keepers: tuple[str, ...]
) -> None:
    assert ProbeKeeping(NOW, by, ("xb", "xc")).keepers("xa") == keepers
    assert ProbeKeeping(NOW, ("asker", "owner"), ("xa", "xb")).keepers("xa") == ("xa", "xb")


def test_the_last_moment_counts_and_the_next_one_does_not(load: Load) -> None:
    book = RuleBook([load(SEARCH + rule("see score", asks="reviewers(1), confirm-within(1 h), release-by-owner(2 h)"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)

    def state(now: Any, **case: Any) -> ReleaseState:
        return release_state(decision, replace(confirmed("ada"), **case), now)

    granted = OwnerDecision(granted=True, at=NOW + 2 * HOUR - INSTANT)
    assert state(NOW + DAY, owner=granted) is ReleaseState.RELEASED
    assert state(NOW + 2 * HOUR - INSTANT) is ReleaseState.WAITING_FOR_OWNER
    assert state(NOW + 2 * HOUR) is ReleaseState.LAPSED
    assert state(NOW + DAY, owner=replace(granted, at=NOW + 2 * HOUR)) is ReleaseState.LAPSED
    assert release_state(decision, Case(NOW), NOW + HOUR - INSTANT) is ReleaseState.WAITING_FOR_REVIEWERS
    assert release_state(decision, Case(NOW), NOW + HOUR) is ReleaseState.LAPSED


def test_rule_kind_13_a_waiver_that_comes_too_late_waives_nothing(load: Load) -> None:
    book = RuleBook([load(SEARCH + rule("see score", asks="reviewers(2 waivable), confirm-within(1 h)"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    for at, state in ((NOW + HOUR - INSTANT, ReleaseState.RELEASED), (NOW + HOUR, ReleaseState.LAPSED)):
        case = confirmed("ada", waiver=Waiver("bo", "Art. 14(5)", at))
        assert release_state(decision, case, NOW + DAY) is state


@pytest.mark.parametrize(
    "conditions",
    [
        {"excluded": ("xa",)},
        {"excluded": ("xz",)},
        {"hidden_until": NOW + DAY},
        {"quarantine": Quarantine.LIKE_MANY_ENTRIES},
    ],
)
def test_whom_the_owner_keeps_an_alert_from_may_do_nothing_with_it(load: Load, conditions: dict[str, Any]) -> None:
    deeds = ("copy", "transfer", "keep probe", "report error", "answer subject")
    asks = {"copy": "copies-at-most(1 h)", "keep probe": "keep-at-most(1 h)"}
    book = RuleBook([load(SEARCH + SCORE + "".join(rule(deed, asks=asks.get(deed, "")) for deed in deeds))])
    asker, kept = replace(terminal(), country="xz"), alert(**conditions)

    def may(klass: VisibilityClass) -> list[bool]:
        return [
            copy_expiry(book, asker, klass, NOW) != NOW,
            may_transfer(book, asker, klass, (), Recipient("court", "xy"), None, NOW).allowed,
            probe_keeping(book, asker, [klass], NOW) is not None,
            error_report(book, asker, klass, NOW) is not None,
            subject_access(book, asker, [klass], NOW).answer is SubjectAnswer.DISCLOSE,
        ]

    assert may(wanted()) == [True] * 5
    assert may(kept) == [False] * 5


def test_exercise_entries_are_copied_like_others_and_kept_apart_in_checks(load: Load) -> None:
    rules = rule("copy", asks="copies-at-most(1 h)") + rule("keep probe", asks="keep-at-most(1 h)")
    book = RuleBook([load(SEARCH + SCORE + rules)])
    training = alert(exercise=True)
    assert copy_expiry(book, terminal(), training, NOW) == NOW + HOUR
    assert probe_keeping(book, terminal(), [training], NOW) is None
    assert probe_keeping(book, replace(terminal(), exercise=True), [training], NOW) is not None


SOON = {"in_force_until": (NOW + HOUR).isoformat()}
SUCCESSOR = {
    "version": "2",
    "supersedes": '["xa-xb@1"]',
    "in_force_from": (NOW + HOUR).isoformat(),
}


def test_what_an_agreement_allows_to_be_kept_ends_with_it(load: Load) -> None:
    rules = SEARCH + SCORE + rule("copy", asks="copies-at-most(2 h)") + rule("keep probe", asks="keep-at-most(2 h)")
    endless, ending, followed = load(rules, "a"), load(rules, "b", **SOON), load(rules, "c", **SUCCESSOR)
    for book, until in (
        (RuleBook([endless]), NOW + 2 * HOUR),
        (RuleBook([ending]), NOW + HOUR),
        (RuleBook([endless, followed]), NOW + HOUR),
    ):
        kept = probe_keeping(book, terminal(), [wanted()], NOW)
        assert copy_expiry(book, terminal(), wanted(), NOW) == until
        assert kept is not None
        assert kept.until == until
    freely = RuleBook([load(SEARCH + SCORE + rule("copy"), "d", **SOON)])
    assert copy_expiry(freely, terminal(), wanted(), NOW) == NOW + HOUR


def test_rule_kind_37_what_waits_is_void_from_the_moment_an_agreement_ends(load: Load) -> None:
    rules = SEARCH + rule("see score", asks="reviewers(1)")
    first, other = load(rules, "a", **SOON), load(rules, "b", id='"other"')
    book = RuleBook([first, other])
    waiting = book.disclosure(terminal(), wanted(), 6.0, NOW).deciding
    assert {by.agreement for by in waiting} == {"xa-xb", "other"}
    assert book.stands(waiting, NOW + HOUR - INSTANT)
    assert not book.stands(waiting, NOW + HOUR)
    assert book.ends_at(waiting) == NOW + HOUR
    later = RuleBook([load(rules, "c"), load(rules, "d", **SUCCESSOR)])
    by_first = later.disclosure(terminal(), wanted(), 6.0, NOW).deciding
    assert [later.stands(by_first, NOW + gone) for gone in (HOUR - INSTANT, HOUR)] == [True, False]
    assert not RuleBook().stands(by_first, NOW)


CHANGES: dict[str, dict[str, str]] = {
    "parties": {"parties": '["xa", "xb", "xc"]'},
    "purposes": {"purposes": '["border-check"]'},
    "categories": {"categories": '["wanted"]'},
    "priority": {"priority": '["missing-person", "wanted"]'},
    "version": {"version": "2"},
}


@pytest.mark.parametrize("change", list(CHANGES.values()), ids=list(CHANGES))
def test_whatever_decides_for_a_partner_changes_the_fingerprint(load: Load, change: dict[str, str]) -> None:
    book, again = (RuleBook([load(SEARCH + SCORE, folder)]) for folder in "ab")
    changed = RuleBook([load(SEARCH + SCORE, "c", **change)])
    assert book.fingerprint("xa", NOW) == again.fingerprint("xa", NOW) != changed.fingerprint("xa", NOW)
    assert book.fingerprint("xz", NOW) == RuleBook().fingerprint("xz", NOW)


def test_a_fingerprint_is_made_once(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    assert book.fingerprint("xa", NOW) is book.fingerprint("xa", NOW)


def test_a_used_up_quota_binds_the_permits_that_have_one(load: Load) -> None:
    police = rule("search", 'principal.authority == "police"', name="police")
    customs = rule("search", 'principal.authority == "customs"', name="customs", asks="quota(9)")
    book = RuleBook([load(police + customs + SCORE, authorities='["police", "customs"]')])
    late = replace(terminal(), exhausted=frozenset({"xa-xb"}))
    levels = [
        book.disclosure(replace(late, authority=name), wanted(), 6.0, NOW).level for name in ("police", "customs")
    ]
    assert levels == [Level.SCORE, Level.NONE]


def test_what_only_waits_shows_nothing_at_once(load: Load) -> None:
    book = RuleBook([load(SEARCH + rule("see alert", asks="tlp-red, reviewers(2)"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert (decision.level, decision.handling, decision.decided_by, decision.terms) == (Level.NONE, (), (), NO_TERMS)
    assert decision.known
    assert decision.later is not None
    assert (decision.later.level, decision.later.handling) == (Level.ALERT, ("tlp-red",))
    assert named(decision.deciding) == ["permit-search", "permit-see-alert"]
    assert decision.duties.reviewers.count == 2


def test_a_search_that_waits_makes_everything_wait(load: Load) -> None:
    book = RuleBook([load(rule("search", asks="reviewers(1)") + SCORE)])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert decision.level is Level.NONE
    assert decision.later is not None
    assert decision.later.level is Level.SCORE


def test_an_alert_that_waits_has_its_action_once_it_is_released(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("see alert", asks="reviewers(1)"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert (decision.level, released(decision).level) == (Level.SCORE, Level.ALERT)
    assert released(decision).action == "inform-officer"


def test_no_action_below_the_level_at_which_it_is_seen(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    assert book.disclosure(terminal(), wanted(), 6.0, NOW).action == NO_ACTION


def test_rules_read_prior_authorisation_and_the_last_tenth(load: Load) -> None:
    book = RuleBook([load(rule("search", "context.authorised") + SCORE)])
    authorised = replace(terminal(), authorised_by=frozenset({"xb"}))
    assert book.disclosure(authorised, wanted(), 6.0, NOW).level is Level.SCORE
    assert book.disclosure(terminal(), wanted(), 6.0, NOW).level is Level.NONE
    fine = rule("see score", 'context.score.greaterThanOrEqual(decimal("4.9"))')
    book = RuleBook([load(SEARCH + fine, "fine")])
    assert [book.disclosure(terminal(), wanted(), score, NOW).level for score in (4.8, 4.9)] == [
        Level.NONE,
        Level.SCORE,
    ]


def test_who_decided_on_a_transfer_a_report_and_an_answer_is_named(load: Load) -> None:
    rules = rule("transfer", 'context.recipient == "bad"', does="forbid", name="no") + rule("transfer", name="yes")
    rules += rule("report error", name="report") + rule("answer subject", name="tell", asks="answer-within(9 d)")
    book = RuleBook([load(SEARCH + SCORE + rules, recipients='["bad"]')])
    bad = may_transfer(book, terminal(), wanted(), (), Recipient("bad", "xz"), None, NOW)
    good = may_transfer(book, terminal(), wanted(), (), Recipient("good", "xz"), None, NOW)
    assert (bad.allowed, named(bad.decided_by)) == (False, ["no"])
    assert (good.allowed, named(good.decided_by)) == (True, ["yes"])
    until = alert(hidden_until=NOW)
    assert may_transfer(book, terminal(), until, (), Recipient("good", "xz"), None, NOW).allowed is True
    excluded = may_transfer(book, terminal(), alert(excluded=("good",)), (), Recipient("good", "xz"), None, NOW)
    marked = may_transfer(
        book, terminal(), wanted(handling=("no-onward-transfer",)), (), Recipient("good", "xz"), None, NOW
    )
    assert (excluded.allowed, marked.allowed) == (False, False)
    report = error_report(book, terminal(), wanted(), NOW)
    assert report is not None
    assert (report.answer_by, named(report.decided_by)) == (None, ["report"])
    told = subject_access(book, terminal(), [wanted()], NOW)
    refused = subject_access(book, terminal(), [wanted()], NOW, owners_agree=False)
    assert (told.answer_by, named(told.decided_by)) == (NOW + 9 * DAY, ["tell"])
    assert named(refused.decided_by) == ["tell"]
    consults = RuleBook([load(rule("answer subject", asks="answer-within(9 d), consult-owner(2 d)"), "consults")])
    first = subject_access(consults, terminal(), [wanted()], NOW)
    assert (first.answer_by, named(first.decided_by)) == (NOW + 9 * DAY, ["permit-answer-subject"])


def test_several_permits_of_one_agreement_are_all_named(load: Load) -> None:
    book = RuleBook([load(rule("search", name="one") + rule("search", name="two") + SCORE)])
    assert named(book.disclosure(terminal(), wanted(), 6.0, NOW).decided_by) == ["one", "two", "permit-see-score"]


def test_what_an_agreement_between_others_asks_is_not_owed(load: Load) -> None:
    others = load(rule("search", asks="justify(case-reference), quota(1)") + SCORE, parties='["xb", "xc"]')
    standing = RuleBook([others]).standing(terminal("xa"), NOW)
    assert (standing.missing, standing.quotas, standing.log_terms) == ((), (), NO_TERMS)
    (demand,) = RuleBook([others]).standing(terminal("xc"), NOW).missing
    assert demand.clause == Clause("xa-xb", 1, "permit-search", None)


def test_nobody_searches_what_is_in_quarantine_and_its_owner_still_answers_for_it(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("answer subject"), parties='["xb"]')])
    owner, kept = terminal("xb"), alert(quarantine=Quarantine.FACE_LIKE_EVERYBODY)
    assert book.visible(owner, [wanted(), kept], NOW) == {wanted()}
    assert book.disclosure(owner, kept, 8.0, NOW).level is Level.NONE
    assert subject_access(book, owner, [kept], NOW).answer is SubjectAnswer.DISCLOSE


def test_a_deed_is_decided_on_what_is_hidden_now(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("copy") + rule("copy", "resource.hidden", does="forbid"))])
    receiver = terminal("xa")
    assert book.ask(Deed.COPY, receiver, alert(hidden_until=NOW + INSTANT), NOW).allowed is False
    assert book.ask(Deed.COPY, receiver, alert(hidden_until=NOW), NOW).allowed is True


def test_a_forbid_of_a_whole_check_is_heard_for_other_deeds_too(load: Load) -> None:
    everything = '@id("none")\nforbid (principal, action, resource) when { resource.contested };\n'
    of_checks = '@id("checks")\nforbid (principal, action in Action::"check", resource) when { resource.contested };\n'
    book = RuleBook([load(SEARCH + SCORE + rule("copy") + everything)])
    narrow = RuleBook([load(SEARCH + SCORE + rule("copy") + of_checks, "narrow")])
    contested = alert(contested=True)
    for each, copied in ((book, False), (narrow, True)):
        assert each.disclosure(terminal(), contested, 6.0, NOW).level is Level.NONE
        assert each.disclosure(terminal(), alert(), 6.0, NOW).level is Level.SCORE
        assert each.ask(Deed.COPY, terminal(), contested, NOW).allowed is copied


def test_a_forbid_of_a_whole_check_that_reads_the_score_is_heard_at_each_level(load: Load) -> None:
    low = 'context has score && context.score.lessThan(decimal("5.0"))'
    forbid = f'@id("low")\nforbid (principal, action in Action::"check", resource) when {{ {low} }};\n'
    book = RuleBook([load(SEARCH + SCORE + forbid)])
    assert [book.disclosure(terminal(), wanted(), score, NOW).level for score in (4.9, 5.0)] == [
        Level.NONE,
        Level.SCORE,
    ]


def test_decisions_are_remembered_and_shared_by_requests_that_no_rule_tells_apart(load: Load) -> None:
    book = RuleBook([load(SEARCH + ALERT)])
    classes = frozenset({wanted(), alert(hidden_until=NOW + DAY)})
    one, other = terminal(case="2026/7"), replace(terminal(case="2026/8"), checkpoint="XA-GATE-09")
    assert book.disclosure(one, wanted(), 6.0, NOW) is book.disclosure(other, wanted(), 6.01, NOW)
    assert book.visible(one, classes, NOW) is book.visible(other, classes, NOW)
    assert book.visible(one, classes, NOW + DAY) == classes


def test_a_fault_is_logged_with_action_and_clauses_and_nothing_else(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    fails = "9223372036854775807 + 1 == 0"
    rules = rule("search", fails, does="forbid", name="one") + rule("search", fails, does="forbid", name="two")
    with caplog.at_level(logging.ERROR):
        RuleBook([load(SEARCH + SCORE + rules)]).visible(terminal(), [wanted()], NOW)
    assert caplog.messages == ["rule fault, denied: action 'search', clauses: xa-xb@1 one, xa-xb@1 two"]


def test_rule_kind_11_what_is_seen_beside_an_alert_waits_for_people_where_its_own_permit_says_so(load: Load) -> None:
    book = RuleBook([load(SEARCH + ALERT + rule("see links", asks="reviewers(1)") + rule("see misused identity"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert (decision.level, decision.extras) == (Level.ALERT, frozenset({Extra.MISUSED_IDENTITY}))
    assert decision.terms.reviewers.count == 0
    assert decision.later is not None
    assert (decision.later.level, decision.later.extras) == (Level.ALERT, frozenset(Extra))
    assert decision.duties.reviewers.count == 1
    assert release_state(decision, Case(NOW), NOW) is ReleaseState.WAITING_FOR_REVIEWERS
    explained = explain(book, terminal(), wanted(), 6.0, NOW)
    (waiting,) = [finding for finding in explained.findings if finding.why is Why.WAITS]
    assert waiting.text == "links: only after a confirmation, by xa-xb@1 permit-see-links"


def test_clauses_of_what_is_seen_beside_an_alert_are_among_those_that_decided(load: Load) -> None:
    levels = load(SEARCH + ALERT, "levels", id='"levels"')
    links = load(SEARCH + rule("see links"), "links", id='"links"')
    decision = RuleBook([levels, links]).disclosure(terminal(), wanted(), 6.0, NOW)
    assert [(by.agreement, by.clause) for by in decision.decided_by] == [
        ("levels", "permit-search"),
        ("levels", "permit-see-alert"),
        ("links", "permit-search"),
        ("links", "permit-see-links"),
    ]


def test_what_is_seen_beside_an_alert_is_seen_above_any_number_of_levels(load: Load) -> None:
    levels = "".join(rule(f"see {level}") for level in ("hit", "band", "alert", "biographics"))
    book = RuleBook([load(SEARCH + levels + rule("see links"))])
    assert book.disclosure(terminal(), wanted(), 6.0, NOW).extras == {Extra.LINKS}


def test_what_is_seen_beside_an_alert_binds_nothing_below_it(load: Load) -> None:
    rules = SEARCH + rule("see hit") + rule("see alert", asks="reviewers(1)") + rule("see links", asks="tlp-red")
    decision = RuleBook([load(rules)]).disclosure(terminal(), wanted(), 6.0, NOW)
    assert decision.later is not None
    assert (decision.level, decision.handling, decision.later.handling) == (Level.HIT, (), ("tlp-red",))


def test_below_an_alert_nothing_is_seen_beside_it(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE + rule("see links", asks="tlp-red") + rule("see misused identity"))])
    decision = book.disclosure(terminal(), wanted(), 6.0, NOW)
    assert (decision.level, decision.extras, decision.handling) == (Level.SCORE, frozenset(), ())


def test_any_agreement_that_permits_the_search_ranks_its_categories(load: Load) -> None:
    ranking = load(SEARCH, "ranking", id='"ranking"', priority='["missing-person", "wanted"]')
    showing = load(SEARCH + ALERT, "showing", id='"showing"')
    assert RuleBook([ranking, showing]).disclosure(terminal(), wanted(), 6.0, NOW).priority == 1
