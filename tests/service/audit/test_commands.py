"""`crosscheck audit` as an operator, a partner and a court use it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.errors import CrosscheckError
from service.commands.audit import commands
from tests.service.node import Node

WRONG = 5


@pytest.fixture(scope="module")
def audited(shared_node: Node) -> Iterator[Node]:
    """A node with events of both partners; commands work on its data folder."""
    before = os.environ.get("CROSSCHECK_HOME")
    os.environ["CROSSCHECK_HOME"] = str(shared_node.home)
    for partner in ("xa", "xb"):
        shared_node.check(partner, finger_number=1)
    yield shared_node
    os.environ.pop("CROSSCHECK_HOME")
    if before is not None:
        os.environ["CROSSCHECK_HOME"] = before


def run(*arguments: object, status: int = 0) -> str:
    result: Result = CliRunner().invoke(commands, [str(each) for each in arguments])
    if isinstance(result.exception, CrosscheckError):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def key(audited: Node, tmp_path: Path) -> Path:
    file = tmp_path / "key.json"
    file.write_text(run("key"))
    return file


@pytest.fixture
def exported(audited: Node, tmp_path: Path) -> Path:
    file = tmp_path / "log.ndjson"
    assert "Wrote" in run("export", file, "--partner", "xa")
    return file


def test_the_log_of_a_node_is_proved(audited: Node) -> None:
    text = run("verify")
    assert "Nothing is wrong with it." in text
    assert "give one with --head" in text
    report = json.loads(run("verify", "--json", "--quick"))
    assert (report["flaw"], report["entries"] > WRONG) == (None, True)


def test_an_exported_log_is_proved_without_the_node(audited: Node, exported: Path, key: Path) -> None:
    assert exported.stat().st_mode & 0o777 == 0o600
    assert "give those that you know with --key" in run("verify", exported)
    report = json.loads(run("verify", exported, "--key", key, "--json"))
    assert (report["flaw"], report["heads"] > 0) == (None, True)
    entries = [json.loads(line) for line in exported.read_text().splitlines()[1:]]
    shown = {entry["partner"] for entry in entries if entry["payload_state"] == "there"}
    hidden = {entry["partner"] for entry in entries if entry["payload_state"] == "withheld"}
    assert (shown, "xb" in hidden, report["withheld"] > 0) == ({"xa"}, True, True)


def flip(lines: list[str]) -> None:
    lines[WRONG] = lines[WRONG].replace('"kind":"', '"kind":"x')


def drop(lines: list[str]) -> None:
    del lines[WRONG]


def swap(lines: list[str]) -> None:
    lines[WRONG], lines[WRONG + 1] = lines[WRONG + 1], lines[WRONG]


def truncate(lines: list[str]) -> None:
    del lines[WRONG:]


def back_date(lines: list[str]) -> None:
    lines[WRONG] = lines[WRONG].replace('"at":"20', '"at":"19', 1)


@pytest.mark.parametrize(
    ("change", "fault"),
    [(flip, "changed"), (drop, "missing"), (swap, "missing"), (truncate, "truncated"), (back_date, "changed")],
)
def test_what_was_done_to_a_file_is_found(
    audited: Node, exported: Path, key: Path, change: Callable[[list[str]], None], fault: str
) -> None:
    lines = exported.read_text().splitlines()
    change(lines)
    exported.write_text("\n".join(lines) + "\n")
    flaw = json.loads(run("verify", exported, "--key", key, "--json", status=1))["flaw"]
    assert (flaw["fault"], flaw["first"]) == (fault, WRONG)
    assert f"BAD ({fault}), first at" in run("verify", exported, "--key", key, status=1)


def test_a_log_is_held_against_a_head_that_was_kept(audited: Node, exported: Path, key: Path, tmp_path: Path) -> None:
    early, late = tmp_path / "early.json", tmp_path / "late.json"
    early.write_text(json.dumps(json.loads(exported.read_text().splitlines()[0])["heads"][-1]))
    audited.check("xa", finger_number=1)
    late.write_text(run("head", "--json"))
    assert run("head").startswith(f"{json.loads(late.read_text())['size']} entries")
    assert "--head" not in run("verify", "--head", early, "--head", late)
    assert "Nothing is wrong" in run("verify", exported, "--key", key, "--head", early)
    assert "BAD (truncated)" in run("verify", exported, "--key", key, "--head", late, status=1)


def test_a_receipt_is_proved_offline(audited: Node, key: Path, tmp_path: Path) -> None:
    answers = [tmp_path / "one.json", tmp_path / "other.json"]
    for file in answers:
        file.write_text(json.dumps(audited.check("xa", finger_number=1)))
    audited.runtime.keep_house()
    receipt = json.loads(answers[0].read_text())["receipt"]
    place = {"leaf": receipt["leaf"], "at": receipt["at"]}
    proof = tmp_path / "proof.json"
    proof.write_text(audited.call("xa-auditor", "GET", "/v1/audit/proof/inclusion", params=place).text)

    assert "Proved: entry" in run("prove", proof, "--key", key, "--receipt", answers[0])
    assert "not that of the receipt" in run("prove", proof, "--key", key, "--receipt", answers[1], status=1)
    assert "Nothing is wrong" in run("verify", "--receipt", answers[0])
    content = json.loads(proof.read_text())
    content["proof"][0] = "0" * 64
    proof.write_text(json.dumps(content))
    assert "Not proved" in run("prove", proof, "--key", key, status=1)
    forged: dict[str, Any] = json.loads(answers[0].read_text())
    forged["receipt"]["leaf"] = "0" * 64
    answers[0].write_text(json.dumps(forged))
    assert "BAD (receipt-forged): a receipt" in run("verify", "--receipt", answers[0], status=1)


def test_a_part_is_proved_to_be_whole_offline(audited: Node, key: Path, tmp_path: Path) -> None:
    audited.runtime.keep_house()
    proof, pages = tmp_path / "part.json", list[Path]()
    proof.write_text(audited.call("xa-auditor", "GET", "/v1/audit/part").text)
    last = 0
    while entries := audited.call("xa-auditor", "GET", f"/v1/audit/events?after={last}&limit=7").json()["entries"]:
        last = entries[-1]["number"]
        pages.append(tmp_path / f"{last}.json")
        pages[-1].write_text(json.dumps({"entries": entries}))
    assert "Whole: " in run("part", proof, *pages, "--key", key)
    assert "Not whole" in run("part", proof, *pages[1:], "--key", key, status=1)
    content = json.loads(proof.read_text())
    content["part"]["size"] -= 1
    proof.write_text(json.dumps(content))
    assert "Not proved" in run("part", proof, *pages, "--key", key, status=1)
    with pytest.raises(CrosscheckError, match="no entries"):
        run("part", proof, key, "--key", key)


def test_witnesses_are_registered_and_withdrawn(audited: Node) -> None:
    public = "ab" * 32
    for _ in range(2):
        run("witness", "add", "xa", public)
    run("witness", "withdraw", "xa", public)
    with pytest.raises(CrosscheckError, match="no such key in force"):
        run("witness", "withdraw", "xa", public)
    with pytest.raises(CrosscheckError, match="64 lower-case"):
        run("witness", "add", "xa", "ab")
    with pytest.raises(CrosscheckError, match="no partner xz"):
        run("witness", "add", "xz", public)


def test_files_of_another_kind_are_refused(audited: Node, exported: Path, key: Path, tmp_path: Path) -> None:
    with pytest.raises(CrosscheckError, match="exported log"):
        run("verify", key)
    with pytest.raises(CrosscheckError, match="lacks a part"):
        run("verify", "--head", key)
    with pytest.raises(CrosscheckError, match="holds no keys"):
        run("verify", "--key", _file(tmp_path, "{}"))
    with pytest.raises(CrosscheckError, match="something else"):
        run("verify", "--head", _file(tmp_path, "[]"))
    with pytest.raises(CrosscheckError, match="as JSON"):
        run("verify", "--receipt", _file(tmp_path, "x"))
    with pytest.raises(CrosscheckError, match="cannot be made"):
        run("export", exported)
    cut = exported.read_text()[:-20]
    with pytest.raises(CrosscheckError, match=r"line \d+ .* cannot be read"):
        run("verify", _file(tmp_path, cut), "--key", key)


def _file(folder: Path, content: str) -> Path:
    file = folder / "other.json"
    file.write_text(content)
    return file
