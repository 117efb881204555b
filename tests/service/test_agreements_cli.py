"""`crosscheck agreements` as a legal adviser and an operator use it, and the caller's own agreements over HTTP."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from service.commands.agreements import commands
from service.identity import Caller
from service.roles import Role
from service.settings import Settings
from service.storage import make_data_folder, open_store
from tests.service.node import Node
from watchlists.agreements.samples import SAMPLES, copy_samples
from watchlists.errors import AgreementInvalid
from watchlists.records import Partner

ASK = ("--partner", "xa", "--owner", "xb", "--purpose", "border-check", "--category", "wanted")
CASES = "xa-xb/cases.yaml"
RULES = "xa-xb/rules.cedar"
WORKED = Path(__file__).parents[2] / "docs" / "agreements"


@pytest.fixture
def agreements(tmp_path: Path) -> Path:
    """A folder with the sample agreements."""
    copy_samples(tmp_path / "agreements")
    return tmp_path / "agreements"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with the sample agreements."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CROSSCHECK_HOME", str(folder))
    make_data_folder(Settings())
    open_store(Settings())
    copy_samples(folder / "agreements")
    return folder


def call(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, env={"COLUMNS": "300"})


def output(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def oblige(agreements: Path, clause: str, obligations: str) -> None:
    cites = f'@cites("{clause}")'
    change(agreements / RULES, cites, f'{cites} @obligations("{obligations}")')


def line_of(file: Path, text: str) -> int:
    return file.read_text("utf-8").split(text)[0].count("\n") + 1


def test_check_says_who_reviews_together(agreements: Path) -> None:
    assert "share the flags" not in output("check", str(agreements / "xa-xb"))
    with (agreements / "xa-xb" / "agreement.toml").open("a", encoding="utf-8") as particulars:
        particulars.write('joint_desk = ["xb", "xa"]\n')
    said = output("check", str(agreements / "xa-xb"))
    assert "Reviewers of xa, xb share the flags that it alone decides on" in said


def test_the_samples_pass_and_show_their_matrix(agreements: Path) -> None:
    shown = output("check", str(agreements))
    assert "11 of 11 cases hold" in shown
    assert "xa, xb about their own: nothing" in shown
    row = next(line for line in shown.splitlines() if line.startswith("│ asylum") and "-" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["asylum", "hit", "-"]
    assert "warning" not in shown


def test_one_folder_or_a_folder_of_them(agreements: Path) -> None:
    checked = json.loads(output("check", str(agreements), "--json"))
    assert checked["passed"] is True
    assert [each["folder"] for each in checked["agreements"]] == sorted(SAMPLES)
    (one,) = json.loads(output("check", str(agreements / "xa-xb"), "--json"))["agreements"]
    assert one["agreement"] == "xa-xb@1"
    assert one["rules_digest"] == hashlib.sha256((agreements / RULES).read_bytes()).hexdigest()
    assert all(case["passed"] for case in one["cases"])
    there = {"asker": "xa", "owner": "xb", "authority": ""}
    back = {"asker": "xb", "owner": "xa", "authority": ""}
    mutual = next(part for part in one["matrix"] if there in part["directions"])
    assert back in mutual["directions"]
    cell = next(cell for cell in mutual["cells"] if (cell["purpose"], cell["category"]) == ("asylum", "wanted"))
    assert (cell["at_once"], cell["later"], cell["marks"]) == ("hit", "hit", [])


def test_a_case_that_does_not_hold_is_named_with_its_line_and_the_rules_reasons(agreements: Path) -> None:
    change(agreements / RULES, 'Action::"see score"', 'Action::"see band"')
    result = call("check", str(agreements))
    assert result.exit_code == 1
    line = line_of(agreements / CASES, "- case: At the border, XA learns")
    assert f"failed {CASES}:{line}: At the border, XA learns of a person wanted by XB" in result.output
    assert "(Art. 3(1), Art. 4(1))" in result.output
    assert "level is band, not score" in result.output
    assert "the rules say: band: permitted by xa-xb@1 border-score (Art. 4(1))" in result.output
    failed = json.loads(call("check", str(agreements), "--json").output)
    assert failed["passed"] is False
    assert [case["failures"] for case in failed["agreements"][1]["cases"] if not case["passed"]] == [
        ["level is band, not score"],
        ["level is band, not score"],
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (RULES, "tlp-amber", "tlp-ambre", "unknown obligation 'tlp-ambre'"),
        (RULES, "principal.role ==", "principal.rank ==", "`rank`"),
        (CASES, "level: score", "level: skore", "a level is one of nothing"),
        (CASES, "partner: xa", "partnr: xa", "unknown key 'asks.partnr'"),
        ("xa-xb/agreement.toml", 'categories = ["wanted', 'categories = [["wanted"], "x', "categories"),
    ],
)
def test_what_is_not_sound_is_named_and_the_others_are_still_checked(
    agreements: Path, file: str, old: str, new: str, reason: str
) -> None:
    change(agreements / file, old, new)
    result = call("check", str(agreements))
    assert result.exit_code == 1
    assert f"error {file}:" in result.output
    assert reason in result.output
    assert "xb-national@1" in result.output
    (error,) = json.loads(call("check", str(agreements), "--json").output)["errors"]
    assert error["file"] == file
    assert error["line"] >= 1
    assert error["hint"]


def test_agreements_that_cannot_be_in_use_together(agreements: Path) -> None:
    shutil.copytree(agreements / "xa-xb", agreements / "xa-xb-two")
    change(agreements / "xa-xb-two" / "agreement.toml", "version = 1", "version = 2")
    result = call("check", str(agreements))
    assert result.exit_code == 1
    assert "in force together with xa-xb@1" in result.output
    assert 'supersedes = ["xa-xb@1"]' in result.output


def test_gaps_are_warned_of_and_do_not_fail(agreements: Path) -> None:
    (agreements / CASES).unlink()
    shown = output("check", str(agreements / "xa-xb"))
    line = line_of(agreements / RULES, '@id("border-score")')
    assert f"warning {RULES}:{line}: Art. 4(1) has no case" in shown
    assert 'Add a case with clause: "Art. 4(1)" to cases.yaml.' in shown
    warnings = json.loads(output("check", str(agreements / "xa-xb"), "--json"))["agreements"][0]["warnings"]
    assert len([warning for warning in warnings if warning["text"].startswith("no case reaches")]) == 6


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    result = call("check", str(tmp_path))
    assert (result.exit_code, "no agreement in this folder" in result.output) == (2, True)


def test_marks_and_later_levels_are_shown(agreements: Path) -> None:
    oblige(agreements, "Art. 3(1)", "justify(case-reference), quota(9)")
    change(agreements / RULES, '"tlp-amber, no-onward-transfer"', '"reviewers(2), silent-alarm"')
    result = call("check", str(agreements / "xa-xb"))
    words = ("- -> score", "[face]", "[fingers]", "[justify]", "[quota]", "[silent]")
    assert [word for word in words if word not in result.output] == []


def test_a_hit_is_explained(home: Path) -> None:
    shown = output("explain", *ASK)
    assert "xa with purpose border-check would see of an entry of xb, wanted: score" in shown
    assert "score: permitted by xa-xb@1 border-score (Art. 4(1))" in shown
    found = json.loads(output("explain", *ASK, "--json"))
    assert (found["outcome"], found["level"], found["later"], found["silent"]) == ("score", "score", None, False)
    assert set(found["handling"]) == {"tlp-amber", "no-onward-transfer"}
    clauses = [clause["cites"] for finding in found["findings"] for clause in finding["clauses"]]
    assert {"Art. 3(1)", "Art. 4(1)", "Art. 5"} == set(clauses)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--purpose", "tourism"), "xa-xb@1 does not list the purpose tourism"),
        (("--category", "stolen-art"), "xa-xb@1 does not list the category stolen-art"),
        (("--partner", "xc"), "no agreement between xb and xc is in force"),
        (("--role", "reviewer"), "no clause permits the search"),
        (("--excluded", "xq", "--excluded", "xa"), "the entry excludes xa"),
        (("--country", "xq", "--excluded", "xq"), "the entry excludes xq"),
        (("--hidden-until", "2990-01-01T00:00:00Z"), "still hidden until 2990-01-01 00:00 UTC"),
        (("--exercise-entry",), "an exercise entry"),
        (("--exercise",), "a live entry"),
        (("--at", "2019-12-31T00:00:00Z"), "xa-xb@1 begins on 2020-01-01 00:00 UTC"),
    ],
)
def test_silence_is_explained(agreements: Path, options: tuple[str, ...], reason: str) -> None:
    shown = output("explain", "--agreements", str(agreements), *ASK, *options)
    assert "nothing" in shown.splitlines()[0]
    assert reason in shown


def test_every_fact_reaches_the_rules(agreements: Path) -> None:
    facts = {
        ("--authority", "police"): 'principal.authority == "police"',
        ("--checkpoint", "G-7"): 'context.checkpoint == "G-7"',
        ("--case-reference", "2026/7"): 'context has case_reference && context.case_reference == "2026/7"',
        ("--authorised",): "context.authorised",
        ("--emergency",): "context.emergency",
        ("--action", "arrest"): 'resource.action == "arrest"',
        ("--watchlist", "most-wanted"): 'resource.watchlist == "most-wanted"',
        ("--handling", "h1"): 'resource.handling.contains("h1")',
        ("--flagged-by", "xa"): 'resource.flagged_by.contains("xa")',
        ("--age", "minor"): 'resource.age == "minor"',
        ("--in-child-interest",): "resource.in_child_interest",
        ("--gravity", "60"): "resource has gravity && resource.gravity == 60",
        ("--contested",): "resource.contested",
    }
    lists = 'actions = ["arrest"]\nwatchlists = ["most-wanted"]\nhandling = ["h1"]\nauthorities = ["police"]\n'
    change(agreements / "xa-xb/agreement.toml", "categories", f"{lists}categories")
    conditions = " && ".join(f"({condition})" for condition in facts.values())
    head = 'permit (principal, action == Action::"see alert", resource)'
    rule = f'@id("all") @obligations("notify-owner, always-review") {head} when {{ {conditions} }};\n'
    (agreements / RULES).write_text((agreements / RULES).read_text("utf-8") + rule, "utf-8")
    command = ("explain", "--agreements", str(agreements / "xa-xb"), *ASK, "--json")
    assert json.loads(output(*command, *sum(facts, ())))["level"] == "alert"
    for left_out in facts:
        rest = sum((options for options in facts if options != left_out), ())
        assert json.loads(output(*command, *rest))["level"] == "score", left_out


def test_a_justification_is_given(agreements: Path) -> None:
    oblige(agreements, "Art. 3(1)", "justify(case-reference justification)")
    command = ("explain", "--agreements", str(agreements), *ASK)
    assert "needs a justification: case-reference, justification" in output(*command)
    assert "needs a justification: justification" in output(*command, "--case-reference", "2026/7")
    assert "wanted: score" in output(*command, "--case-reference", "2026/7", "--justification", "urgent")


def test_a_used_up_quota_is_explained(agreements: Path) -> None:
    command = ("explain", "--agreements", str(agreements), *ASK, "--quota-used-up")
    assert "wanted: score" in output(*command)
    oblige(agreements, "Art. 3(1)", "quota(500)")
    shown = output(*command)
    assert "wanted: nothing" in shown
    assert "the quota of xa for the day is used up" in shown


@pytest.mark.parametrize("screen", [{}, {"COLUMNS": "80", "FORCE_COLOR": "1"}], ids=["file", "terminal"])
def test_tables_keep_their_words(home: Path, screen: dict[str, str]) -> None:
    listed = CliRunner().invoke(commands, ["list"], env=screen).output
    assert all(name in listed for name in ("xa-national@1", "xb-national@1", "in-force"))
    checked = CliRunner().invoke(commands, ["check", str(WORKED / "sis")], env=screen).output
    assert "recorded-material" in checked
    assert "\N{HORIZONTAL ELLIPSIS}" not in listed + checked


def test_the_score_decides_and_the_next_step_is_told(agreements: Path) -> None:
    change(
        agreements / RULES,
        'principal.partner != resource.owner && context.purpose == "border-check" };',
        'context.score.greaterThanOrEqual(decimal("4.0")) };',
    )
    command = ("explain", "--agreements", str(agreements), *ASK, "--score")
    shown = output(*command, "3.2")
    assert "no level at a score of 3.2" in shown
    assert "from a score of 4.0 on: score" in shown
    assert "wanted: score" in output(*command, "4.0")


def test_an_agreement_is_explained_before_it_is_in_force(agreements: Path) -> None:
    change(agreements / "xa-xb/agreement.toml", "2020-01-01", "2990-01-01")
    command = ("explain", "--agreements", str(agreements), *ASK)
    assert "xa-xb@1 begins on 2990-01-01" in output(*command)
    assert "wanted: score" in output(*command, "--draft")


def test_a_moment_needs_a_zone_and_an_unsound_agreement_a_fix(agreements: Path) -> None:
    command = ("explain", "--agreements", str(agreements), *ASK)
    for at in ("2026-01-01", "yesterday"):
        result = call(*command, "--at", at)
        assert (result.exit_code, "date, time and zone" in result.output) == (2, True)
    change(agreements / RULES, "tlp-amber", "tlp-ambre")
    assert isinstance(call(*command).exception, AgreementInvalid)


def test_the_agreements_of_a_node_are_listed(home: Path) -> None:
    listed = {each["agreement"]: each for each in json.loads(output("list", "--json"))}
    assert listed.keys() == {"xa-national@1", "xa-xb@1", "xb-national@1"}
    assert listed["xa-xb@1"] == {
        "agreement": "xa-xb@1",
        "title": "Agreement between XA and XB on biometric checks at the border",
        "parties": ["xa", "xb"],
        "in_force_from": "2020-01-01T00:00:00+00:00",
        "in_force_until": None,
        "status": "in-force",
        "rules_digest": hashlib.sha256((home / "agreements" / RULES).read_bytes()).hexdigest(),
    }
    begins = "in_force_from = 2020-01-01T00:00:00Z"
    ends = begins.replace("from", "until").replace("2020", "2021")
    change(home / "agreements" / "xa-xb/agreement.toml", begins, f"{begins}\n{ends}")
    shown = output("list")
    (row,) = (line for line in shown.splitlines() if "xa-xb@1" in line)
    assert "2021-01-01 00:00 UTC" in row
    assert "ended" in row
    assert listed["xa-xb@1"]["rules_digest"][:12] in row


def test_a_data_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCHECK_HOME", str(tmp_path / "nowhere"))
    for command in (("list",), ("explain", *ASK)):
        assert "crosscheck init" in getattr(call(*command).exception, "hint", "")


def own_agreements(node: Node, who: str) -> dict[str, dict[str, Any]]:
    response = node.call(who, "GET", "/v1/agreements")
    assert response.status_code == 200, response.text
    return {f"{each['id']}@{each['version']}": each for each in response.json()["agreements"]}


@pytest.mark.parametrize("role", ["terminal", "sync", "reviewer", "operator"])
def test_any_role_lists_the_agreements_of_its_partner_and_no_others(node: Node, role: str) -> None:
    assert own_agreements(node, f"xa-{role}").keys() == {"xa-national@1", "xa-xb@1"}
    assert own_agreements(node, f"xb-{role}").keys() == {"xb-national@1", "xa-xb@1"}


def test_a_partner_without_agreements_cannot_tell_that_there_are_any(node: Node) -> None:
    node.runtime.store.add_partner(Partner("xc", "State of XC"))
    stranger = Caller("xc", Role.TERMINAL, "xc-terminal")
    node.access.tokens["xc-terminal"] = node.runtime.authentication.tokens.issue(stranger, node.clock())
    response = node.call("xc-terminal", "GET", "/v1/agreements")
    assert (response.status_code, response.json()) == (200, {"agreements": []})


def test_an_agreement_comes_with_its_rules(node: Node) -> None:
    found = own_agreements(node, "xa-terminal")["xa-xb@1"]
    assert found["title"] == "Agreement between XA and XB on biometric checks at the border"
    assert found["parties"] == ["xa", "xb"]
    assert (found["in_force_from"], found["in_force_until"]) == ("2020-01-01T00:00:00Z", None)
    assert (found["status"], found["supersedes"]) == ("in-force", [])
    assert found["purposes"] == ["asylum", "border-check"]
    assert found["categories"] == ["missing-person", "stolen-document", "wanted"]
    rule = {each["id"]: each for each in found["rules"]}["border-score"]
    assert (rule["cites"], rule["effect"], rule["actions"]) == ("Art. 4(1)", "permit", ["see score"])
    assert rule["obligations"] == ["tlp-amber", "no-onward-transfer"]
    assert rule["text"].startswith('@id("border-score")')


def test_an_agreement_ends_in_the_list_when_it_ends(node: Node) -> None:
    until = (node.clock() + timedelta(hours=1)).isoformat()
    file = node.home / "agreements/xa-xb/agreement.toml"
    change(file, "version = 1", f"version = 1\nin_force_until = {until}")
    node.runtime.rules.reload()
    assert own_agreements(node, "xa-sync")["xa-xb@1"]["status"] == "in-force"
    node.clock.turn(timedelta(hours=2))
    assert own_agreements(node, "xa-sync")["xa-xb@1"]["status"] == "ended"


def test_a_stranger_lists_nothing(node: Node) -> None:
    assert node.client.get("/v1/agreements").status_code == 401
