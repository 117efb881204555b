"""Attackers wait, and owners do not; in the database, so that it holds for all processes and after a restart."""

from __future__ import annotations

import pytest

from service.users.errors import CodeRefused, SignInRefused, TooManyAttempts
from service.users.visitor import Visitor, network_of
from tests.service.users.desk import ADA, ATTACKER, PASSWORD, App, Desk

ON_BOTH_DATABASES = True


@pytest.fixture
def app(desk: Desk) -> App:
    return desk.add()


def test_users_that_there_are_not_make_wait_like_those_that_there_are(desk: Desk, app: App) -> None:
    heard = {user: [desk.guess(Visitor(f"net {user}"), user) for _ in range(10)] for user in (str(ADA), "xa/nobody")}
    assert heard[str(ADA)] == heard["xa/nobody"]


def test_a_device_cookie_of_another_user_or_made_up_makes_nothing_known(desk: Desk, app: App) -> None:
    bob = desk.add(type(ADA)("xa", "bob"))
    of_bob = desk.sign_in(bob, user=type(ADA)("xa", "bob")).device
    for cookie in (of_bob, "made up"):
        visitor = Visitor(ATTACKER.network, cookie)
        assert sum(desk.guess(visitor) for _ in range(20)) in {5, 0}
        with pytest.raises(TooManyAttempts):
            desk.enter_password(visitor=visitor)


def test_failures_on_a_known_device_count_there_and_nowhere_else(desk: Desk, app: App) -> None:
    device = desk.known_device(app)
    assert sum(desk.guess(device) for _ in range(20)) == 5
    desk.enter_password(visitor=Visitor("203.0.113.0/24"))
    desk.clock.turn(seconds=15)
    assert desk.sign_in(app, visitor=device)
    assert desk.guess(device)


def test_who_waits_is_not_heard_even_with_the_right_password_and_the_wait_does_not_grow(desk: Desk, app: App) -> None:
    for _ in range(5):
        desk.guess()
    waits = []
    for password in (PASSWORD, "wrong"):
        with pytest.raises(TooManyAttempts) as held:
            desk.enter_password(password, visitor=ATTACKER)
        waits.append((held.value.retry_after, str(held.value)))
    assert waits[0] == waits[1]
    assert waits[0][0] == 30
    desk.clock.turn(seconds=30)
    assert desk.enter_password(visitor=ATTACKER)


def test_the_counts_are_shared_and_outlive_a_restart(desk: Desk) -> None:
    for _ in range(3):
        desk.guess()
    other = desk.again()
    assert [other.guess() for _ in range(3)] == [True, True, False]
    assert not desk.guess()
    other.node.engine.dispose()


def test_right_passwords_do_not_add_up(desk: Desk, app: App) -> None:
    for _ in range(7):
        desk.enter_password()
    assert desk.sign_in(app)


def test_who_knows_the_password_gets_five_codes_and_then_waits_for_long(desk: Desk, app: App) -> None:
    device = Visitor("203.0.113.0/24", desk.sign_in(app).device)
    for number in range(5):
        half = desk.enter_password(visitor=Visitor(f"10.0.{number}.0/24"))
        with pytest.raises(CodeRefused):
            desk.enter_code(half, "000000", visitor=ATTACKER)
    half = desk.enter_password(visitor=ATTACKER)
    with pytest.raises(TooManyAttempts):
        desk.enter_code(half, app.code(), visitor=Visitor("10.9.9.0/24"))
    assert desk.sign_in(app, visitor=device)


def test_the_log_tells_of_an_attack_and_is_not_flooded(desk: Desk, app: App) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefused):
            desk.enter_password("wrong", visitor=ATTACKER)
    for _ in range(100):
        with pytest.raises(TooManyAttempts):
            desk.enter_password("wrong", visitor=ATTACKER)
    assert [event["user_from_network"] for event in desk.events("sign-in-failed")] == [1, 2, 3, 4, 5]
    (held,) = desk.events("sign-in-held-off")
    assert (held["against"], held["failures"], held["seconds"]) == ("password, user from a network", 5, 30.0)


def test_what_counts_no_more_is_deleted(desk: Desk) -> None:
    desk.guess()
    desk.clock.turn(days=30)
    desk.people.house.run()
    assert desk.guess()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_network_is_what_one_attacker_has_at_the_least(address: str, network: str) -> None:
    assert network_of(address) == network
