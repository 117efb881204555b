"""Nothing is disclosed unless a sound clause in force says so, and from outside every refusal looks the same."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.watchlists.agreements.conftest import NOW, SCORE, SEARCH, Load, Write, terminal, wanted
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import NOTHING
from watchlists.agreements.facts import Request
from watchlists.agreements.holder import RuleBookHolder
from watchlists.agreements.levels import Level
from watchlists.agreements.load import load_agreement, load_agreements
from watchlists.errors import AgreementInvalid
from watchlists.records import VisibilityClass


def assert_nothing(book: RuleBook, request: Request, klass: VisibilityClass, now: datetime = NOW) -> None:
    assert book.visible(request, [klass], now) == frozenset()
    assert book.disclosure(request, klass, 9.0, now) == NOTHING


def assert_score(book: RuleBook, request: Request, klass: VisibilityClass, now: datetime = NOW) -> None:
    assert book.visible(request, [klass], now) == {klass}
    assert book.disclosure(request, klass, 9.0, now).level is Level.SCORE


def test_no_agreement() -> None:
    assert_nothing(RuleBook(), terminal(), wanted())


def test_own_alerts_need_an_agreement_too(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, parties='["xb"]')])
    assert_nothing(book, terminal("xa"), wanted("xa"))
    assert_score(book, terminal("xb"), wanted("xb"))


def test_in_force_from_its_first_moment_until_before_its_last(load: Load) -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    book = RuleBook([load(SEARCH + SCORE, in_force_until="2026-12-01T00:00:00Z")])
    instant = timedelta(microseconds=1)
    assert_nothing(book, terminal(), wanted(), begin - instant)
    assert_score(book, terminal(), wanted(), begin)
    assert_score(book, terminal(), wanted(), end - instant)
    assert_nothing(book, terminal(), wanted(), end)


def test_expiry_counts_even_when_the_answer_was_remembered(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE, in_force_until="2026-12-01T00:00:00Z")])
    classes = frozenset({wanted()})
    assert book.visible(terminal(), classes, NOW) == classes
    assert book.visible(terminal(), classes, datetime(2026, 12, 1, tzinfo=UTC)) == frozenset()
    assert book.visible(terminal(), classes, NOW) == classes


def test_a_moment_without_time_zone_is_refused(load: Load) -> None:
    book = RuleBook([load(SEARCH + SCORE)])
    with pytest.raises(ValueError, match="time zone"):
        book.visible(terminal(), [wanted()], datetime(2026, 6, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        book.disclosure(terminal(), wanted(), 9.0, datetime(2026, 6, 1))  # noqa: DTZ001


@pytest.mark.parametrize("purpose", ["tourism", "", "BORDER-CHECK", "border-check ", "border-check\0", "\ud800"])
def test_wrong_purpose(load: Load, purpose: str) -> None:
    assert_nothing(RuleBook([load(SEARCH + SCORE)]), terminal(purpose=purpose), wanted())


def test_purpose_and_category_that_are_not_listed_are_not_permitted_even_by_a_rule_without_conditions(
    load: Load,
) -> None:
    book = RuleBook([load(SEARCH + SCORE, purposes='["asylum"]', categories='["wanted"]')])
    assert_score(book, terminal(purpose="asylum"), wanted())
    assert_nothing(book, terminal(purpose="border-check"), wanted())
    assert_nothing(book, terminal(purpose="asylum"), wanted(category="missing-person"))


def test_purpose_of_another_agreement_is_not_borrowed(load: Load) -> None:
    other = load(SEARCH + SCORE, "other", id='"xa-xc"', parties='["xa", "xc"]', purposes='["visa"]')
    assert_nothing(RuleBook([load(SEARCH + SCORE), other]), terminal(purpose="visa"), wanted())


def test_unknown_category(load: Load) -> None:
    assert_nothing(RuleBook([load(SEARCH + SCORE)]), terminal(), wanted(category="stolen-art"))


@pytest.mark.parametrize("role", ["reviewer", "sync", "auditor", "operator", "", "Terminal"])
def test_wrong_role(samples: RuleBook, role: str) -> None:
    assert_nothing(samples, terminal(role=role), wanted("xb"))
    assert_nothing(samples, terminal(role=role), wanted("xa"))


def test_third_partner(samples: RuleBook) -> None:
    assert_nothing(samples, terminal("xc"), wanted("xa"))
    assert_nothing(samples, terminal("xa"), wanted("xc"))
    assert_nothing(samples, terminal("xc"), wanted("xc"))


def test_no_partner_is_reached_through_another(load: Load) -> None:
    ab = load(SEARCH + SCORE)
    bc = load(SEARCH + SCORE, "bc", id='"xb-xc"', parties='["xb", "xc"]')
    book = RuleBook([ab, bc])
    assert_score(book, terminal("xa"), wanted("xb"))
    assert_score(book, terminal("xb"), wanted("xc"))
    assert_nothing(book, terminal("xa"), wanted("xc"))


@pytest.mark.parametrize("rules", [SEARCH, SCORE])
def test_search_without_level_and_level_without_search(load: Load, rules: str) -> None:
    assert_nothing(RuleBook([load(rules)]), terminal(), wanted())


def test_search_and_level_of_different_agreements_do_not_add_up(load: Load) -> None:
    book = RuleBook([load(SEARCH, "one", id='"one"'), load(SCORE, "two", id='"two"')])
    assert_nothing(book, terminal(), wanted())


def test_forbid_on_a_missing_attribute_refuses_the_agreement(load: Load) -> None:
    forbid = '@id("no")\nforbid (principal, action, resource) when { context.case_reference == "7" };'
    with pytest.raises(AgreementInvalid, match="optional attribute `case_reference`"):
        load(SEARCH + SCORE + forbid)


def test_forbid_that_tests_for_the_attribute_first_is_kept(load: Load) -> None:
    forbid = '@id("no")\nforbid (principal, action, resource) unless { context has case_reference };'
    book = RuleBook([load(SEARCH + SCORE + forbid)])
    assert_nothing(book, terminal(), wanted())
    assert_score(book, terminal(case="2026/7"), wanted())


@pytest.mark.parametrize("action", ["search", "see hit", "see score"])
@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_rule_that_fails_at_run_time_denies_and_is_logged_without_values(
    load: Load, caplog: pytest.LogCaptureFixture, action: str, effect: str
) -> None:
    fails = "when { if context has case_reference then 9223372036854775807 + 1 == 0 else false }"
    rule = f'@id("fails")\n{effect} (principal, action == Action::"{action}", resource) {fails};'
    book = RuleBook([load(SEARCH + SCORE + rule)])
    assert_score(book, terminal(), wanted())
    assert not caplog.records
    with caplog.at_level(logging.ERROR):
        assert_nothing(book, terminal(case="secret-case"), wanted())
    assert "xa-xb@1 fails" in caplog.text
    assert "secret-case" not in caplog.text
    assert "9223372036854775807" not in caplog.text


def test_fault_in_one_agreement_denies_what_another_permits(load: Load) -> None:
    fails = '@id("fails")\nforbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };'
    sound = load(SEARCH + SCORE, "sound")
    broken = load(SEARCH + fails, "broken", id='"xa-xb-more"')
    assert_score(RuleBook([sound]), terminal(), wanted())
    assert_nothing(RuleBook([sound, broken]), terminal(), wanted())


def test_request_that_cedar_cannot_read_denies(load: Load) -> None:
    reads_case = '@id("no")\nforbid (principal, action, resource) when { context has case_reference && false };'
    book = RuleBook([load(SEARCH + SCORE + reads_case)])
    assert_nothing(book, terminal(case="\ud800"), wanted())
    assert_nothing(book, terminal(role="\ud800"), wanted())
    assert_nothing(book, terminal(), wanted(handling=("\ud800",)))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_score_that_is_no_number_is_refused(samples: RuleBook, score: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        samples.disclosure(terminal(), wanted(), score, NOW)


def test_one_broken_folder_refuses_all(write: Write, tmp_path: Path) -> None:
    write(SEARCH + SCORE, "good")
    write("permit (principal", "broken")
    with pytest.raises(AgreementInvalid, match=r"broken/rules\.cedar:1"):
        load_agreements(tmp_path)


def test_unknown_obligation_refuses_the_agreement(load: Load) -> None:
    rule = (
        '@id("x")\n@obligations("tlp-amber, tell-nobody")\npermit (principal, action == Action::"see hit", resource);'
    )
    with pytest.raises(AgreementInvalid, match="unknown obligation 'tell-nobody'"):
        load(SEARCH + rule)


def test_reload_that_fails_leaves_the_rule_book_in_use(write: Write, tmp_path: Path) -> None:
    folder = write(SEARCH + SCORE)
    holder = RuleBookHolder(tmp_path)
    before = holder.current
    (folder / "rules.cedar").write_text(SEARCH + SCORE + "forbid", "utf-8")
    with pytest.raises(AgreementInvalid):
        holder.reload()
    assert holder.current is before
    assert_score(holder.current, terminal(), wanted())
    (folder / "rules.cedar").write_text(SEARCH, "utf-8")
    assert holder.reload() is holder.current
    assert_nothing(holder.current, terminal(), wanted())
    assert_score(before, terminal(), wanted())


def test_every_refusal_looks_the_same(load: Load, write: Write) -> None:
    expired = load_agreement(write(SEARCH + SCORE, "expired", in_force_until="2026-02-01T00:00:00Z"))
    books = [RuleBook(), RuleBook([expired]), RuleBook([load(SEARCH)])]
    requests = [terminal(), terminal("xc"), terminal(purpose="tourism"), terminal(role="sync")]
    answers = {book.disclosure(request, wanted(), 9.0, NOW) for book in books for request in requests}
    assert answers == {NOTHING}
