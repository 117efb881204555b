"""Agreed cases: read strictly, run against the rules, and what they leave open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watchlists.agreements.conftest import SCORE, SEARCH, Load, Write
from watchlists.agreements.case_runs import CaseResult, run_cases
from watchlists.agreements.cases import CASES_CAP, CASES_FILE, load_cases
from watchlists.agreements.coverage import Remark, remarks
from watchlists.agreements.levels import Level
from watchlists.agreements.load import load_agreement
from watchlists.agreements.matrix import Cell, Direction, Mark, matrix
from watchlists.agreements.samples import SAMPLES, copy_samples
from watchlists.errors import AgreementInvalid

HIT = """\
- case: XA sees the score.
  clause: Art. 1
  asks: {partner: xa, purpose: border-check}
  about: {owner: xb, category: wanted}
  expect: {level: score}
"""
TRANSFER = """\
- case: Nothing is handed on without consent.
  clause: Art. 9
  asks: {partner: xa, purpose: border-check}
  about: {owner: xb, category: wanted}
  deed: transfer
  with: {recipient: xq-police, recipient-country: xq, consent: false}
  expect: {allowed: false}
"""


def run(folder: Path, cases: str) -> tuple[CaseResult, ...]:
    (folder / CASES_FILE).write_text(cases, "utf-8")
    agreement = load_agreement(folder)
    return run_cases(agreement, load_cases(folder, agreement))


def failures(folder: Path, cases: str) -> tuple[str, ...]:
    (result,) = run(folder, cases)
    assert result.passed is (not result.failures)
    return result.failures


def refusal(folder: Path, cases: str) -> AgreementInvalid:
    with pytest.raises(AgreementInvalid) as raised:
        run(folder, cases)
    assert raised.value.file == f"{folder.name}/{CASES_FILE}"
    assert "docs/agreements.md" in raised.value.hint
    return raised.value


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_cases_of_the_samples_hold_and_leave_nothing_open(tmp_path: Path, sample: str) -> None:
    copy_samples(tmp_path / "all")
    folder = tmp_path / "all" / sample
    agreement = load_agreement(folder)
    results = run_cases(agreement, load_cases(folder, agreement))
    assert results
    assert [result.failures for result in results] == [()] * len(results)
    assert list(remarks(agreement, results)) == []


def test_an_agreement_may_be_without_cases(write: Write) -> None:
    folder = write(SEARCH + SCORE)
    assert load_cases(folder, load_agreement(folder)) == ()


def test_a_case_that_holds_and_one_that_does_not(write: Write) -> None:
    folder = write(SEARCH + SCORE)
    assert failures(folder, HIT) == ()
    assert failures(folder, HIT.replace("level: score", "level: hit")) == ("level is score, not hit",)
    assert failures(folder, HIT.replace("level: score", "level: nothing")) == ("level is score, not nothing",)
    (result,) = run(folder, HIT.replace("xb", "xa", 1))
    assert result.case.line == 1
    assert result.case.clauses == ("Art. 1",)
    assert "score: permitted by xa-xb@1 score" in result.reasons


def test_what_is_seen_later_or_silently_must_be_expected(write: Write) -> None:
    folder = write(SEARCH + '@obligations("reviewers(2), silent-alarm")\n' + SCORE)
    assert failures(folder, HIT.replace("level: score", "level: nothing")) == (
        "later is score, not nothing",
        "silent is true, not false",
    )
    assert failures(folder, HIT.replace("level: score", "level: nothing, later: score, silent: true")) == ()


def test_everything_that_can_be_expected_of_a_hit(write: Write) -> None:
    rules = (
        SEARCH
        + '@id("all") @obligations("tlp-red, confirm-within(12 h), downgrade(inform-officer discreet-check)")\n'
        + 'permit (principal, action in [Action::"see alert", Action::"see links"], resource);\n'
        + '@id("flag")\nforbid (principal, action == Action::"take action", resource)\n'
        + 'when { context.action == "inform-officer" && resource.flagged_by.contains(principal.partner) };\n'
    )
    folder = write(rules, actions='["inform-officer", "discreet-check"]')
    case = HIT.replace("category: wanted", "category: wanted, flagged-by: xa")

    def expecting(expectation: str) -> tuple[str, ...]:
        return failures(folder, case.replace("level: score", expectation))

    assert (
        expecting(
            "level: alert, action: discreet-check, handling: tlp-red, duties: [confirm-within(12h), tlp-red], "
            "extras: links, because: [search, all, flag], why: action-forbidden"
        )
        == ()
    )
    assert expecting("level: alert, action: inform-officer") == ("action is discreet-check, not inform-officer",)
    assert expecting("level: alert, handling: []") == ("handling is tlp-red, not none",)
    assert expecting("level: alert, extras: []") == ("extras is links, not none",)
    assert expecting("level: alert, why: forbidden")[0].startswith("why: forbidden is not among action, ")
    assert expecting("level: alert, duties: confirm-within(1 h)")[0].startswith("duties: confirm-within(1 h) is not")
    plain = HIT.replace("level: score", "level: alert, because: flag")
    assert failures(folder, plain) == ("because: flag is not among all, search",)


def test_deeds(write: Write) -> None:
    transfer = (
        '@id("hand-on") @obligations("onward-transfer-by-consent")\n'
        'permit (principal, action == Action::"transfer", resource)\n'
        'when { context.consent && context.recipient_country == "xq" };\n'
    )
    folder = write(SEARCH + transfer, countries='["xq"]', recipients='["xq-police"]')
    assert failures(folder, TRANSFER) == ()
    consented = TRANSFER.replace("consent: false", "consent: true")
    assert failures(folder, consented) == ("allowed is true, not false",)
    allowed = "allowed: true, handling: onward-transfer-by-consent, because: hand-on"
    assert failures(folder, consented.replace("allowed: false", allowed)) == ()
    kept_at_home = consented.replace("category: wanted", "category: wanted, excluded: xq")
    assert failures(folder, kept_at_home) == ()
    assert failures(folder, TRANSFER.replace("allowed: false", "allowed: false, because: hand-on")) == (
        "because: hand-on is not among them: there is none",
    )


def test_codes_of_what_was_seen_count_when_it_is_handed_on(write: Write) -> None:
    seen = '@id("seen")\n@obligations("tlp-red")\npermit (principal, action == Action::"see score", resource);\n'
    transfer = '@id("hand-on")\npermit (principal, action == Action::"transfer", resource);\n'
    folder = write(SEARCH + seen + transfer)
    assert failures(folder, TRANSFER) == ()
    assert failures(folder, TRANSFER.replace("consent: false", "consent: true")) == ("allowed is true, not false",)


def test_carrying_out_an_action(write: Write) -> None:
    never = '@id("no-arrest")\nforbid (principal, action == Action::"take action", resource)\n'
    folder = write(SEARCH + f'{never} when {{ context.action == "arrest" }};\n', actions='["arrest"]')
    act = HIT.replace("  expect", "  deed: take action\n  expect").replace("level: score", "allowed: true")
    assert failures(folder, act) == ()
    arrest = act.replace("  expect", "  with: {action: arrest}\n  expect")
    assert failures(folder, arrest) == ("allowed is false, not true",)
    asked_for = act.replace("category: wanted", "category: wanted, action: arrest")
    assert failures(folder, asked_for.replace("allowed: true", "allowed: false, because: no-arrest")) == ()


def test_entries_that_do_not_go_together(write: Write) -> None:
    folder = write(SEARCH + SCORE, incompatible='[["wanted", "missing-person"]]', compatibility_cites='"Art. 23"')
    enter = """\
- case: Nobody is entered as wanted and as missing.
  clause: Art. 23
  asks: {partner: xb, role: sync}
  about: {owner: xb, category: wanted}
  deed: enter
  with: {others: missing-person}
  expect: {allowed: false, because: compatibility}
"""
    assert failures(folder, enter) == ()
    assert failures(folder, enter.replace("others: missing-person", "faces: 1"))[0] == "allowed is true, not false"
    assert remarks_of(folder, HIT + enter) == []
    assert [(remark.file, remark.text) for remark in remarks_of(folder, HIT)] == [
        ("agreement.toml", "Art. 23 has no case")
    ]


def test_deeds_take_their_words_from_the_case(write: Write) -> None:
    no_dark = (
        '@id("no-dark")\nforbid (principal, action == Action::"enter", resource)\n'
        'when { context.warnings.contains("too-dark") || context.faces + context.fingers == 0 };\n'
    )
    folder = write(SEARCH + no_dark)
    enter = """\
- case: No dark portrait is stored.
  clause: Art. 30
  asks: {partner: xb, role: sync}
  about: {owner: xb, category: wanted}
  deed: enter
  with: {warnings: [too-dark], faces: 1}
  expect: {allowed: false, because: no-dark}
"""
    assert failures(folder, enter) == ()
    assert failures(folder, enter.replace("warnings: [too-dark], faces: 1", "faces: 0")) == ()
    assert failures(folder, enter.replace("warnings: [too-dark], faces: 1", "fingers: 1")) == (
        "allowed is true, not false",
        "because: no-dark is not among them: there is none",
    )


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("authority: police", 'principal.authority == "police"'),
        ("country: xq", 'principal.country == "xq"'),
        ("role: reviewer", 'principal.role == "reviewer"'),
        ("checkpoint: G-7", 'context.checkpoint == "G-7"'),
        ("case-reference: 2026/7", 'context has case_reference && context.case_reference == "2026/7"'),
        ("emergency: true", "context.emergency"),
        ("authorised: true", "context.authorised"),
        ("exercise: true", "context.exercise"),
    ],
)
def test_every_word_about_who_asks_reaches_the_rules(write: Write, words: str, condition: str) -> None:
    head = 'permit (principal, action == Action::"search", resource)'
    search = f'@id("search") @obligations("notify-owner, always-review") {head}'
    folder = write(f"{search} when {{ {condition} }};\n{SCORE}", authorities='["police"]', countries='["xq"]')
    exercise = words.startswith("exercise")
    base = HIT.replace("category: wanted", f"category: wanted, exercise: {str(exercise).lower()}")
    assert failures(folder, base.replace("partner: xa", f"partner: xa, {words}")) == ()
    assert failures(folder, base) == ("level is nothing, not score",)


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("action: arrest", 'resource.action == "arrest"'),
        ("watchlist: most-wanted", 'resource.watchlist == "most-wanted"'),
        ("handling: [h1, h2]", 'resource.handling.containsAll(["h1", "h2"])'),
        ("excluded: xb", 'resource.excluded.contains("xb")'),
        ("flagged-by: [xa]", 'resource.flagged_by.contains("xa")'),
        ("age: minor", 'resource.age == "minor"'),
        ("in-child-interest: true", "resource.in_child_interest"),
        ("gravity: 60", "resource has gravity && resource.gravity > 36"),
        ("contested: true", "resource.contested"),
    ],
)
def test_every_word_about_the_entry_reaches_the_rules(write: Write, words: str, condition: str) -> None:
    rules = f'@id("search")\npermit (principal, action == Action::"search", resource) when {{ {condition} }};\n{SCORE}'
    lists = {"actions": '["arrest"]', "watchlists": '["most-wanted"]', "handling": '["h1", "h2"]'}
    folder = write(rules, **lists)
    assert failures(folder, HIT.replace("category: wanted", f"category: wanted, {words}")) == ()
    assert failures(folder, HIT) == ("level is nothing, not score",)


def test_preconditions_of_a_search(write: Write) -> None:
    rules = '@id("search") @obligations("justify(case-reference justification), quota(9)")\n'
    folder = write(rules + 'permit (principal, action == Action::"search", resource);\n' + SCORE)
    given = HIT.replace("partner: xa", "partner: xa, case-reference: 2026/7, justification: urgent")
    assert failures(folder, given) == ()
    assert failures(folder, HIT.replace("level: score", "level: nothing, why: justification")) == ()
    used_up = given.replace("partner: xa", "partner: xa, quota-used-up: true")
    assert failures(folder, used_up.replace("level: score", "level: nothing, why: quota")) == ()


def test_score_and_moment(write: Write) -> None:
    condition = 'when { context.score.greaterThanOrEqual(decimal("6.0")) }'
    folder = write(SEARCH + SCORE.replace(";", f" {condition};"), in_force_until="2027-01-01T00:00:00Z")
    assert failures(folder, HIT) == ()
    assert failures(folder, f"{HIT}  score: 5.9\n") == ("level is nothing, not score",)
    assert failures(folder, f"{HIT}  at: 2026-12-31T23:59:59Z\n") == ()
    nothing = HIT.replace("level: score", "level: nothing, why: no-agreement")
    assert failures(folder, f"{nothing}  at: 2027-01-01T00:00:00Z\n") == ()
    hidden = HIT.replace("category: wanted", "category: wanted, hidden-until: 2026-06-01T00:00:00Z")
    assert failures(folder, f"{hidden}  at: 2026-06-01T02:00:00+02:00\n") == ()
    assert failures(folder, hidden.replace("level: score", "level: nothing, why: hidden")) == ()


@pytest.mark.parametrize("partner", ["no", "on", "yes", "null", "007"])
def test_words_are_never_taken_for_something_else(write: Write, partner: str) -> None:
    folder = write(SEARCH + SCORE, parties=f'["{partner}", "xb"]')
    assert failures(folder, HIT.replace("xa,", f"{partner},")) == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("partner: xa", "partnr: xa", 3, "unknown key 'asks.partnr'; the known ones are partner, purpose, role"),
        ("expect:", "expects:", 5, "unknown key 'expects'; the known ones are case, clause"),
        ("  clause: Art. 1\n", "", 1, "clause is missing"),
        ("owner: xb, ", "", 4, "about.owner is missing"),
        ("level: score", "level: scores", 5, "expect.level: a level is one of nothing, hit"),
        ("level: score", "level: none", 5, "expect.level: a level is one of nothing, hit"),
        ("level: score", "handling: tlp-red", 1, "of a hit, say the level"),
        ("level: score", "level: score, allowed: true", 1, "of a hit, say the level"),
        ("level: score", "level: score, duties: confrim-within(1 h)", 5, "unknown obligation 'confrim-within'"),
        ("level: score", "level: score, duties: {a: b}", 5, "expect.duties: duties are a list"),
        ("level: score", "level: score, because: scor", 5, "no rule has the id 'scor'"),
        ("level: score", "level: score, why: forbiden", 5, "expect.why: "),
        ("level: score", "level: score, level: hit", 5, "the key 'level' is there twice"),
        ("level: score", "level: [score", 5, "not YAML"),
        (", purpose: border-check", "", 1, "asks: say the purpose"),
        ("partner: xa", "partner: xa, role: terminl", 3, "asks.role: a role is one of auditor"),
        ("partner: xa", "partner: xa, emergency: perhaps", 3, "asks.emergency: "),
        ("partner: xa", "partner: &a xa", 3, "anchors"),
        ("partner: xa", "partner: *a", 3, "anchors"),
        ("partner: xa", "partner: !!str xa", 3, "tags"),
        ("partner: xa", "? [xa] : xb", 3, "a key must be a word"),
        ("partner: xa", "partner: ''", 3, "asks.partner: "),
        ("category: wanted", "category: wanted, age: old", 4, "about.age: "),
        ("category: wanted", "category: wanted, gravity: -1", 4, "about.gravity: "),
        ("category: wanted", "category: wanted, hidden-until: 2026", 4, "about.hidden-until: a moment has date"),
        ("category: wanted", "category: wanted, hidden-until: 2026-01-01T00:00:00", 4, "about.hidden-until: "),
        ("category: wanted", "category: wanted, hidden-until: 9999-12-31T23:59:59Z", 4, "the year must be"),
        ("  expect", "  score: nan\n  expect", 5, "score: "),
        ("  expect", "  score: 101\n  expect", 5, "score: "),
        ("  expect", "  with: {consent: true}\n  expect", 1, "with: consent does not belong to a hit"),
        ("  expect", "  deed: copy\n  expect", 1, "of a deed, say allowed"),
        ("  expect", "  deed: steal\n  expect", 5, "deed: "),
        ("Art. 1", "[]", 2, "clause: "),
        ("XA sees", "XA\u202e sees", 1, "hidden character U+202E"),
        ("XA sees", "[" * 100, 1, "nested more than 8 deep"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write: Write, old: str, new: str, line: int, reason: str) -> None:
    assert old in HIT
    folder = write(SEARCH + SCORE)
    (folder / CASES_FILE).write_text(HIT.replace(old, new, 1), "utf-8")
    with pytest.raises(AgreementInvalid) as raised:
        load_cases(folder, load_agreement(folder))
    assert reason in raised.value.reason
    assert raised.value.line == line


def test_a_deed_is_allowed_or_not_and_has_its_own_words(write: Write) -> None:
    folder = write(SEARCH + SCORE)
    assert "say allowed" in refusal(folder, TRANSFER.replace("allowed: false", "level: hit")).reason
    assert (
        "faces does not belong to transfer"
        in refusal(folder, TRANSFER.replace("consent:", "faces: 1, consent:")).reason
    )


def test_a_second_document_an_empty_file_and_a_huge_one_are_refused(write: Write) -> None:
    folder = write(SEARCH + SCORE)
    assert "second document" in refusal(folder, f"{HIT}---\n{HIT}").reason
    assert "a list of cases" in refusal(folder, "# no case\n").reason
    assert "a list of cases" in refusal(folder, "case: XA sees nothing\n").reason
    (folder / CASES_FILE).write_text("#" * (CASES_CAP + 1), "utf-8")
    with pytest.raises(AgreementInvalid, match="larger than"):
        load_cases(folder, load_agreement(folder))


def remarks_of(folder: Path, cases: str) -> list[Remark]:
    results = run(folder, cases)
    return list(remarks(load_agreement(folder), results))


def test_clauses_without_a_case_and_rules_that_no_case_reaches(write: Write) -> None:
    rules = (
        SEARCH.replace("\n", '@cites("Art. 1")\n', 1)
        + SCORE.replace("\n", '@cites("Art. 2")\n', 1)
        + '@id("asylum")\npermit (principal, action == Action::"see hit", resource) when '
        + '{ context.purpose == "asylum" };\n'
    )
    found = remarks_of(write(rules), HIT)
    assert [(remark.file, remark.line, remark.text) for remark in found] == [
        ("rules.cedar", 3, "Art. 2 has no case"),
        ("rules.cedar", 5, "no case reaches asylum"),
    ]
    assert 'clause: "Art. 2"' in found[0].hint


def test_a_forbid_that_matches_is_reached_and_so_is_one_on_a_deed(write: Write) -> None:
    cap = '@id("cap")\nforbid (principal, action == Action::"see alert", resource);\n'
    no_transfer = '@id("never")\nforbid (principal, action == Action::"transfer", resource);\n'
    assert remarks_of(write(SEARCH + SCORE + cap + no_transfer), HIT + TRANSFER) == []


@pytest.mark.parametrize(
    "condition",
    [
        'context.purpose == "asylum" && context.purpose == "border-check"',
        'resource.owner == "xa" && ["xb"].contains(resource.owner)',
        'principal.role == "terminal" && context.purpose == "asylum" && "reviewer" == principal.role',
    ],
)
def test_a_permit_that_can_never_match(write: Write, condition: str) -> None:
    dead = f'@id("dead")\npermit (principal, action == Action::"see alert", resource) when {{ {condition} }};\n'
    found = remarks_of(write(SEARCH + SCORE + dead), HIT)
    assert [remark.text.split(":")[0] for remark in found] == ["dead can never match"]


def test_a_level_that_nobody_may_search_for(write: Write) -> None:
    search = SEARCH.replace(";", ' when { principal.role == "terminal" };')
    alert = '@id("alert")\npermit (principal, action == Action::"see alert", resource)'
    folder = write(search + SCORE + f'{alert} when {{ principal.role == "reviewer" }};\n')
    assert "no permit to search is for the same requests" in remarks_of(folder, HIT)[0].text


def test_a_word_that_is_not_listed_makes_no_case_of_silence(write: Write) -> None:
    folder = write(SEARCH + SCORE)
    misspelt = HIT.replace("border-check", "boarder-check").replace("level: score", "level: nothing")
    found = [remark for remark in remarks_of(folder, HIT + misspelt) if remark.file == CASES_FILE]
    assert [(remark.line, remark.text.split(",")[0]) for remark in found] == [
        (6, "the purpose 'boarder-check' is not one of agreement.toml")
    ]
    meant = misspelt.replace("level: nothing", "level: nothing, why: purpose-not-listed")
    assert remarks_of(folder, HIT + meant) == []


def cells(load: Load, rules: str, **overrides: str) -> dict[str, Cell]:
    """The cell of wanted persons at the border, by direction."""
    found = matrix(load(rules, **overrides))
    return {str(each): values["border-check", "wanted"] for directions, values in found for each in directions}


def test_the_matrix_shows_each_direction_at_once_and_later(load: Load) -> None:
    rules = (
        SEARCH
        + '@id("hit")\npermit (principal, action == Action::"see hit", resource);\n'
        + '@id("alert") @obligations("reviewers(1)")\npermit (principal, action == Action::"see alert", resource)\n'
        + 'when { principal.partner == "xa" && resource.owner == "xb" };\n'
        + '@id("own")\nforbid (principal, action, resource) when { principal.partner == resource.owner };\n'
    )
    nothing = Cell(Level.NONE, Level.NONE)
    assert cells(load, rules) == {
        "xa about its own": nothing,
        "xb about its own": nothing,
        "xa about xb": Cell(Level.HIT, Level.ALERT),
        "xb about xa": Cell(Level.HIT, Level.HIT),
    }


def test_the_matrix_marks_what_else_holds(load: Load) -> None:
    rules = (
        '@id("search") @obligations("justify(case-reference), quota(9), owner-authorisation")\n'
        'permit (principal, action == Action::"search", resource);\n' + '@obligations("silent-alarm")\n' + SCORE
    )
    compare = (
        '@id("compare")\npermit (principal, action in [Action::"compare face", Action::"compare fingers"], resource)\n'
        'when { principal.role == "reviewer" };\n'
    )
    without = frozenset(Mark) - {Mark.FACE, Mark.FINGERS}
    assert cells(load, rules)["xa about xb"] == Cell(Level.SCORE, Level.SCORE, without)
    assert cells(load, rules + compare, folder="compared")["xa about xb"] == Cell(
        Level.SCORE, Level.SCORE, frozenset(Mark)
    )


def test_the_matrix_tells_authorities_apart(load: Load) -> None:
    police = SCORE.replace(";", ' when { principal.authority == "police" };')
    found = cells(load, SEARCH + police, authorities='["police"]')
    assert found["xa (police) about xb"].at_once is Level.SCORE
    assert found["xa about xb"].at_once is Level.NONE


def test_directions_with_equal_cells_stand_together(load: Load) -> None:
    ((directions, found),) = matrix(load(SEARCH + SCORE))
    assert set(directions) == {Direction(asker, owner) for asker in ("xa", "xb") for owner in ("xa", "xb")}
    assert {purpose for purpose, _ in found} == {"border-check", "asylum"}
    assert {category for _, category in found} == {"wanted", "missing-person"}
