"""An attacker who makes a thousand attempts is bounded, and the owner of the account does not notice."""

from __future__ import annotations

import pytest

from service.users.errors import TooManyAttempts
from service.users.visitor import Visitor
from tests.service.users.desk import ATTACKER, Desk


def test_after_a_thousand_failures_the_owner_gets_in_at_once_on_a_known_device(desk: Desk) -> None:
    app = desk.add()
    device = desk.known_device(app)
    heard = sum(desk.guess() for _ in range(1000))
    assert heard == 5
    with pytest.raises(TooManyAttempts):
        desk.enter_password(visitor=ATTACKER)
    assert desk.sign_in(app, visitor=device)


def test_an_attacker_with_hundreds_of_networks_is_bounded_too(desk: Desk) -> None:
    app = desk.add()
    device = desk.known_device(app)
    heard = sum(desk.guess(Visitor(f"10.0.{n}.0/24")) for n in range(250))
    assert heard == 50
    assert desk.sign_in(app, visitor=device)


def test_an_attacker_who_tries_many_users_from_one_network_is_bounded(desk: Desk) -> None:
    assert sum(desk.guess(user=f"xa/user-{n}") for n in range(250)) == 30
