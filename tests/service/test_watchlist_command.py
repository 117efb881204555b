"""`crosscheck watchlist` as an owner uses it from elsewhere: over HTTP, each request signed with a key of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.errors import CrosscheckError
from models.face import FaceEncoder
from models.weights import ModelStore
from service.commands import watchlist
from service.commands.client import CallFailed
from service.commands.watchlist import commands
from service.identity import Caller
from service.machines.errors import KeyUnusable
from service.machines.keys import PublicKey, make_key_file
from service.machines.register import KeyKind, MachineRegister
from service.roles import Role
from service.settings import BearerTokens
from tests.service.live import LiveNode
from tests.service.node import entry

MOST = 2**16
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, model_store: ModelStore, faces: FaceEncoder) -> Iterator[LiveNode]:
    """A node that takes no tokens at all."""
    settings = {"bearer_tokens": BearerTokens.NEVER, "max_body": MOST}
    node = LiveNode(tmp_path_factory.mktemp("owner") / "node", model_store.folder, faces, settings)
    yield node
    node.stop()


@pytest.fixture
def key(node: LiveNode, tmp_path: Path) -> Path:
    """The private key of a machine of XB that writes entries."""
    file = tmp_path / "xb-writer.key"
    register(node, make_key_file(file), file.parent.name)
    return file


def register(node: LiveNode, public: PublicKey, name: str) -> None:
    machine = Caller("xb", Role.SYNC, name.replace("_", "-").lower())
    MachineRegister(node.runtime.store.engine).add(machine, KeyKind.SIGNATURE, public, node.clock())


@pytest.fixture
def run(node: LiveNode) -> Run:
    """Runs a command against the node, in an environment without any identity."""

    def run(*arguments: str, status: int = 0) -> Result:
        environment = {"CROSSCHECK_URL": node.url, "CROSSCHECK_KEY": None, "CROSSCHECK_TOKEN": None}
        result = CliRunner().invoke(commands, arguments, env=environment)
        if isinstance(result.exception, CrosscheckError):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return run


def file_of(folder: Path, *lines: bytes) -> str:
    file = folder / "entries.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return str(file)


def line(name: str, number: int) -> bytes:
    return json.dumps({"entry_id": name} | entry(finger_number=number)).encode()


def test_an_owner_imports_lists_and_withdraws_with_a_key(run: Run, key: Path, tmp_path: Path) -> None:
    file = file_of(tmp_path, line("E-1", 1), line("E-2", 2))
    imported = run("import", file, "--watchlist", "xb-signed", "--key", str(key), "--json")
    assert json.loads(imported.stdout)["created"] == 2
    run("withdraw", "xb-signed", "E-1", "--key", str(key))
    listed = json.loads(run("list", "--key", str(key), "--json").stdout)
    assert {each["watchlist"]: each["entries"] for each in listed}["xb-signed"] == 1


def test_what_does_not_fit_into_one_request_is_sent_in_several(
    run: Run, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchlist, "BYTES_PER_REQUEST", 2 * len(line("E-1", 1)))
    lines = [line(f"E-{number}", number) for number in range(5)]
    long = b'{"entry_id": "E-9", "note": "' + b"x" * MOST + b'"}'
    command = ("import", file_of(tmp_path, *lines[:3], long, *lines[3:]), "--watchlist", "xb-parts", "--key", str(key))
    imported = run(*command, "--json", status=1)
    assert json.loads(imported.stdout) == {
        "created": 5, "replaced": 0, "unchanged": 0, "refused": 1, "quarantined": [],
    }  # fmt: skip
    assert "line 4: the body is over" in imported.stderr


def test_a_key_counts_before_a_token(run: Run, key: Path) -> None:
    assert "xb-alerts" in run("list", "--key", str(key), "--token", "xck_wrong", "--json").stdout


def test_a_key_that_is_not_registered_is_refused_with_what_to_do(run: Run, tmp_path: Path) -> None:
    make_key_file(tmp_path / "stranger.key")
    with pytest.raises(CallFailed) as refused:
        run("list", "--key", str(tmp_path / "stranger.key"))
    assert (refused.value.status, bool(refused.value.hint)) == (401, True)


def test_a_key_that_others_can_read_signs_nothing(run: Run, key: Path) -> None:
    key.chmod(0o644)
    with pytest.raises(KeyUnusable):
        run("list", "--key", str(key))


def test_without_an_identity_one_is_asked_for(run: Run) -> None:
    with pytest.raises(CallFailed, match="who calls") as refused:
        run("list")
    assert "--key" in refused.value.hint
