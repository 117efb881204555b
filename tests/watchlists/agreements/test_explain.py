"""Explanations: the right reason for each silence, the right clause for what is seen, never another outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.watchlists.agreements.conftest import NOW, PARTICULARS, SCORE, SEARCH, Load, terminal, wanted
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import NO_ACTION, NOTHING
from watchlists.agreements.explain import Explanation, as_if_in_force, explain
from watchlists.agreements.facts import Request
from watchlists.agreements.findings import SILENCES, Finding, Why
from watchlists.agreements.levels import Level
from watchlists.agreements.load import load_agreement
from watchlists.agreements.terms import is_handling
from watchlists.records import Age, Conditions, VisibilityClass


def rule(name: str, action: str, *, effect: str = "permit", when: str = "", duties: str = "", cites: str = "") -> str:
    annotations = f'@id("{name}")' + (f' @cites("{cites}")' if cites else "")
    annotations += f' @obligations("{duties}")' if duties else ""
    condition = f" when {{ {when} }}" if when else ""
    return f'{annotations}\n{effect} (principal, action == Action::"{action}", resource){condition};\n'


def explained(
    book: RuleBook,
    request: Request | None = None,
    klass: VisibilityClass | None = None,
    score: float = 9.0,
    now: datetime = NOW,
) -> Explanation:
    return explain(book, request or terminal(), klass or wanted(), score, now)


def only(explanation: Explanation, why: Why) -> Finding:
    (found,) = (finding for finding in explanation.findings if finding.why is why)
    return found


def silence(explanation: Explanation) -> Finding:
    """The only reason for which nothing is seen."""
    assert explanation.disclosure == NOTHING
    assert explanation.outcome == "nothing"
    (found,) = explanation.findings
    assert found.why in SILENCES
    return found


def test_no_agreement_is_in_force_and_when_one_begins_or_ended(load: Load) -> None:
    text = "no agreement between xa and xb is in force on 2026-11-22 09:30 UTC"
    assert silence(explained(RuleBook())).text == text
    future = load(SEARCH + SCORE, "future", in_force_from="2027-01-01T00:00:00Z")
    assert silence(explained(RuleBook([future]))).text == f"{text}; xa-xb@1 begins on 2027-01-01 00:00 UTC"
    past = load(SEARCH + SCORE, "past", in_force_until="2026-02-01T00:00:00Z")
    assert silence(explained(RuleBook([past]))).text == f"{text}; xa-xb@1 ended on 2026-02-01 00:00 UTC"


def test_a_superseded_agreement_is_named_as_such(load: Load) -> None:
    successor = load(SEARCH, "two", version="2", supersedes='["xa-xb@1"]', in_force_until="2026-02-01T00:00:00Z")
    text = silence(explained(RuleBook([load(SEARCH + SCORE), successor]))).text
    assert "xa-xb@1 is superseded" in text
    assert "xa-xb@2 ended on 2026-02-01" in text


def test_own_entries_need_an_agreement_with_oneself(load: Load) -> None:
    between_others = load(SEARCH + SCORE, parties='["xb", "xc"]')
    text = silence(explained(RuleBook([between_others]), klass=wanted("xa"))).text
    assert text.startswith("no agreement between xa and itself is in force")
    assert "xa-xb@1" not in text


def test_an_agreement_is_explained_before_it_is_in_force(load: Load) -> None:
    future = load(SEARCH + SCORE, in_force_from="2027-01-01T00:00:00Z")
    assert explained(RuleBook([as_if_in_force(future, NOW)])).disclosure.level is Level.SCORE
    assert as_if_in_force(future, NOW).in_force_until is None
    assert as_if_in_force(load(SEARCH, "now"), NOW).in_force_from == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_draft_takes_the_place_of_what_it_supersedes(load: Load) -> None:
    draft = load(
        SEARCH + rule("hit", "see hit"),
        "two",
        version="2",
        supersedes='["xa-xb@1"]',
        in_force_from="2027-01-01T00:00:00Z",
    )
    book = RuleBook([load(SEARCH + SCORE), as_if_in_force(draft, NOW)])
    assert explained(book).disclosure.level is Level.HIT


def test_words_that_the_agreement_does_not_list(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    assert silence(explained(book, terminal(purpose="visa"))).text == "xa-xb@1 does not list the purpose visa"
    text = silence(explained(book, klass=wanted(category="stolen-art"))).text
    assert text == "xa-xb@1 does not list the category stolen-art"


def test_the_owners_own_word(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])

    def entry(**conditions: object) -> VisibilityClass:
        return replace(wanted(), conditions=Conditions(**conditions))  # type: ignore[arg-type]

    until = NOW + timedelta(days=1)
    assert silence(explained(book, klass=entry(excluded=("xa",)))).why is Why.EXCLUDED
    of_country = explained(book, replace(terminal(), country="xq"), entry(excluded=("xq",)))
    assert silence(of_country).text == "the entry excludes xq, by its owner's own word"
    hidden = silence(explained(book, klass=entry(hidden_until=until)))
    assert hidden.text == "the entry is still hidden until 2026-11-23 09:30 UTC from everybody but its owner"
    assert explained(book, klass=entry(hidden_until=until), now=until).disclosure.level is Level.SCORE
    assert "an exercise entry" in silence(explained(book, klass=entry(exercise=True))).text
    assert "a live entry" in silence(explained(book, replace(terminal(), exercise=True))).text


def test_what_cannot_be_put_to_the_rules(load: Load) -> None:
    odd = replace(terminal(), checkpoint="\ud800")
    unread = RuleBook([load(SEARCH + SCORE)])
    assert explained(unread, odd).disclosure.level is Level.SCORE
    assert silence(explained(unread, klass=replace(wanted(), action="\ud800"))).why is Why.UNREADABLE
    read = RuleBook([load(rule("search", "search", when='context.checkpoint == "G"') + SCORE, "read")])
    assert silence(explained(read, odd)).text == (
        "a rule could not be evaluated, so the search is denied: the question itself"
    )


def test_the_clause_that_forbids_the_search(load: Load) -> None:
    no_minors = rule("no-minors", "search", effect="forbid", when='resource.age == "minor"', cites="Art. 7")
    minor = replace(wanted(), conditions=Conditions(age=Age.MINOR))
    found = silence(explained(RuleBook([load(SEARCH + SCORE + no_minors)]), klass=minor))
    assert found.text == "the search is forbidden by xa-xb@1 no-minors (Art. 7)"
    assert [clause.clause for clause in found.clauses] == ["no-minors"]


def test_a_rule_that_cannot_be_evaluated(load: Load) -> None:
    fails = rule(
        "sum", "search", when='resource.handling.contains("x") || 9223372036854775807 + 1 == 0', cites="Art. 8"
    )
    found = silence(explained(RuleBook([load(SEARCH + SCORE + fails, handling='["x"]')])))
    assert found.text == "a rule could not be evaluated, so the search is denied: xa-xb@1 sum (Art. 8)"


def test_no_clause_permits_the_search(load: Load) -> None:
    only_asylum = rule("search", "search", when='context.purpose == "asylum"')
    assert silence(explained(RuleBook([load(only_asylum + SCORE)]))).text == "no clause permits the search"


def test_what_a_permit_to_search_asks_for_beforehand(load: Load) -> None:
    duties = "justify(case-reference justification), owner-authorisation, quota(5)"
    book = RuleBook([load(rule("search", "search", duties=duties, cites="Art. 9") + SCORE)])
    bare = explained(book, replace(terminal(), exhausted=frozenset({"xa-xb"}), justified=frozenset({"justification"})))
    assert bare.disclosure == NOTHING
    by = "the search by xa-xb@1 search (Art. 9)"
    assert {finding.why: finding.text for finding in bare.findings} == {
        Why.QUOTA: f"{by} is not possible: the quota of xa for the day is used up",
        Why.JUSTIFICATION: f"{by} needs a justification: case-reference",
        Why.AUTHORISATION: f"{by} needs the prior authorisation of xb for this case",
    }
    given_all = replace(
        terminal(), justified=frozenset({"justification", "case-reference"}), authorised_by=frozenset({"xb"})
    )
    assert explained(book, given_all).disclosure.level is Level.SCORE


def test_no_level_at_this_score_and_from_which_on(load: Load) -> None:
    four = rule("hit", "see hit", when='context.score.greaterThanOrEqual(decimal("4.0"))')
    more = rule("alert", "see alert", when='context.score.greaterThan(decimal("6.05"))')
    low = explained(RuleBook([load(SEARCH + four + more)]), score=3.26)
    assert low.compared
    assert low.disclosure == NOTHING
    assert [finding.text for finding in low.findings] == [
        "the search is permitted, but no level at a score of 3.2",
        "from a score of 4.0 on: hit",
        "from a score of 6.1 on: alert",
    ]


def test_what_is_seen_for_low_scores_alone_is_not_compared(load: Load) -> None:
    low = rule("hit", "see hit", when='context.score.lessThan(decimal("4.0"))')
    assert silence(explained(RuleBook([load(SEARCH + low)]), score=2.0)).why is Why.NOT_COMPARED


def test_a_level_of_an_agreement_that_does_not_permit_the_search(load: Load) -> None:
    book = RuleBook([load(SEARCH, "one", id='"one"'), load(SCORE, "two", id='"two"')])
    texts = [finding.text for finding in explained(book).findings]
    assert "score is permitted by two@1 score, but not by an agreement that permits the search" in texts


def test_the_clauses_of_what_is_seen_and_what_ends_it(load: Load) -> None:
    cap = rule("cap", "see score", effect="forbid", cites="Art. 5")
    hit = rule("hit", "see hit", duties="tlp-red, candidates(3)", cites="Art. 4")
    explanation = explained(RuleBook([load(SEARCH + hit + SCORE + cap)]), klass=wanted(handling=("own",)))
    assert explanation.outcome == "hit"
    assert [finding.text for finding in explanation.findings] == [
        "the search is permitted by xa-xb@1 search",
        "hit: permitted by xa-xb@1 hit (Art. 4)",
        "handling own, by the entry itself",
        "handling tlp-red, by xa-xb@1 hit (Art. 4)",
        "duty candidates(3), by xa-xb@1 hit (Art. 4)",
        "score and what is above is forbidden by xa-xb@1 cap (Art. 5)",
    ]


@pytest.mark.parametrize(
    ("duty", "after"),
    [
        ("reviewers(1)", "1 reviewer"),
        ("reviewers(2)", "2 reviewers"),
        ("reviewers(2 waivable)", "2 reviewers, the second of them waivable"),
        ("release-by-owner(24 h)", "the release by the owner"),
    ],
)
def test_what_is_seen_only_after_people_have_acted(load: Load, duty: str, after: str) -> None:
    alert = rule("alert", "see alert", duties=duty, cites="Art. 6")
    explanation = explained(RuleBook([load(SEARCH + rule("hit", "see hit") + alert)]))
    assert explanation.outcome == "hit, after confirmation alert"
    waits = only(explanation, Why.WAITS)
    assert waits.text == f"alert and what is above is seen only after {after}, by xa-xb@1 alert (Art. 6)"


def test_a_silent_alarm_is_explained_to_those_entitled(load: Load) -> None:
    alert = rule("alert", "see alert", duties="silent-alarm", cites="Art. 36")
    explanation = explained(RuleBook([load(SEARCH + alert)]))
    assert explanation.outcome == "nothing at the terminal; the supervisor: alert"
    assert "xa-xb@1 alert (Art. 36)" in only(explanation, Why.SILENT).text


def test_an_action_and_its_substitute(load: Load) -> None:
    alert = rule("alert", "see alert", duties="downgrade(inform-officer discreet-check)", cites="Art. 3")
    flag = rule("flag", "take action", effect="forbid", when='context.action == "inform-officer"', cites="Art. 24")
    words = {"actions": '["inform-officer", "discreet-check"]'}
    substituted = explained(RuleBook([load(SEARCH + alert + flag, "flagged", **words)]))
    assert substituted.disclosure.action == "discreet-check"
    assert only(substituted, Why.ACTION).text == (
        "action: discreet-check in place of inform-officer, by xa-xb@1 alert (Art. 3)"
    )
    assert "forbidden by xa-xb@1 flag (Art. 24)" in only(substituted, Why.ACTION_FORBIDDEN).text
    never = rule("never", "take action", effect="forbid")
    none = explained(RuleBook([load(SEARCH + alert + never, "never", **words)]))
    assert only(none, Why.ACTION).item == none.disclosure.action == NO_ACTION


def test_extras_and_where_joined_duties_come_from(load: Load) -> None:
    rules = (
        rule("search", "search", duties="candidates(9)")
        + rule("alert", "see alert", duties="candidates(5)")
        + rule("links", "see links", duties="notify-owner")
    )
    explanation = explained(RuleBook([load(rules)]))
    assert only(explanation, Why.EXTRA).text == "links: permitted by xa-xb@1 links"
    duties = {finding.item: finding.text for finding in explanation.findings if finding.why is Why.DUTY}
    assert duties["candidates(5)"] == ("duty candidates(5), by xa-xb@1 search, xa-xb@1 alert, joined from 9 and 5")
    assert duties["notify-owner"] == "duty notify-owner, by xa-xb@1 links"


LEVELS = [f"see {level.word}" for level in Level if level]
ACTIONS = [*LEVELS, *LEVELS, "search", "see links", "see misused identity", "take action"]
CONDITIONS = [
    'context.purpose == "asylum"',
    'principal.partner == "xa"',
    'context.checkpoint == "GATE"',
    'resource.age == "minor"',
    "resource.contested",
    'resource.handling.containsAny(["a"])',
    "if resource.contested then 9223372036854775807 + 1 == 0 else true",
]
SCORES = ['context.score.greaterThanOrEqual(decimal("4.0"))', 'context.score.lessThan(decimal("5.0"))']
DUTIES = [
    "tlp-red",
    "no-onward-transfer",
    "reviewers(1)",
    "reviewers(2 waivable)",
    "release-by-owner(24 h)",
    "silent-alarm",
    "candidates(3)",
    "score-form(band)",
    "fields(family_name birth_date)",
    "downgrade(inform-officer discreet-check)",
]
BEFOREHAND = ["justify(case-reference)", "quota(5)", "owner-authorisation"]


def often(usual: str, *others: str) -> st.SearchStrategy[str]:
    return st.one_of(st.just(usual), st.just(usual), st.just(usual), st.sampled_from([usual, *others]))


def seldom(probability_of_one_in: int) -> st.SearchStrategy[bool]:
    return st.integers(1, probability_of_one_in).map(lambda it: it == probability_of_one_in)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A permit to search and a few rules on random actions, in which permits prevail."""
    texts = [rule("r", "search", when=draw(often("", *CONDITIONS)), duties=draw(often("", *BEFOREHAND)))]
    for number in range(draw(st.integers(1, 6))):
        action = draw(st.sampled_from(ACTIONS))
        forbids = action == "take action" or draw(seldom(8))
        when = draw(often("", *CONDITIONS, *(SCORES if action.startswith("see ") else [])))
        duties = st.lists(st.sampled_from(DUTIES), max_size=3, unique_by=lambda duty: duty.split("(")[0])
        listed = "" if forbids else ", ".join(draw(duties))
        effect = "forbid" if forbids else "permit"
        texts.append(rule(f"r{number}", action, effect=effect, when=when, duties=listed))
    return "".join(texts)


def requests() -> st.SearchStrategy[Request]:
    return st.builds(
        Request,
        partner=often("xa", "xb", "xc"),
        role=st.just("terminal"),
        purpose=often("border-check", "asylum", "visa"),
        case_reference=st.none(),
        checkpoint=often("GATE", "\ud800"),
        justified=st.sampled_from([frozenset[str](), frozenset({"case-reference"})]),
        authorised_by=st.sampled_from([frozenset[str](), frozenset({"xb"})]),
        exercise=seldom(15),
        exhausted=seldom(5).map(lambda used_up: frozenset({"xa-xb"} if used_up else ())),
    )


def classes() -> st.SearchStrategy[VisibilityClass]:
    conditions = st.builds(
        Conditions,
        excluded=seldom(15).map(lambda excludes: ("xa",) if excludes else ()),
        hidden_until=st.sampled_from([None, None, None, None, NOW + timedelta(days=1), NOW - timedelta(days=1)]),
        age=st.sampled_from([Age.ADULT, Age.MINOR]),
        contested=seldom(5),
    )
    return st.builds(
        VisibilityClass,
        owner=st.just("xb"),
        watchlist=st.just("xb-list"),
        category=often("wanted", "missing-person", "stolen-art"),
        action=st.sampled_from(["inform-officer", "discreet-check"]),
        handling=st.sampled_from([(), ("a",), ("tlp-green",)]),
        conditions=conditions,
    )


def write(folder: Path, rules_text: str, name: str) -> None:
    folder.mkdir(exist_ok=True)
    words = {"id": f'"{name}"', "actions": '["inform-officer", "discreet-check"]', "handling": '["a"]'}
    lines = "\n".join(f"{key} = {value}" for key, value in (PARTICULARS | words).items())
    (folder / "agreement.toml").write_text(lines, "utf-8")
    (folder / "rules.cedar").write_text(rules_text, "utf-8")


def of(explanation: Explanation, why: Why) -> list[str]:
    return sorted(finding.item for finding in explanation.findings if finding.why is why)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(one=rules(), other=rules(), request_=requests(), klass=classes(), score=st.sampled_from([2.0, 4.0, 4.95, 8.0]))
def test_an_explanation_never_disagrees_with_the_rule_book(
    tmp_path: Path, one: str, other: str, request_: Request, klass: VisibilityClass, score: float
) -> None:
    write(tmp_path / "one", one, "xa-xb")
    write(tmp_path / "other", other, "other")
    agreements = [load_agreement(tmp_path / "one"), load_agreement(tmp_path / "other")]
    explanation = explain(RuleBook(agreements), request_, klass, score, NOW)
    book = RuleBook(agreements)  # one that has not been asked for an explanation
    visible = bool(book.visible(request_, [klass], NOW))
    seen = book.disclosure(request_, klass, score, NOW) if visible else NOTHING
    assert explanation.disclosure == seen
    assert explanation.compared is visible
    if not seen.known:
        assert any(finding.why in SILENCES for finding in explanation.findings)
        assert not of(explanation, Why.LEVEL)
        return
    most = seen.later or seen
    assert max(Level[word.upper()] for word in of(explanation, Why.LEVEL)) is most.level
    assert bool(of(explanation, Why.WAITS)) is (seen.later is not None)
    assert bool(of(explanation, Why.SILENT)) is seen.silent
    assert of(explanation, Why.EXTRA) == sorted(most.extras)
    assert of(explanation, Why.HANDLING) == sorted(most.handling)
    assert of(explanation, Why.DUTY) == sorted(
        str(duty) for duty in seen.duties.duties if not is_handling(duty.obligation)
    )
    assert of(explanation, Why.ACTION) == ([seen.action] if most.level >= Level.ALERT else [])
    assert {*most.decided_by} <= explanation.clauses
    assert explanation.clauses <= explanation.matched
