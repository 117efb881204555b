"""Signed requests: what is accepted, and each way in which one can be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from httpx2 import Response

from service.identity import Caller
from service.machine_schema import spent_nonces
from service.machines.register import KeyKind, MachineRegister
from service.machines.signing import RequestSigner
from service.roles import Role
from tests.service.node import Node, NodeMaker
from tests.service.test_ledger import events, rows

URL = "http://testserver"
MATCH = "/v1/match"


class Terminal:
    """A machine of XA with a key of its own."""

    def __init__(self, node: Node, role: Role = Role.TERMINAL, name: str = "gate-07") -> None:
        self.node = node
        self.key = Ed25519PrivateKey.generate()
        self.signer = RequestSigner(self.key)
        self.register = MachineRegister(node.runtime.store.engine)
        self.register.add(Caller("xa", role, name), KeyKind.SIGNATURE, self.signer.public, node.clock())

    def head(self, method: str, path: str, body: bytes) -> dict[str, str]:
        fields = {"content-type": "application/json"} if body else {}
        return fields | self.signer.headers(method, URL + path, fields, body)

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
        head = self.head(method, path, body) if headers is None else headers
        sent: Response = self.node.client.request(method, path, content=body, headers=head)
        return sent

    def check(self) -> Response:
        return self.send("POST", MATCH, self.body())

    def body(self) -> bytes:
        return json.dumps(self.node.request(finger_number=1)).encode()


@pytest.fixture
def terminal(shared_node: Node) -> Iterator[Terminal]:
    terminal = Terminal(shared_node)
    yield terminal
    if any(key.caller.name == "gate-07" and key.revoked_at is None for key in terminal.register.all()):
        terminal.register.revoke("xa", "gate-07", None, shared_node.clock())


def slug(response: Response) -> str:
    problem = response.json()
    assert problem["hint"]
    return str(problem["type"]).removeprefix("urn:crosscheck:problem:")


def test_a_signed_check_is_answered_in_the_name_of_the_machine(terminal: Terminal) -> None:
    answer = terminal.check()
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] == "no-candidates"


def test_a_signed_check_is_known_again_also_without_its_signature(terminal: Terminal) -> None:
    body = terminal.body()
    signed = [terminal.send("POST", MATCH, body) for _ in range(2)]
    token = {
        "authorization": f"Bearer {terminal.node.access.tokens['xa-terminal']}",
        "content-type": "application/json",
    }
    unsigned = terminal.send("POST", MATCH, body, token)
    assert [answer.status_code for answer in (*signed, unsigned)] == [200, 200, 200]
    assert signed[0].json() == signed[1].json() == unsigned.json()


def test_a_call_without_a_body_signs_its_query(terminal: Terminal) -> None:
    sync = Terminal(terminal.node, Role.SYNC, "xa-writer")
    head = sync.head("GET", "/v1/notices?after=3", b"")
    assert "content-digest" not in head
    assert sync.send("GET", "/v1/notices?after=3", headers=head).status_code == 200
    head = sync.head("GET", "/v1/notices?after=3", b"")
    refused = sync.send("GET", "/v1/notices?after=0", headers=head)
    assert (refused.status_code, slug(refused)) == (401, "signature-wrong")


def test_a_signature_counts_once_also_after_a_restart(make_node: NodeMaker) -> None:
    node = make_node()
    terminal = Terminal(node)
    body = terminal.body()
    head = terminal.head("POST", MATCH, body)
    assert terminal.send("POST", MATCH, body, head).status_code == 200
    for again in (terminal.send, terminal.send):
        refused = again("POST", MATCH, body, head)
        assert (refused.status_code, slug(refused)) == (401, "signature-replayed")
        node.restart()
    assert terminal.send("POST", MATCH, body).status_code == 200  # signed anew, a repeated check has its answer


def test_of_nonces_digests_are_kept_and_only_for_as_long_as_they_matter(make_node: NodeMaker) -> None:
    node = make_node()
    terminal = Terminal(node)
    assert terminal.check().status_code == 200
    assert [set(row) for row in rows(node, spent_nonces)] == [{"digest", "until"}]
    node.clock.turn(timedelta(seconds=85))
    node.runtime.keep_house()
    assert len(rows(node, spent_nonces)) == 1
    node.clock.turn(timedelta(seconds=10))
    node.runtime.keep_house()
    assert rows(node, spent_nonces) == []


def test_the_body_is_the_one_that_was_signed(terminal: Terminal) -> None:
    body = terminal.body()
    head = terminal.head("POST", MATCH, body)
    refused = terminal.send("POST", MATCH, body.replace(b"border-check", b"asylum-check"), head)
    assert (refused.status_code, slug(refused)) == (400, "digest-mismatch")


def test_a_signed_body_is_capped_like_any_other(make_node: NodeMaker) -> None:
    terminal = Terminal(make_node(max_body=2**16))
    body = b" " * (2**16 + 1)
    head = terminal.head("POST", MATCH, body)
    assert slug(terminal.send("POST", MATCH, body, head)) == "body-too-large"
    head = terminal.head("POST", MATCH, body) | {"transfer-encoding": "chunked"}
    parts = (body[start : start + 2**14] for start in range(0, len(body), 2**14))
    undeclared = terminal.node.client.request("POST", MATCH, content=parts, headers=head)
    assert (undeclared.status_code, slug(undeclared)) == (413, "body-too-large")


def test_a_body_that_is_no_json_is_not_parsed_before_its_digest_is_right(terminal: Terminal) -> None:
    head = terminal.head("POST", MATCH, b"{")
    assert slug(terminal.send("POST", MATCH, b"{{", head)) == "digest-mismatch"
    assert slug(terminal.send("POST", MATCH, b"{")) == "malformed-json"


Change = Callable[[str], str]


def without(part: str) -> Change:
    return lambda text: text.replace(part, "")


def instead(old: str, new: str) -> Change:
    return lambda text: re.sub(old, new, text)


@pytest.mark.parametrize(
    ("field", "change", "problem"),
    [
        *(("signature-input", without(f'"{name}"'), "signature-incomplete") for name in ("@method", "@authority")),
        *(("signature-input", without(f'"{name}"'), "signature-incomplete") for name in ("@path", "@query")),
        ("signature-input", without('"content-digest"'), "signature-incomplete"),
        ("signature-input", without('"content-type"'), "signature-incomplete"),
        ("signature-input", instead(r";nonce=\"[^\"]*\"", ""), "signature-incomplete"),
        ("signature-input", instead(r";created=\d+", ""), "signature-incomplete"),
        ("signature-input", instead(r";keyid=\"[^\"]*\"", ""), "signature-incomplete"),
        ("signature-input", instead(r";nonce=\"[^\"]*\"", ';nonce="short"'), "signature-malformed"),
        ("signature-input", instead(r";tag=\"[^\"]*\"", ';tag="other"'), "signature-malformed"),
        ("signature-input", instead("$", ';alg="hmac-sha256"'), "signature-malformed"),
        ("signature-input", instead("$", ";unknown=1"), "signature-malformed"),
        ("signature-input", instead(r"created=\d+", 'created="now"'), "signature-malformed"),
        ("signature-input", instead(r"created=\d+", "created=999999999999999"), "signature-malformed"),
        ("signature-input", instead(r"created=\d+", "created=1"), "clock-skew"),
        ("signature-input", instead("$", ";expires=1"), "clock-skew"),
        ("signature-input", instead('"@method"', '"@method" "@method"'), "signature-malformed"),
        ("signature-input", instead('"@method"', '"@method" "x-missing"'), "signature-malformed"),
        ("signature-input", instead('"@method"', '"@method" "@target-uri"'), "signature-malformed"),
        ("signature-input", instead('"@query"', '"@query";req'), "signature-malformed"),
        ("signature-input", instead("^sig", "other"), "signature-malformed"),
        ("signature-input", lambda text: f"{text}, {text}", "signature-malformed"),
        ("signature-input", lambda _: "((", "signature-malformed"),
        ("signature-input", instead(r"keyid=\"[^\"]*\"", f'keyid="{"0" * 64}"'), "unknown-key"),
        ("signature-input", instead(r"nonce=\"[^\"]*\"", f'nonce="{"0" * 22}"'), "signature-wrong"),
        ("signature", instead("sig=:.", "sig=:A"), "signature-wrong"),
        ("signature", lambda _: "sig=1", "signature-malformed"),
        ("signature", lambda _: "", "signature-malformed"),
        ("content-type", lambda _: "application/json; charset=utf-8", "signature-wrong"),
        ("content-digest", lambda _: "md5=:AAAA:", "digest-malformed"),
        ("content-digest", lambda _: "sha-256=:AAAA:", "digest-malformed"),
        ("host", lambda _: "other.example", "signature-wrong"),
    ],
)
def test_each_flaw_has_its_own_name(terminal: Terminal, field: str, change: Change, problem: str) -> None:
    body = terminal.body()
    head = {"host": "testserver"} | terminal.head("POST", MATCH, body)
    changed = head | {field: change(head[field])}
    assert changed != head or problem == "signature-wrong"
    refused = terminal.send("POST", MATCH, body, changed)
    assert (refused.status_code, slug(refused)) == (400 if problem.startswith("digest") else 401, problem)
    assert "accept-signature" in refused.headers or refused.status_code == 400


@pytest.mark.parametrize("ahead", [timedelta(seconds=62), timedelta(seconds=-32)])
def test_a_clock_that_is_wrong_is_told_the_time(make_node: NodeMaker, ahead: timedelta) -> None:
    node = make_node()
    terminal = Terminal(node)
    node.clock.turn(ahead)
    refused = terminal.check()
    assert (refused.status_code, slug(refused)) == (401, "clock-skew")
    assert f"{node.clock():%Y-%m-%dT%H:%M}" in refused.json()["detail"]


def test_a_request_that_was_signed_for_another_node_is_refused(make_node: NodeMaker) -> None:
    node = make_node(authority="node-a.example, testserver:80")
    terminal = Terminal(node)
    assert slug(terminal.check()) == "other-authority"


def test_two_keys_are_good_while_they_are_changed_and_none_comes_back(terminal: Terminal) -> None:
    node, register = terminal.node, terminal.register
    second = RequestSigner(Ed25519PrivateKey.generate())
    register.rotate("xa", "gate-07", KeyKind.SIGNATURE, second.public, node.clock())
    assert terminal.check().status_code == 200
    first, terminal.signer = terminal.signer, second
    assert terminal.check().status_code == 200
    register.revoke("xa", "gate-07", first.public.keyid, node.clock())
    assert terminal.check().status_code == 200
    terminal.signer = first
    assert slug(terminal.check()) == "unknown-key"
    known = [event for event in events(node, "machine-key-revoked") if event["keyid"] == first.public.keyid]
    assert [event["name"] for event in known] == ["gate-07"]


def test_several_identities_at_once_are_refused(terminal: Terminal) -> None:
    body = terminal.body()
    head = terminal.head("POST", MATCH, body)
    token = terminal.node.access.tokens["xa-terminal"]
    refused = terminal.send("POST", MATCH, body, head | {"authorization": f"Bearer {token}"})
    assert (refused.status_code, slug(refused)) == (400, "several-identities")


def test_a_signed_import_is_read_whole_before_a_line_is_written(shared_node: Node) -> None:
    sync = Terminal(shared_node, Role.SYNC, "xa-importer")
    path = "/v1/watchlists/xa-alerts/entries:import"
    line = json.dumps({"entry_id": "E-9", "category": "wanted"}).encode() + b"\n"
    head = sync.head("POST", path, line)
    assert slug(sync.send("POST", path, line + line, head)) == "digest-mismatch"
    answered = sync.send("POST", path, line)
    assert answered.status_code == 200
    assert json.loads(answered.text)["status"] == "refused"


def test_no_event_or_row_holds_a_secret_of_the_machine(make_node: NodeMaker, tmp_path: Path) -> None:
    node = make_node()
    terminal = Terminal(node)
    assert terminal.check().status_code == 200
    secret = terminal.key.private_bytes_raw()
    for file in tmp_path.rglob("*.db*"):
        assert secret not in file.read_bytes()
