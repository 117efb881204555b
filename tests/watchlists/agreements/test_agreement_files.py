"""Folders of agreements: what is refused when they are loaded, and how plainly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.watchlists.agreements.conftest import SEARCH, Load, Write
from watchlists.agreements.duties import Duty, Obligation
from watchlists.agreements.load import load_agreement, load_agreements
from watchlists.agreements.obligations import SPECIFICATIONS, parse_obligations
from watchlists.agreements.samples import SAMPLES, copy_samples
from watchlists.agreements.vocabulary import ROLES
from watchlists.errors import AgreementInvalid
from watchlists.records import Age

HIT = 'permit (principal, action == Action::"see hit", resource)'


def test_particulars(load: Load) -> None:
    agreement = load(SEARCH, version="4", in_force_until="2027-01-01T00:00:00+01:00", supersedes='["xa-xb@3"]')
    assert agreement.name == "xa-xb@4"
    assert agreement.parties == {"xa", "xb"}
    assert agreement.supersedes == {"xa-xb@3"}
    assert agreement.in_force_until is not None
    assert agreement.in_force_until.isoformat() == "2027-01-01T00:00:00+01:00"


def test_policies_keep_their_place_annotations_and_effect(load: Load) -> None:
    hit_rule = f'@id("hit") // "; here\n@cites("Art. 5(2); a")\n@obligations("tlp-red, europol-h3")\n{HIT};\n// end'
    rules = f'// heading; "not a string\n\n{SEARCH}\n{hit_rule}'
    search, hit = load(rules).policies
    assert (search.id, search.line, search.cites, search.duties) == ("search", 3, None, ())
    assert (hit.id, hit.line, hit.cites) == ("hit", 6, "Art. 5(2); a")
    assert hit.duties == (Duty(Obligation.TLP_RED), Duty(Obligation.EUROPOL_H3))
    assert hit.actions == {"see hit"}


@pytest.mark.parametrize(
    ("rules", "line", "reason"),
    [
        ("", None, "no rule"),
        ("// only a comment", None, "no rule"),
        (f"{SEARCH}\n\npermit (principal, acton, resource);", 5, "not a Cedar policy"),
        (f"{SEARCH}\n{HIT}", 4, "not a Cedar policy"),
        (f"{SEARCH}{HIT};", 3, "needs its own @id"),
        (f'{SEARCH}@id("")\n{HIT};', 3, "needs its own @id"),
        (f'{SEARCH}@id("a b")\n{HIT};', 3, "needs its own @id"),
        (f'{SEARCH}@id("search")\n{HIT};', 3, "already used on line 1"),
        (f'@id("x") @obligation("tlp-red") {HIT};', 1, "unknown annotation @obligation"),
        (f'@id("x") @obligations("") {HIT};', 1, "words with commas between them"),
        (f'@id("x") @obligations("tlp-red,tlp-red") {HIT};', 1, "named twice"),
        ('@id("x") @obligations("tlp-red") forbid (principal, action, resource);', 1, "cannot carry @obligations"),
        ('@id("x") permit (principal, action, resource);', 1, "must name its actions"),
        ('@id("x") permit (principal, action == Action::"see everything", resource);', 1, "unrecognized action"),
        ('@id("x") permit (principal == ?principal, action == Action::"search", resource);', 1, "slot"),
        (
            '@id("x") permit (principal == Requester::"xa", action == Action::"search", resource);',
            1,
            "head may not name",
        ),
        ('@id("x") forbid (principal, action, resource in Alert::"a");', 1, "head may not name"),
        (f'@id("x") {HIT} when {{ resource == Alert::"a" }};', 1, "no Alert can be named"),
        (f'@id("x") {HIT} when {{ context.reason == "a" }};', 1, "`reason`"),
        (f'@id("x") {HIT} when {{ context.purpose == 1 }};', 1, "not compatible"),
        (
            f'@id("x") {HIT} when {{ context.purpose == "border-chek" }};',
            1,
            "'border-chek', which agreement.toml does not",
        ),
        (f'@id("x") {HIT} when {{ ["border-check", "asilum"].contains(context.purpose) }};', 1, "'asilum'"),
        (f'@id("x") {HIT} when {{ "visa" != context.purpose }};', 1, "'visa'"),
        (f'@id("x") {HIT} unless {{ resource.category == "wnated" }};', 1, "'wnated'"),
        (f'@id("x") {HIT} when {{ resource["owner"] == "xc" }};', 1, "'xc'"),
        (f'@id("x") {HIT} when {{ principal.partner == "xd" }};', 1, "'xd'"),
        (f'@id("x") {HIT} when {{ principal.role == "admin" }};', 1, "'admin'"),
        (f'@id("x") {HIT} when {{ resource.action == "arrest" }};', 1, "'arrest'"),
        (f'@id("x") {HIT} when {{ resource.handling.containsAll(["tlp-rde"]) }};', 1, "'tlp-rde'"),
        (f'@id("x") {HIT} when {{ resource.watchlist == "list" }};', 1, "'list'"),
        (f'@id("x") {HIT} when {{ context.purpose like "border*" }};', 1, "by pattern"),
        (f'@id("x") {HIT} when {{ {{"like": 1}} == {{"like": 1}} }};', 1, "records"),
        (f'@id("x") {HIT} when {{ (if context has score then "a" else "b") == context.purpose }};', 1, "'b'"),
        (f'@id("x") {HIT} when {{ {"(" * 2000}true{")" * 2000} }};', 1, "nested more than 32 deep"),
        (f'@id("x") {HIT} when {{ {"[" * 33}"a"{"]" * 33} == "(" }};', 1, "nested more than 32 deep"),
        (f'@id("x") {HIT} when {{ {" + ".join(["1"] * 2000)} == 2 }};', 1, "chains too many"),
        (f'@id("x") {HIT} when {{ {"if true then true else " * 8000} true }};', 1, "longer than"),
        (f'@id("x") // \u202e\n{HIT};', 1, r"hidden character U\+202E"),
        (f'@id("x") {HIT}; // \u2028@id("y") forbid (principal, action, resource);', 1, r"hidden character U\+2028"),
        (f'@id("x") {HIT} when {{ context.purpose == "wаnted" }};', 1, "does not list"),  # a Cyrillic a
    ],
)
def test_unsound_rules_are_refused_with_their_line(load: Load, rules: str, line: int | None, reason: str) -> None:
    with pytest.raises(AgreementInvalid, match=reason) as raised:
        load(rules)
    assert raised.value.file == "test/rules.cedar"
    assert raised.value.line == line


@pytest.mark.parametrize(
    ("condition", "reason", "hint"),
    [
        ('resource.age == "under-13"', "compared with 'under-13', which is none of its words", ", ".join(sorted(Age))),
        ('principal.role == "admin"', "'admin', which is none of its words", ", ".join(sorted(ROLES))),
        ('context.purpose == "visa"', "agreement.toml does not list", "`purposes` .* lists asylum, border-check"),
        ('resource.owner == "xc"', "agreement.toml does not list", "`parties` .* lists xa, xb"),
        ('resource.watchlist == "w"', "agreement.toml does not list", "`watchlists` .* lists nothing"),
        ('resource == resource && context.purpose like "a*"', "by pattern", "Name the words"),
    ],
)
def test_a_wrong_word_is_answered_with_the_words_there_are(load: Load, condition: str, reason: str, hint: str) -> None:
    with pytest.raises(AgreementInvalid, match=reason) as raised:
        load(f'@id("x") {HIT} when {{ {condition} }};')
    assert re.search(hint, raised.value.hint)


def test_a_wrong_word_in_a_chain_is_answered_with_the_actions_there_are(load: Load) -> None:
    with pytest.raises(AgreementInvalid, match="downgrade names 'locate', which") as raised:
        load(f'@id("x") @obligations("downgrade(arrest locate)") {HIT};', actions='["arrest"]')
    assert "`actions` in agreement.toml, which lists arrest." in raised.value.hint


def test_what_the_quality_check_warns_of_is_listed(load: Load) -> None:
    head = '@id("x") forbid (principal, action == Action::"enter", resource)'
    with pytest.raises(AgreementInvalid, match="'too-drak', which is none of its words") as raised:
        load(head + ' when { context.warnings.contains("too-drak") };')
    assert "too-dark" in raised.value.hint


@pytest.mark.parametrize(
    ("overrides", "line", "reason"),
    [
        ({"id": '"XA XB"'}, 1, "id: "),
        ({"id": '"-xa"'}, 1, "id: "),
        ({"title": '""'}, 2, "title: "),
        ({"parties": "[]"}, 3, "parties: "),
        ({"parties": '["xa", "XB"]'}, 3, "parties: "),
        ({"version": "0"}, 4, "version: "),
        ({"version": '"1"'}, 4, "version: "),
        ({"in_force_from": "2026-01-01T00:00:00"}, 5, "in_force_from: .*timezone"),
        ({"in_force_until": "2026-01-01T00:00:00Z"}, 8, "in_force_until is not after"),
        ({"purposes": "[]"}, 6, "purposes: "),
        ({"purposes": '["Border Check"]'}, 6, "purposes: "),
        ({"purposes": None}, None, "purposes: Field required"),
        ({"categories": None}, None, "categories: Field required"),
        ({"supersedes": '["xa-xb"]'}, 8, "supersedes: "),
        ({"in_force_untill": "2027-01-01T00:00:00Z"}, 8, "in_force_untill: Extra"),
        ({"version": ""}, None, "is not TOML: .*line 4"),
        ({"purposes": "[" * 5000 + "]" * 5000}, None, "nested too deep"),
    ],
)
def test_unsound_particulars_are_refused(
    load: Load, overrides: dict[str, str | None], line: int | None, reason: str
) -> None:
    with pytest.raises(AgreementInvalid, match=reason) as raised:
        load(SEARCH, **overrides)
    assert raised.value.file == "test/agreement.toml"
    assert raised.value.line == line


@pytest.mark.parametrize("name", ["agreement.toml", "rules.cedar"])
def test_missing_unreadable_and_overlong_files(write: Write, name: str) -> None:
    folder = write(SEARCH)
    (folder / name).write_bytes(b"# one\n\xff")
    with pytest.raises(AgreementInvalid, match=f"{name}:2: is not UTF-8"):
        load_agreement(folder)
    (folder / name).write_bytes(b"/" * ((1 << 20) + 1))
    with pytest.raises(AgreementInvalid, match="larger than"):
        load_agreement(folder)
    (folder / name).unlink()
    with pytest.raises(AgreementInvalid, match=f"{name}: cannot be read") as raised:
        load_agreement(folder)
    assert "agreement.toml and rules.cedar" in raised.value.hint


def test_folders_are_loaded_by_name_and_hidden_ones_are_left_out(write: Write, tmp_path: Path) -> None:
    write(SEARCH, "b", id='"b"')
    write(SEARCH, "a", id='"a"')
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.md").write_text("agreements")
    assert [agreement.id for agreement in load_agreements(tmp_path)] == ["a", "b"]


def test_samples_are_copied_whole_and_never_over_what_is_there(tmp_path: Path) -> None:
    folders = copy_samples(tmp_path)
    assert [folder.name for folder in folders] == list(SAMPLES)
    assert [agreement.name for agreement in load_agreements(tmp_path)] == ["xa-national@1", "xa-xb@1", "xb-national@1"]
    assert all(policy.cites for agreement in load_agreements(tmp_path) for policy in agreement.policies)
    with pytest.raises(FileExistsError):
        copy_samples(tmp_path)


@pytest.mark.parametrize("obligation", list(Obligation))
def test_each_obligation_is_read_as_its_own_help_writes_it(obligation: Obligation) -> None:
    form = SPECIFICATIONS[obligation].form.split(" or ")[0]
    (duty,) = parse_obligations(f" {obligation}{form} ")
    assert duty.obligation is obligation
    assert parse_obligations(str(duty)) == (duty,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("quota", "positive whole number"),
        ("quota(0)", "positive whole number"),
        ("reviewers(3)", "one or two reviewers"),
        ("reviewers(1 waivable)", "one or two reviewers"),
        ("confirm-within(12)", "a duration"),
        ("confirm-within(0 h)", "a duration"),
        ("confirm-within(101 y)", "longer than 100 y"),
        ("silent-alarm(loud)", "takes no value"),
        ("score-form(exact)", "'exact' is not one of"),
        ("fields(shoe_size)", "'shoe_size' is not one of"),
        ("fields(documents documents)", "none twice"),
        ("mask()", "words separated by blanks"),
        ("tlp-red,", "end in a comma"),
        ("tlp-red tlp-amber", "words with commas"),
    ],
)
def test_obligation_with_a_wrong_value_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_obligations(text)


def test_obligation_where_nobody_would_look_for_it_is_refused(load: Load) -> None:
    with pytest.raises(AgreementInvalid, match='quota has no effect here; it may stand on "search"'):
        load(f'@id("x")\n@obligations("quota(5)")\n{HIT};')


def test_brackets_in_words_and_comments_do_not_nest(load: Load) -> None:
    rule = f'@id("x") {HIT} // {"(" * 99}\nwhen {{ context.checkpoint != "{"(" * 99}" }};'
    assert [policy.id for policy in load(rule).policies] == ["x"]


def test_a_joint_desk_is_of_parties(load: Load) -> None:
    assert load(SEARCH).joint_desk == frozenset()
    assert load(SEARCH, "joint", joint_desk='["xa", "xb"]').joint_desk == {"xa", "xb"}


@pytest.mark.parametrize(
    "changed",
    [
        {"joint_desk": '["xa", "xb"]'},
        {"title": '"Another"'},
        {"in_force_from": "2021-01-01T00:00:00Z"},
        {"in_force_until": "2099-01-01T00:00:00Z"},
        {"supersedes": '["older@1"]'},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_is_agreed_otherwise_makes_another_whole_and_decides_the_same(
    load: Load, changed: dict[str, str]
) -> None:
    one, same, other = load(SEARCH, "one"), load(SEARCH, "same"), load(SEARCH, "other", **changed)
    assert one.text == other.text
    assert one.whole != other.whole
    assert one.whole == same.whole


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ('["xa", "xz"]', "'xz', which is not one of the parties"),
        ('["xa", "xa"]', "one party alone"),
        ('["xa"]', "at least 2 items"),
        ("[]", "at least 2 items"),
    ],
)
def test_a_joint_desk_of_others_is_refused(load: Load, names: str, reason: str) -> None:
    with pytest.raises(AgreementInvalid, match=f"joint_desk: .*{reason}") as refused:
        load(SEARCH, joint_desk=names)
    assert "agreement.toml:" in refused.value.detail
