"""What is done without anybody asking: agreements that change are followed, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.node import Node

WANTED = 1
RULES = Path("agreements") / "xa-xb" / "rules.cedar"


@pytest.fixture
def wanted(node: Node) -> Node:
    node.enrol("xb", "E-1", finger_number=WANTED)
    assert node.check("xa", finger_number=WANTED)["outcome"] == "flagged"
    return node


def test_a_clause_that_is_struck_out_no_longer_counts(wanted: Node) -> None:
    rules = wanted.home / RULES
    rules.write_text(rules.read_text().replace('context.purpose == "border-check"', 'context.purpose == "asylum"'))
    wanted.runtime.keep_house()
    assert wanted.check("xa", finger_number=WANTED)["outcome"] == "no-candidates"


def test_a_broken_agreement_leaves_those_in_use(wanted: Node, caplog: pytest.LogCaptureFixture) -> None:
    (wanted.home / RULES).write_text("permit (everything)")
    wanted.runtime.keep_house()
    assert wanted.check("xa", finger_number=WANTED)["outcome"] == "flagged"
    assert "xa-xb/rules.cedar" in caplog.text
