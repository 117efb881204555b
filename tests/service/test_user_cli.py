"""`crosscheck user` as an operator uses it, on a real data folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.commands.sample import add_sample
from service.commands.user import commands
from service.settings import Settings
from service.storage import make_data_folder, open_store, system_clock
from service.users.errors import UnknownUser


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings = Settings(home=tmp_path / "home")
    make_data_folder(settings)
    add_sample(settings, open_store(settings), system_clock())
    monkeypatch.setenv("CROSSCHECK_HOME", str(settings.home))
    monkeypatch.delenv("CROSSCHECK_DATABASE", raising=False)
    return settings.home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


def output(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_user_is_added_listed_disabled_and_enabled(home: Path) -> None:
    link = output("add", "xa/ada", "reviewer", "auditor", "--authority", "border-guard").strip()
    assert link.startswith("http://localhost:8000/enrol/")
    (found,) = json.loads(output("list", "--json"))
    assert (found["user"], found["roles"], found["state"]) == ("xa/ada", "reviewer auditor", "invited")
    assert (found["authority"], found["app"], found["passkeys"]) == ("border-guard", "no", "0")
    output("disable", "xa/ada")
    assert json.loads(output("list", "--partner", "xa", "--json"))[0]["state"] == "disabled"
    assert output("enable", "xa/ada") == "xa/ada is invited\n"
    assert json.loads(output("list", "--partner", "xb", "--json")) == []
    assert all(word in output("list") for word in ("xa/ada", "invited"))


def test_each_link_is_another_and_leads_to_the_desk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCHECK_DESK_ORIGIN", "https://desk.example")
    links = [
        json.loads(output(*arguments, "--json"))["link"]
        for arguments in (("add", "xa/ada", "reviewer"), ("invite", "xa/ada"), ("reset-second-factor", "xa/ada"))
    ]
    assert len(set(links)) == 3
    assert all(link.startswith("https://desk.example/enrol/") for link in links)


def test_sessions_are_listed_and_ended(home: Path) -> None:
    output("add", "xa/ada", "reviewer")
    assert json.loads(output("sessions", "xa/ada", "--json")) == []
    assert json.loads(output("sign-out", "xa/ada", "--json")) == {"sessions": 0}


def test_a_sample_has_no_users_and_nobody_unknown_is_touched(home: Path) -> None:
    assert json.loads(output("list", "--json")) == []
    for command in ("invite", "disable", "enable", "sessions", "sign-out", "reset-second-factor"):
        assert isinstance(run(command, "xa/nobody").exception, UnknownUser)
    assert run("add", "zz/ada", "reviewer").exit_code != 0
