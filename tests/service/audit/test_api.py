"""What auditors and partners get from the log over HTTP, and what everybody else does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.audit import Head, Receipt, tree
from service.audit.access import Reading, may_countersign, may_read_entry, may_read_heads
from service.audit.desk import ProvedEntry
from service.audit.witnesses import Witnesses
from service.identity import Caller
from service.roles import Role
from tests.service.node import Node, NodeMaker
from tests.service.recorded import recorded
from tests.service.treaties import permit, sign
from watchlists.feed.signing import LocalSigner

HEADS = "/v1/audit/heads/latest"
EVENTS = "/v1/audit/events"


@pytest.fixture(scope="module")
def audited(shared_node: Node) -> Node:
    """A node with a few events of both partners."""
    for partner in ("xa", "xb"):
        shared_node.check(partner, finger_number=1)
    return shared_node


def get(node: Node, who: str, path: str, status: int = 200, **params: Any) -> dict[str, Any]:
    response = node.call(who, "GET", path, params=params)
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    return found


def keys(node: Node) -> dict[str, str]:
    return dict(get(node, "xa-auditor", "/v1/audit/keys")["keys"])


def prove(node: Node, who: str, receipt: dict[str, Any]) -> ProvedEntry:
    node.runtime.keep_house()
    return ProvedEntry.read(get(node, who, "/v1/audit/proof/inclusion", leaf=receipt["leaf"], at=receipt["at"]))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("entry_partner", ["xa", "xb", None, ""])
def test_only_the_auditors_of_a_partner_read_its_entries(role: Role, entry_partner: str | None) -> None:
    allowed = role is Role.AUDITOR and entry_partner == "xa"
    assert may_read_entry(role, "xa", entry_partner) is (Reading.WHOLE if allowed else Reading.NOTHING)
    assert may_read_entry(role, "", entry_partner) is Reading.NOTHING


@pytest.mark.parametrize("role", list(Role))
def test_heads_are_for_auditors_and_for_the_machines_of_partners(role: Role) -> None:
    assert may_read_heads(role) is may_countersign(role) is (role in {Role.AUDITOR, Role.SYNC})


@pytest.mark.parametrize("who", ["xa-terminal", "xa-reviewer", "xa-operator", "xa-sync"])
def test_nobody_else_gets_anything_over_http(audited: Node, who: str) -> None:
    for path in (EVENTS, "/v1/audit/part", f"/v1/audit/proof/inclusion?leaf={'0' * 64}&at=2026-11-22T09:30:00Z"):
        assert audited.call(who, "GET", path).status_code == 403
    for path in (HEADS, "/v1/audit/heads/1", "/v1/audit/keys", "/v1/audit/proof/consistency?first=1&second=1"):
        assert (audited.call(who, "GET", path).status_code == 403) is (who != "xa-sync")
    body = {"public": "0" * 64, "signature": "0" * 128}
    refused = audited.call(who, "POST", "/v1/audit/heads/1/countersignatures", json=body)
    assert (refused.status_code == 403) is (who != "xa-sync")


def test_every_answer_carries_a_receipt_that_is_proved_later(audited: Node) -> None:
    answer = audited.check("xa", finger_number=1)
    receipt, known = Receipt.read(answer["receipt"]), keys(audited)
    assert receipt.is_signed(known)
    assert not receipt.is_signed({})

    proved = prove(audited, "xa-auditor", answer["receipt"])

    assert proved.is_proved(known)
    assert proved.entry.leaf.hash() == receipt.leaf
    assert proved.entry.payload is not None
    assert (proved.entry.leaf.kind, proved.entry.payload.details["check_id"]) == ("check-answered", answer["check_id"])
    assert proved.entry.payload.actor == "xa-terminal"
    stranger = LocalSigner(Ed25519PrivateKey.generate())
    assert not proved.is_proved({proved.head.log: stranger.public})


def test_a_receipt_says_nothing_of_the_place_in_the_log(audited: Node) -> None:
    """Between two entries of a terminal there may be the flag of a silent alarm."""
    receipts = [audited.check("xa", finger_number=1)["receipt"] for _ in range(2)]
    assert [sorted(receipt) for receipt in receipts] == [["at", "leaf", "log", "signature"]] * 2
    assert len({len(json.dumps(receipt)) for receipt in receipts}) == 1


def test_a_repeated_check_has_the_receipt_of_the_first(audited: Node) -> None:
    body = audited.request(finger_number=2)
    assert audited.send("xa", body).json()["receipt"] == audited.send("xa", body).json()["receipt"]


def test_a_comparison_has_a_receipt(audited: Node, portraits: dict[str, bytes]) -> None:
    body = audited.request(finger_number=2)
    sample = {"fingerprint": body["fingerprints"][0]}
    asked = {name: body[name] for name in ("check_id", "checkpoint", "captured_at")}
    answer = audited.call("xa-terminal", "POST", "/v1/verify", json=asked | {"reference": sample, "probe": sample})
    proved = prove(audited, "xa-auditor", answer.json()["receipt"])
    assert (proved.is_proved(keys(audited)), proved.entry.leaf.kind) == (True, "samples-compared")


def test_the_entry_of_another_partner_is_as_one_that_does_not_exist(audited: Node) -> None:
    receipt = audited.check("xb", finger_number=1)["receipt"]
    place = {"leaf": receipt["leaf"], "at": receipt["at"]}
    audited.runtime.keep_house()
    path = "/v1/audit/proof/inclusion"
    assert get(audited, "xb-auditor", path, **place)["entry"]["partner"] == "xb"
    foreign = get(audited, "xa-auditor", path, 404, **place)
    assert foreign == get(audited, "xa-auditor", path, 404, **place | {"leaf": "0" * 64})


def test_auditors_page_through_the_entries_of_their_own_partner_and_come_to_an_end(audited: Node) -> None:
    seen, after = list[dict[str, Any]](), 0
    while page := get(audited, "xa-auditor", EVENTS, after=after, limit=3)["entries"]:
        seen += page
        after = page[-1]["number"]
        assert len(seen) < 1000
    numbers = [entry["number"] for entry in seen]
    assert numbers == sorted(set(numbers))
    assert {entry["partner"] for entry in seen} == {"xa"}
    assert {"token-issued", "check-answered", "log-read"} <= {entry["kind"] for entry in seen}
    assert all(entry["payload_state"] == "there" for entry in seen)


def test_a_tree_is_proved_to_be_the_beginning_of_a_later_one(audited: Node) -> None:
    first = Head.read(get(audited, "xa-sync", HEADS))
    for _ in range(3):
        audited.check("xa", finger_number=1)
    audited.runtime.keep_house()
    second = Head.read(get(audited, "xb-auditor", HEADS))
    assert first.size < second.size
    answer = get(audited, "xa-sync", "/v1/audit/proof/consistency", first=first.size, second=second.size)
    proof = [bytes.fromhex(step) for step in answer["proof"]]
    assert tree.is_consistent(first.size, second.size, first.root, second.root, proof)
    assert (Head.read(answer["first"]), Head.read(answer["second"])) == (first, second)
    assert all(head.is_signed(keys(audited)) for head in (first, second))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/audit/heads/999999", 404),
        ("/v1/audit/proof/consistency?first=999999&second=999999", 404),
        ("/v1/audit/proof/inclusion?leaf=00", 422),
        ("/v1/audit/heads/x", 422),
        (EVENTS + "?limit=501", 422),
    ],
)
def test_what_is_not_there_is_refused_by_name(audited: Node, path: str, status: int) -> None:
    assert audited.call("xa-auditor", "GET", path).status_code == status


def test_partners_countersign_heads_with_their_registered_keys(audited: Node) -> None:
    audited.runtime.keep_house()
    head = Head.read(get(audited, "xa-auditor", HEADS))
    mine, other = (LocalSigner(Ed25519PrivateKey.generate()) for _ in range(2))
    path = f"/v1/audit/heads/{head.size}/countersignatures"

    def hand_in(signer: LocalSigner, signature: bytes, who: str = "xa-auditor") -> int:
        body = {"public": signer.public, "signature": signature.hex()}
        return int(audited.call(who, "POST", path, json=body).status_code)

    assert hand_in(mine, head.countersigned(mine)) == 404
    witnesses, actor = Witnesses(audited.runtime.store.engine), Caller("xa", Role.OPERATOR, "operator")
    witnesses.add(actor, mine.public, audited.clock())
    assert hand_in(mine, head.countersigned(other)) == 422
    assert hand_in(mine, head.countersigned(mine), "xb-auditor") == 404
    assert [hand_in(mine, head.countersigned(mine)) for _ in range(2)] == [204, 204]

    shown = get(audited, "xb-auditor", f"/v1/audit/heads/{head.size}")["countersignatures"]
    assert [(each["partner"], each["public"]) for each in shown] == [("xa", mine.public)]
    assert head.is_countersigned(mine.public, bytes.fromhex(shown[0]["signature"]))

    witnesses.withdraw(actor, mine.public, audited.clock())
    audited.check("xa", finger_number=1)
    audited.runtime.keep_house()
    later = Head.read(get(audited, "xa-auditor", HEADS))
    path = f"/v1/audit/heads/{later.size}/countersignatures"
    assert hand_in(mine, later.countersigned(mine)) == 404


def test_a_change_of_the_rules_is_an_event_and_a_restart_with_the_same_is_none(make_node: NodeMaker) -> None:
    node = make_node()
    node.restart()
    store = node.runtime.store
    (before,) = recorded(store, "agreements-loaded")
    assert "xa-xb" in {each["agreement"] for each in before["details"]["agreements"]}
    sign(node, permit("search"), permit("see hit"))
    node.runtime.keep_house()
    node.runtime.keep_house()
    first, second = recorded(store, "agreements-loaded")
    assert (first, second["details"] == first["details"]) == (before, False)
    sign(node, permit("search"), permit("see hit"), joint_desk='["xa", "xb"]')
    node.runtime.keep_house()
    *_, third = recorded(store, "agreements-loaded")
    assert third["details"] != second["details"]
