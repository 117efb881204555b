"""An entry that is rewritten while a check is under way: rules decide on what is disclosed, never on what it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.api.messages import MatchAnswer, MatchRequest
from service.check import Checks
from service.identity import Caller
from service.roles import Role
from tests.service.node import Node, entry
from watchlists.errors import EntryChanged
from watchlists.records import EntryKey, Subject

WANTED = 1


def rewriting(node: Node, times: int, **changes: Any) -> Checks:
    """The node's checks, where the entry is rewritten just before its subject is opened, that many times."""
    left = times

    def subject_of(key: EntryKey, sequence: int) -> Subject:
        nonlocal left
        if left:
            left -= 1
            subject = {"family_name": f"Rewritten{left}"}
            node.put_entry("xb", "E-1", entry(finger_number=WANTED, subject=subject, **changes))
        return node.runtime.store.subject(key, sequence)

    return replace(node.runtime.checks, subject_of=subject_of)


def checked(node: Node, checks: Checks) -> MatchAnswer:
    request = MatchRequest.model_validate(node.request(finger_number=WANTED))
    return checks.check(Caller("xb", Role.TERMINAL, "xb-terminal"), request)


def test_a_rewritten_candidate_is_searched_again(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    answer = checked(node, rewriting(node, times=1))
    (candidate,) = answer.candidates
    assert candidate.subject is not None
    assert candidate.subject.family_name == "Rewritten0"


def test_a_candidate_that_became_invisible_is_not_disclosed(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    answer = checked(node, rewriting(node, times=1, category="witness-protection"))
    assert answer.candidates == []


def test_an_entry_that_does_not_hold_still_makes_the_terminal_repeat(node: Node) -> None:
    node.enrol("xb", "E-1", finger_number=WANTED)
    with pytest.raises(EntryChanged):
        checked(node, rewriting(node, times=2))
