"""1:1 verification: two samples of one modality."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from service.commands.portraits import ENROLLED, OTHER, PROBE
from tests.service.node import Node, face, finger


def verify(node: Node, reference: dict[str, Any], probe: dict[str, Any], who: str = "xa-terminal") -> Any:
    body = {
        "check_id": str(uuid4()),
        "checkpoint": "XA-GATE-07",
        "captured_at": node.clock().isoformat(),
        "reference": reference,
        "probe": probe,
    }
    return node.call(who, "POST", "/v1/verify", json=body)


def test_two_portraits_of_one_person(node: Node, portraits: dict[str, bytes]) -> None:
    answer = verify(node, {"face": face(portraits[ENROLLED])}, {"face": face(portraits[PROBE])}).json()
    assert answer["same_person"] is True
    assert answer["score"] >= answer["threshold"]


def test_portraits_of_two_people(node: Node, portraits: dict[str, bytes]) -> None:
    answer = verify(node, {"face": face(portraits[ENROLLED])}, {"face": face(portraits[OTHER])}).json()
    assert answer["same_person"] is False


def test_two_impressions_of_one_finger(node: Node) -> None:
    answer = verify(node, {"fingerprint": finger(1)}, {"fingerprint": finger(1, impression=1)}).json()
    assert answer["same_person"] is True


def test_impressions_of_two_fingers(node: Node) -> None:
    answer = verify(node, {"fingerprint": finger(1)}, {"fingerprint": finger(2)}).json()
    assert answer["same_person"] is False


def test_modalities_are_not_mixed(node: Node, portraits: dict[str, bytes]) -> None:
    response = verify(node, {"face": face(portraits[ENROLLED])}, {"fingerprint": finger(1)})
    assert (response.status_code, response.json()["type"]) == (422, "urn:crosscheck:problem:invalid-request")


def test_only_terminals_verify(node: Node) -> None:
    response = verify(node, {"fingerprint": finger(1)}, {"fingerprint": finger(1)}, who="xa-sync")
    assert response.status_code == 403
