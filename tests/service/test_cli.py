"""The command line as an operator uses it: real commands on a real data folder, and a service of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models.fingerprint.formats import iso2005
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from models.weights import ModelStore
from service.commands.local_service import local_service
from tests.service.node import base64_of, entry

pytestmark = pytest.mark.slow


class Operator:
    """Runs commands on one data folder."""

    def __init__(self, home: Path, models: Path) -> None:
        self._environment = os.environ | {"CROSSCHECK_HOME": str(home), "CROSSCHECK_MODELS": str(models)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from service.cli import app; app()", *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def output(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture
def operator(tmp_path: Path, model_store: ModelStore) -> Operator:
    return Operator(tmp_path / "home", model_store.folder)


def test_a_new_data_folder_is_sound(operator: Operator) -> None:
    access = json.loads(operator.output("init", "--sample", "--json"))
    assert {"xa-terminal", "xb-terminal", "xa-sync", "xb-sync", "xb-reviewer"} <= access["tokens"].keys()
    assert access["watchlists"].keys() == {"xa", "xb"}
    findings = json.loads(operator.output("doctor", "--deep", "--json"))
    parts = ("models", "data folder", "database", "agreements", "partners", "gallery", "clock")
    deep = ("owner keys", "sealed values", "seals", "change log", "replay", "references", "gallery digest")
    found = {finding["what"]: finding["ok"] for finding in findings}
    assert {what: found[what] for what in (*parts, *deep)} == dict.fromkeys((*parts, *deep), True)
    assert all(found.values())


def test_partners_and_tokens_are_added_listed_and_revoked(operator: Operator) -> None:
    operator.output("init")
    operator.output("partner", "add", "xc", "State of XC", "--country", "xc")
    (partner,) = json.loads(operator.output("partner", "list", "--json"))
    assert partner == {"partner": "xc", "name": "State of XC", "country": "xc"}
    assert operator.output("token", "issue", "xc", "terminal", "xc-gate-1").startswith("xck_")
    operator.output("token", "revoke", "xc-gate-1")
    (record,) = json.loads(operator.output("token", "list", "--json"))
    assert (record["name"], record["role"], bool(record["revoked_at"])) == ("xc-gate-1", "terminal", True)


def test_a_token_is_marked_as_one_for_development(operator: Operator) -> None:
    operator.output("init", "--sample")
    issued = operator.run("token", "issue", "xa", "terminal", "xa-gate-1")
    assert issued.returncode == 0
    assert "For development only" in issued.stderr
    assert len(issued.stdout.split()) == 1
    assert "for development" in operator.output("token", "--help")


def test_a_partner_has_a_country_and_a_token_an_authority(operator: Operator) -> None:
    operator.output("init")
    operator.output("partner", "add", "xc-police", "Police of XC", "--country", "xc")
    operator.output("token", "issue", "xc-police", "terminal", "xc-car-1", "--authority", "police")
    for command, shown in (("partner", {"xc-police", "xc"}), ("token", {"xc-car-1", "xc", "police"})):
        (record,) = json.loads(operator.output(command, "list", "--json"))
        assert shown <= set(record.values())
        assert all(word in operator.output(command, "list") for word in shown)


def test_a_partner_is_not_added_without_its_country(operator: Operator) -> None:
    operator.output("init")
    result = operator.run("partner", "add", "xc-police", "Police of XC")
    assert (result.returncode, "--country" in result.stderr) == (2, True)
    assert json.loads(operator.output("partner", "list", "--json")) == []


def test_a_country_that_no_exclusion_could_name_is_found_and_corrected(operator: Operator) -> None:
    operator.output("init", "--sample")
    operator.output("partner", "add", "xc-police", "Police of XC", "--country", "xc-police")
    (finding,) = (each for each in json.loads(operator.run("doctor", "--json").stdout) if each["what"] == "partners")
    assert (finding["ok"], "xc-police acts for xc-police" in finding["detail"]) == (False, True)
    assert "crosscheck partner country xc-police --country CODE" in finding["hint"]
    operator.output("partner", "country", "xc-police", "--country", "xc")
    countries = {each["partner"]: each["country"] for each in json.loads(operator.output("partner", "list", "--json"))}
    assert countries == {"xa": "xa", "xb": "xb", "xc-police": "xc"}
    assert "partners" in operator.output("doctor")


@pytest.mark.parametrize(
    "arguments",
    [
        ("partner", "add", "xd", "State of XD", "--country", "X D"),
        ("partner", "add", "x" * 65, "State of XD", "--country", "xd"),
        ("partner", "country", "xc", "--country", "XC"),
        ("token", "issue", "xc", "terminal", "xc-gate-1", "--authority", "Border Guard"),
    ],
    ids=["country", "partner", "new country", "authority"],
)
def test_a_code_that_no_agreement_could_name_is_refused(operator: Operator, arguments: tuple[str, ...]) -> None:
    operator.output("init")
    operator.output("partner", "add", "xc", "State of XC", "--country", "xc")
    result = operator.run(*arguments)
    assert (result.returncode, "lower-case letters" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("serve",), "crosscheck init"),
        (("token", "list"), "crosscheck init"),
        (("watchlist", "list", "--token", "x", "--url", "http://127.0.0.1:9"), "crosscheck serve"),
    ],
    ids=["serve", "token", "watchlist"],
)
def test_what_is_missing_is_said_with_what_to_do(operator: Operator, arguments: tuple[str, ...], hint: str) -> None:
    result = operator.run(*arguments)
    assert result.returncode == 2
    assert hint in result.stderr
    assert "Traceback" not in result.stderr


def test_a_data_folder_is_not_overwritten(operator: Operator) -> None:
    operator.output("init")
    result = operator.run("init")
    assert (result.returncode, "never overwritten" in result.stderr) == (2, True)


def test_a_token_needs_a_partner(operator: Operator) -> None:
    operator.output("init")
    result = operator.run("token", "issue", "xz", "terminal", "xz-gate-1")
    assert (result.returncode, "crosscheck partner add" in result.stderr) == (2, True)


def test_a_wrong_model_file_is_refused_at_start(operator: Operator, tmp_path: Path, model_store: ModelStore) -> None:
    copy = tmp_path / "models"
    copy.mkdir()
    for file in model_store.entries():
        (copy / file.file).write_bytes(model_store.path(file.name).read_bytes())
    damaged = copy / model_store.entries()[-1].file
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x00")
    operator.output("init")
    result = Operator(tmp_path / "home", copy).run("serve")
    assert (result.returncode, "crosscheck models prepare" in result.stderr) == (2, True)


def test_a_file_is_imported_into_a_running_service(operator: Operator, tmp_path: Path) -> None:
    lines = [{"entry_id": f"E-{number}"} | entry(finger_number=number) for number in range(3)]
    nothing = {"replaced": 0, "unchanged": 0, "quarantined": []}
    file = tmp_path / "entries.ndjson"
    file.write_text("\n".join(map(json.dumps, [*lines, {"entry_id": "E-9"}])) + "\n")
    with local_service() as service:
        access = ("--token", service.access.tokens["xb-sync"], "--url", service.url)
        command = ("watchlist", "import", str(file), "--watchlist", "xb-new", "--json", *access)
        first, again = operator.run(*command), operator.run(*command)
        assert json.loads(first.stdout) == {"created": 3, "refused": 1, **nothing}
        assert "line 4" in first.stderr
        assert json.loads(again.stdout) == {"created": 0, "refused": 1, **nothing, "unchanged": 3}
        ambiguous = operator.run("watchlist", "import", str(file), *access)
        assert (ambiguous.returncode, "--watchlist" in ambiguous.stderr) == (2, True)
        assert "E-1 is withdrawn" in operator.output("watchlist", "withdraw", "xb-new", "E-1", *access)
        absent = operator.run("watchlist", "withdraw", "xb-new", "E-1", *access)
        assert (absent.returncode, "entry" in absent.stderr) == (2, True)
        listed = json.loads(operator.output("watchlist", "list", "--json", *access))
    assert {item["watchlist"]: item["entries"] for item in listed} == {"xb-alerts": 0, "xb-new": 2}


def test_an_import_may_assume_a_resolution_for_all_fingerprints(operator: Operator, tmp_path: Path) -> None:
    record = iso2005.read_record(synthetic_template(1, 0, Position.RIGHT_INDEX))
    wrong = base64_of(iso2005.write_record(replace(record, x_resolution=99, y_resolution=99)))
    file = tmp_path / "entries.ndjson"
    lines = [json.dumps({"entry_id": "E-1"} | entry(fingerprints=[{"template": wrong}])), "{broken"]
    file.write_text("\n".join(lines) + "\n")
    with local_service() as service:
        access = ("--token", service.access.tokens["xb-sync"], "--url", service.url)
        command = ("watchlist", "import", str(file), "--watchlist", "xb-new", "--json", *access)
        believed, repaired = operator.run(*command), operator.run(*command, "--assume-ppi", "500")
    assert json.loads(believed.stdout) == {"created": 0, "replaced": 0, "unchanged": 0, "refused": 2, "quarantined": []}
    assert json.loads(repaired.stdout) == {"created": 1, "replaced": 0, "unchanged": 0, "refused": 1, "quarantined": []}


def test_the_demo_comes_out_as_it_must(operator: Operator) -> None:
    assert "Every check came out as it must." in operator.output("demo", "--once")
