"""What the rule book allows, how agreements combine, and which clauses it names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Load, terminal, wanted
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import Clause
from watchlists.agreements.levels import Level
from watchlists.errors import AgreementInvalid


def see(level: str, condition: str = "", effect: str = "permit", name: str | None = None) -> str:
    when = f"when {{ {condition} }}" if condition else ""
    name = name or f"{effect}-{level}"
    return f'@id("{name}")\n{effect} (principal, action == Action::"see {level}", resource) {when};\n'


@pytest.mark.parametrize(
    ("asker", "owner", "purpose", "level"),
    [
        ("xa", "xb", "border-check", Level.SCORE),
        ("xb", "xa", "border-check", Level.SCORE),
        ("xa", "xb", "asylum", Level.HIT),
        ("xb", "xa", "asylum", Level.HIT),
        ("xa", "xa", "border-check", Level.BIOGRAPHICS),
        ("xb", "xb", "border-check", Level.BIOGRAPHICS),
        ("xa", "xa", "asylum", Level.HIT),
        ("xa", "xb", "tourism", Level.NONE),
        ("xa", "xa", "tourism", Level.NONE),
    ],
)
def test_sample_agreements(samples: RuleBook, asker: str, owner: str, purpose: str, level: Level) -> None:
    request, klass = terminal(asker, purpose), wanted(owner)
    assert samples.visible(request, {klass}, NOW) == ({klass} if level else set())
    assert samples.disclosure(request, klass, 5.0, NOW).level is level


def test_sample_asylum_does_not_search_documents(samples: RuleBook) -> None:
    documents = wanted("xb", "stolen-document")
    assert samples.visible(terminal(), {documents}, NOW) == {documents}
    assert samples.visible(terminal(purpose="asylum"), {documents, wanted()}, NOW) == {wanted()}


def test_sample_names_its_clauses_and_handling(samples: RuleBook) -> None:
    disclosure = samples.disclosure(terminal(), wanted(handling=("H1", "tlp-amber")), 5.0, NOW)
    assert disclosure.decided_by == (
        Clause("xa-xb", 1, "border-search", "Art. 3(1)"),
        Clause("xa-xb", 1, "border-score", "Art. 4(1)"),
    )
    assert disclosure.handling == ("H1", "tlp-amber", "no-onward-transfer")


@pytest.mark.parametrize("level", [level for level in Level if level])
def test_each_level_is_permitted_by_its_own_word(load: Load, level: Level) -> None:
    book = RuleBook([load(SEARCH + see(level.word))])
    assert book.visible(terminal(), [wanted()], NOW) == {wanted()}
    disclosure = book.disclosure(terminal(), wanted(), 5.0, NOW)
    assert disclosure.level is level
    assert [clause.clause for clause in disclosure.decided_by] == ["search", f"permit-{level}"]


@pytest.mark.parametrize("level", [level for level in Level if level])
def test_forbid_on_a_level_caps_what_is_permitted_above(load: Load, level: Level) -> None:
    every = "".join(see(each.word) for each in Level if each)
    book = RuleBook([load(SEARCH + every + see(level.word, effect="forbid"))])
    assert book.disclosure(terminal(), wanted(), 5.0, NOW).level is Level(level - 1)
    assert bool(book.visible(terminal(), [wanted()], NOW)) is (level > Level.HIT)


def test_forbid_beats_permit_across_agreements(load: Load) -> None:
    permits = load(SEARCH + SCORE + see("hit"))
    no_score = load(see("score", effect="forbid"), "forbids", id='"forbids"')
    no_search = load('@id("no")\nforbid (principal, action == Action::"search", resource);', "closed", id='"closed"')
    assert RuleBook([permits]).disclosure(terminal(), wanted(), 5.0, NOW).level is Level.SCORE
    assert RuleBook([permits, no_score]).disclosure(terminal(), wanted(), 5.0, NOW).level is Level.HIT
    assert RuleBook([permits, no_search]).visible(terminal(), [wanted()], NOW) == frozenset()
    assert RuleBook([permits, no_search]).disclosure(terminal(), wanted(), 5.0, NOW).level is Level.NONE


def test_forbid_speaks_of_words_that_its_agreement_does_not_list(load: Load) -> None:
    permits = load(SEARCH + SCORE, purposes='["visa"]')
    closed = load('@id("no")\nforbid (principal, action, resource);', "closed", id='"closed"')
    assert RuleBook([permits]).visible(terminal(purpose="visa"), [wanted()], NOW) == {wanted()}
    assert RuleBook([permits, closed]).visible(terminal(purpose="visa"), [wanted()], NOW) == frozenset()


def test_forbid_of_an_agreement_between_others_does_not_count(load: Load) -> None:
    closed = load('@id("no")\nforbid (principal, action, resource);', "bc", id='"bc"', parties='["xb", "xc"]')
    book = RuleBook([load(SEARCH + SCORE), closed])
    assert book.visible(terminal(), [wanted()], NOW) == {wanted()}


def test_the_agreement_that_allows_most_decides_and_handling_adds_up(load: Load) -> None:
    amber = '@obligations("tlp-amber")\n' + see("hit")
    h1 = '@obligations("europol-h1")\n' + see("reference")
    book = RuleBook([load(SEARCH + amber, "less", id='"less"'), load(SEARCH + h1, "more", id='"more"', version="3")])
    disclosure = book.disclosure(terminal(), wanted(handling=("own",)), 5.0, NOW)
    assert disclosure.level is Level.REFERENCE
    assert disclosure.decided_by == (Clause("more", 3, "search"), Clause("more", 3, "permit-reference"))
    assert disclosure.handling == ("own", "europol-h1", "tlp-amber")


def test_agreements_that_allow_the_same_are_all_named(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, "b", id='"b"'), load(SEARCH + SCORE, "a", id='"a"')])
    decided_by = book.disclosure(terminal(), wanted(), 5.0, NOW).decided_by
    assert [(by.agreement, by.clause) for by in decided_by] == [
        ("a", "search"),
        ("a", "score"),
        ("b", "search"),
        ("b", "score"),
    ]


def test_level_by_score_and_silence_below(load: Load) -> None:
    four = 'context.score.greaterThanOrEqual(decimal("4.0"))'
    six = 'context.score.greaterThanOrEqual(decimal("6.0"))'
    book = RuleBook([load(SEARCH + see("hit", four) + see("alert", six))])
    assert book.visible(terminal(), [wanted()], NOW) == {wanted()}
    levels = [book.disclosure(terminal(), wanted(), score, NOW).level for score in (3.96, 4.0, 5.99, 6.0, 1e6)]
    assert levels == [Level.NONE, Level.HIT, Level.HIT, Level.ALERT, Level.ALERT]


def test_level_for_low_scores_alone_is_not_visible(load: Load) -> None:
    book = RuleBook([load(SEARCH + see("hit", 'context.score.lessThan(decimal("4.0"))'))])
    assert book.visible(terminal(), [wanted()], NOW) == frozenset()


@pytest.mark.parametrize(
    ("condition", "seen"),
    [
        ('principal.partner == "xa"', True),
        ('principal.partner == "xb"', False),
        ('resource.owner == "xb" && principal.role == "terminal"', True),
        ('resource.category == "missing-person"', False),
        ('resource.action == "inform-officer"', True),
        ('resource.handling.contains("H1")', True),
        ('resource.handling.containsAny(["H3"])', False),
        ('resource.watchlist == "xb-list"', True),
        ('context.purpose == "border-check" && ["border-check"].contains(context.purpose)', True),
        ('"asylum" == context.purpose', False),
        ('context.purpose == "asylum" || context.purpose == "border-check"', True),
        ('!(context.purpose == "asylum")', True),
        ('context.checkpoint like "XA-*"', True),
        ('context.checkpoint like "XB-*"', False),
        ('context has case_reference && context.case_reference like "2026/*"', False),
    ],
)
def test_rules_read_every_attribute(load: Load, condition: str, seen: bool) -> None:
    words = {"actions": '["inform-officer"]', "handling": '["H1", "H3"]', "watchlists": '["xb-list"]'}
    klass = wanted(handling=("H1",))
    book = RuleBook([load(SEARCH + see("hit", condition), **words)])
    assert bool(book.visible(terminal(), [klass], NOW)) is seen
    assert bool(book.disclosure(terminal(), klass, 5.0, NOW).level) is seen


def test_decisions_are_not_shared_between_contexts_that_rules_tell_apart(load: Load) -> None:
    book = RuleBook([load(SEARCH + see("hit", 'context has case_reference && context.case_reference like "2026/*"'))])
    classes = frozenset({wanted()})
    assert book.visible(terminal(), classes, NOW) == frozenset()
    assert book.visible(terminal(case="2026/7"), classes, NOW) == classes
    assert book.visible(terminal(case="2025/7"), classes, NOW) == frozenset()


def test_superseded_version_gives_way_for_good(load: Load) -> None:
    first = load(SEARCH + SCORE)
    second = load(
        SEARCH + see("hit"),
        "second",
        version="2",
        supersedes='["xa-xb@1"]',
        in_force_from="2026-06-01T00:00:00Z",
        in_force_until="2026-09-01T00:00:00Z",
    )
    book = RuleBook([first, second])
    months = [5, 6, 9]
    levels = [
        book.disclosure(terminal(), wanted(), 5.0, datetime(2026, month, 1, tzinfo=UTC)).level for month in months
    ]
    assert levels == [Level.SCORE, Level.HIT, Level.NONE]
    assert [agreement.name for agreement in book.in_force(datetime(2026, 6, 1, tzinfo=UTC))] == ["xa-xb@2"]


def test_two_versions_in_force_together_are_refused(load: Load) -> None:
    first, second = load(SEARCH), load(SEARCH, "second", version="2", in_force_from="2026-06-01T00:00:00Z")
    with pytest.raises(AgreementInvalid, match="in force together with xa-xb@1") as raised:
        RuleBook([first, second])
    assert raised.value.file == "xa-xb@2"
    assert 'supersedes = ["xa-xb@1"]' in raised.value.hint


def test_the_same_version_twice_is_refused(load: Load) -> None:
    with pytest.raises(AgreementInvalid, match="twice") as raised:
        RuleBook([load(SEARCH), load(SEARCH, "again")])
    assert (raised.value.file, raised.value.hint) == ("agreements", "Remove one of the folders.")


def test_an_agreement_cannot_end_one_between_others(load: Load) -> None:
    hostile = load(SEARCH, "hostile", id='"xa-xc"', parties='["xa", "xc"]', supersedes='["xa-xb@1"]')
    with pytest.raises(AgreementInvalid, match="cannot supersede xa-xb@1: not all of its parties") as raised:
        RuleBook([load(SEARCH), hostile])
    assert raised.value.file == "xa-xc@1"


def test_only_the_classes_asked_about_are_answered(samples: RuleBook) -> None:
    classes = {wanted("xa"), wanted("xb"), wanted("xc"), wanted("xb", "unknown")}
    assert samples.visible(terminal(), classes, NOW) == {wanted("xa"), wanted("xb")}
    assert samples.visible(terminal(), [], NOW) == frozenset()
