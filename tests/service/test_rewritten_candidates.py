"""An entry that is rewritten while a check is under way: rules decide on what is disclosed, never on what it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.api.messages import MatchAnswer, MatchRequest
from service.check import Checks
from service.disclosure import StoredEntries
from service.identity import Caller
from service.roles import Role
from tests.service.node import Node, entry
from watchlists.errors import EntryChanged, SealBroken
from watchlists.records import EntryKey
from watchlists.templates import Details

WANTED = 1


class RewritingEntries(StoredEntries):
    """Entries of a node, where E-1 is rewritten just before its details are opened, that many times."""

    def __init__(self, node: Node, times: int, **changes: Any) -> None:
        super().__init__(node.runtime.store)
        self._open = self.details
        self._node, self._left, self._changes = node, times, changes
        self.details = self._rewrite_and_open

    def _rewrite_and_open(self, key: EntryKey, sequence: int | None = None) -> Details:
        if self._left:
            self._left -= 1
            subject = {"family_name": f"Rewritten{self._left}"}
            self._node.put_entry("xb", "E-1", entry(finger_number=WANTED, subject=subject, **self._changes))
        return self._open(key, sequence)


def rewriting(node: Node, times: int, **changes: Any) -> Checks:
    return replace(node.runtime.checks, entries=RewritingEntries(node, times, **changes))


def checked(node: Node, checks: Checks) -> MatchAnswer:
    request = MatchRequest.model_validate(node.request(finger_number=WANTED))
    return checks.check(Caller("xb", Role.TERMINAL, "xb-terminal"), request, bytes(32))


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


def test_a_candidate_whose_details_do_not_open_is_disclosed_as_an_alert_without_them(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_key: EntryKey, _sequence: int | None = None) -> Details:
        raise SealBroken("damaged")

    node.enrol("xb", "E-1", finger_number=WANTED)
    entries = StoredEntries(node.runtime.store)
    monkeypatch.setattr(entries, "details", broken)
    (candidate,) = checked(node, replace(node.runtime.checks, entries=entries)).candidates
    assert candidate.level == "alert"
    assert candidate.alert is not None
    assert (candidate.subject, candidate.links, candidate.misused_identity) == (None, None, None)
    assert "the details of a candidate do not open" in caplog.text
