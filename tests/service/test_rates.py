"""Rates over HTTP: who calls too often hears 429 and when to come back, and nobody else is held up by it."""

from __future__ import annotations

import pytest
from httpx2 import Response

from service.identity import Caller, TokenRegister
from service.roles import Role
from tests.service.node import Node, NodeMaker
from tests.service.people import Browser


def issue(node: Node, name: str, partner: str = "xa", role: Role = Role.TERMINAL) -> None:
    """Give another machine of a partner a token."""
    node.access.tokens[name] = TokenRegister(node.runtime.store.engine).issue(Caller(partner, role, name), node.clock())


def send_check(node: Node, who: str = "xa-terminal") -> Response:
    return node.call(who, "POST", "/v1/match", json=node.request(finger_number=1))


def refused(answer: Response) -> bool:
    """Whether somebody was told that they ask too often; then also when to come back."""
    if answer.status_code != 429:
        return False
    assert answer.json()["type"] == "urn:crosscheck:problem:too-many-requests"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    return True


def test_a_terminal_that_checks_too_often_is_told_when_to_come_back_and_no_other_is(make_node: NodeMaker) -> None:
    node = make_node(checks_per_minute=2)
    issue(node, "xa-gate-2")
    assert [refused(send_check(node)) for _ in range(4)] == [False, False, True, True]
    assert send_check(node, "xa-gate-2").status_code == 200
    assert send_check(node, "xb-terminal").status_code == 200
    assert node.call("xa-terminal", "GET", "/v1/agreements").status_code == 200


def test_the_terminals_of_a_partner_share_a_rate_and_partners_do_not(make_node: NodeMaker) -> None:
    node = make_node(checks_per_minute_partner=3)
    issue(node, "xa-gate-2")
    asked = [refused(send_check(node, who)) for who in ("xa-terminal", "xa-gate-2", "xa-terminal", "xa-gate-2")]
    assert asked == [False, False, False, True]
    assert send_check(node, "xb-terminal").status_code == 200


def test_other_calls_have_a_rate_of_their_own(make_node: NodeMaker) -> None:
    node = make_node(calls_per_minute=2)
    calls = [refused(node.call("xa-terminal", "GET", "/v1/agreements")) for _ in range(3)]
    assert calls == [False, False, True]
    assert send_check(node).status_code == 200


def test_an_address_that_guesses_identities_is_not_listened_to_for_a_while(make_node: NodeMaker) -> None:
    node = make_node(failures_per_minute=3)
    guesses = [
        node.client.get("/v1/agreements", headers={"Authorization": f"Bearer xck_{number}"}) for number in range(5)
    ]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429, 429]
    assert refused(guesses[-1])
    assert refused(send_check(node))  # else a guess that is right would show


@pytest.mark.parametrize("path", ["/sign-in", "/enrol/nothing/password"])
def test_who_tries_to_sign_in_over_and_over_is_shown_when_to_come_back(make_node: NodeMaker, path: str) -> None:
    browser = Browser(make_node(sign_ins_per_minute=2))
    tries = [browser.post(path, {"user": "xa/ada"}) for _ in range(3)]
    assert [each.status_code for each in tries] == [403, 403, 429]
    assert f"Try again in {tries[-1].headers['retry-after']} seconds." in tries[-1].text
    assert browser.get("/sign-in").status_code == 200
