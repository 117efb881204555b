"""What authenticators answer, and what of that is taken; signatures are real."""

from __future__ import annotations

import json

import pytest

from service.roles import Role
from service.users.errors import PasskeyRefused
from service.users.names import UserId
from service.users.passkeys import MOST, Ceremony, Passkeys
from service.users.place import Place
from tests.service.users.authenticator import Authenticator
from tests.service.users.desk import ADA, PLACE, Desk
from watchlists.database import writing

BOB = UserId("xa", "bob")
OTHER_PLACE = Place.of_origin("https://evil.example")
MAKE, ASK = Ceremony(b"m" * 32, PLACE), Ceremony(b"a" * 32, PLACE)


class Keys:
    """The passkeys of two users of a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        for user in (ADA, BOB):
            desk.people.register.add(user, [Role.REVIEWER])
        self.passkeys = Passkeys(desk.node.store.keys)

    def to_make(self, user: UserId = ADA, ceremony: Ceremony = MAKE) -> str:
        with self.desk.node.engine.connect() as connection:
            return self.passkeys.options_to_make(connection, user, b"h" * 32, ceremony)

    def to_ask(self, user: UserId = ADA, ceremony: Ceremony = ASK) -> str:
        with self.desk.node.engine.connect() as connection:
            options = self.passkeys.options_to_ask(connection, user, ceremony)
        assert options is not None
        return options

    def add(self, answer: str, user: UserId = ADA, ceremony: Ceremony = MAKE) -> None:
        with writing(self.desk.node.engine) as connection:
            self.passkeys.add(connection, user, answer, "blue key", ceremony, self.desk.clock())

    def check(self, answer: str, user: UserId = ADA, ceremony: Ceremony = ASK) -> None:
        with writing(self.desk.node.engine) as connection:
            self.passkeys.check(connection, user, answer, ceremony, self.desk.clock())


@pytest.fixture
def keys(desk: Desk) -> Keys:
    return Keys(desk)


def authenticator(*, counts: bool = True) -> Authenticator:
    return Authenticator(PLACE.origin, PLACE.host, counts=counts)


def test_a_passkey_is_made_asked_for_and_listed(keys: Keys) -> None:
    key = authenticator()
    keys.add(key.make(keys.to_make()))
    keys.check(key.sign(keys.to_ask()))
    with keys.desk.node.engine.connect() as connection:
        (found,) = keys.passkeys.of(connection, ADA)
    assert (found.label, found.used_at) == ("blue key", keys.desk.clock())


def test_the_user_has_to_be_verified_and_the_browser_is_told(keys: Keys) -> None:
    options = json.loads(keys.to_make())
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    key = authenticator()
    with pytest.raises(PasskeyRefused):
        keys.add(key.make(keys.to_make(), verified=False))
    keys.add(key.make(keys.to_make()))
    assert json.loads(keys.to_ask())["userVerification"] == "required"
    with pytest.raises(PasskeyRefused):
        keys.check(key.sign(keys.to_ask(), verified=False))


def test_an_answer_to_another_challenge_or_of_another_place_is_refused(keys: Keys) -> None:
    key = authenticator()
    for wrong in (
        key.make(keys.to_make(ceremony=ASK)),
        key.make(keys.to_make(), origin=OTHER_PLACE.origin),
        key.make(keys.to_make(), host=OTHER_PLACE.host),
    ):
        with pytest.raises(PasskeyRefused):
            keys.add(wrong)
    keys.add(key.make(keys.to_make()))
    for wrong in (
        key.sign(keys.to_ask(ceremony=MAKE)),
        key.sign(keys.to_ask(), origin=OTHER_PLACE.origin),
        key.sign(keys.to_ask(), host=OTHER_PLACE.host),
    ):
        with pytest.raises(PasskeyRefused):
            keys.check(wrong)


def test_the_passkey_of_another_user_signs_nobody_in(keys: Keys) -> None:
    of_bob, of_ada = authenticator(), authenticator()
    keys.add(of_bob.make(keys.to_make(BOB)), BOB)
    keys.add(of_ada.make(keys.to_make()))
    with pytest.raises(PasskeyRefused):
        keys.check(of_bob.sign(keys.to_ask()))


def test_one_passkey_cannot_be_added_twice_nor_for_somebody_else(keys: Keys) -> None:
    made = authenticator().make(keys.to_make())
    keys.add(made)
    for user in (ADA, BOB):
        with pytest.raises(PasskeyRefused):
            keys.add(made, user)


def test_a_count_that_has_not_grown_tells_of_a_copy(keys: Keys) -> None:
    key = authenticator()
    keys.add(key.make(keys.to_make()))
    for _ in range(3):
        keys.check(key.sign(keys.to_ask()))
    key.counter = 1  # as in a copy that was made then
    with pytest.raises(PasskeyRefused):
        keys.check(key.sign(keys.to_ask()))


def test_a_passkey_that_does_not_count_is_taken(keys: Keys) -> None:
    key = authenticator(counts=False)
    keys.add(key.make(keys.to_make()))
    for _ in range(2):
        keys.check(key.sign(keys.to_ask()))


def test_a_signature_that_was_changed_is_refused(keys: Keys) -> None:
    key = authenticator()
    keys.add(key.make(keys.to_make()))
    answer = json.loads(key.sign(keys.to_ask()))
    signature = answer["response"]["signature"]
    answer["response"]["signature"] = signature[:-8] + ("A" * 8 if signature[-8:] != "A" * 8 else "B" * 8)
    with pytest.raises(PasskeyRefused):
        keys.check(json.dumps(answer))


@pytest.mark.parametrize(
    "answer", ["", "{", "[]", '{"id": "\udcff"}', '{"id": "AA", "rawId": "A", "type": "public-key", "response": {}}']
)
def test_what_is_no_answer_is_refused(keys: Keys, answer: str) -> None:
    for take in (keys.add, keys.check):
        with pytest.raises(PasskeyRefused):
            take(answer)


def test_nobody_has_passkeys_without_end(keys: Keys) -> None:
    for _ in range(MOST):
        keys.add(authenticator().make(keys.to_make()))
    with pytest.raises(PasskeyRefused):
        keys.add(authenticator().make(keys.to_make()))


@pytest.mark.parametrize("answer", ["", "{}", "nothing", "[" * 30_000, '{"id":' * 10_000 + "1" + "}" * 10_000])
def test_what_is_no_answer_of_an_authenticator_is_refused(keys: Keys, answer: str) -> None:
    keys.add(authenticator().make(keys.to_make()))
    for refused in (keys.add, keys.check):
        with pytest.raises(PasskeyRefused):
            refused(answer)
