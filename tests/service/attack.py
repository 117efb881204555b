"""The attack of `service.commands.attack` on a node of a test."""

from __future__ import annotations

from typing import Any

from httpx2 import Response

from service.audit import EventKind
from service.commands.attack import Course, Defence, Target, agree, attack, check_body, entry_body, record_of
from tests.service.node import Node, NodeMaker
from tests.service.recorded import recorded

SEED = 1
OPEN = {"probing_samples": 0}
"""Settings of a node that counts no probes."""


def node_with(target: Target, make_node: NodeMaker, **settings: object) -> Node:
    """A node where XB looks for the owner of the finger, under an agreement for each form of the score."""
    node = make_node(**settings)
    agree(node.home / "agreements")
    node.runtime.rules.reload()
    response = node.put_entry("xb", "E-1", dict(entry_body(target.number)))
    assert response.status_code == 201, response.text
    return node


def send_record(node: Node, record: bytes, defence: Defence = Defence.RAW, **fields: Any) -> Response:
    """Send a record as a check of XA."""
    return node.send("xa", {**check_body(record, defence.purpose, node.clock()), **fields})


def climb_at(node: Node, target: Target, defence: Defence, checks: int) -> Course:
    """Attack the node from a terminal of XA."""
    strategy = defence.strategy(target, SEED)
    return attack(target, strategy, lambda record: send_record(node, record, defence), checks)


def probe(node: Node, target: Target, **fields: Any) -> Response:
    """Check the part of the finger that an attack begins with."""
    return send_record(node, record_of(target.part), **fields)


def probing_events(node: Node) -> list[dict[str, Any]]:
    return [row["details"] for row in recorded(node.runtime.store, EventKind.PROBING_SUSPECTED)]
