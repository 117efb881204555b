"""Signatures are those of Standard Webhooks, and the times of the tries those of the schedule."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from service.webhooks.schedule import GIVE_UP_AFTER, LONGEST, is_given_up, pause_after
from service.webhooks.signing import Scheme, new_secret, read_secret, signed_headers

BODY = b'{"type":"notice.entry_found"}'
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_receivers_verify_with_their_library() -> None:
    secret, other = new_secret(Scheme.HMAC), new_secret(Scheme.HMAC)
    headers = signed_headers("notice_1", datetime.now(UTC), BODY, [other, secret])
    for each in (secret, other):
        assert Webhook(each.for_receiver()).verify(BODY, headers) == {"type": "notice.entry_found"}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.for_receiver()).verify(BODY + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret(Scheme.HMAC).for_receiver()).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.for_receiver()).verify(BODY, headers | {"webhook-id": "notice_2"})


def test_a_signature_is_the_one_that_the_library_makes() -> None:
    secret = new_secret(Scheme.HMAC)
    headers = signed_headers("notice_1", NOW, BODY, [secret])
    assert headers["webhook-signature"] == Webhook(secret.for_receiver()).sign("notice_1", NOW, BODY.decode())
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_with_ed25519_the_receiver_has_a_public_key_alone() -> None:
    secret = new_secret(Scheme.ED25519)
    headers = signed_headers("notice_1", NOW, BODY, [secret])
    word, _, text = headers["webhook-signature"].partition(",")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret.for_receiver().removeprefix("whpk_")))
    public.verify(base64.b64decode(text), b"notice_1." + headers["webhook-timestamp"].encode() + b"." + BODY)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(text), BODY)
    assert word == "v1a"


@pytest.mark.parametrize("scheme", list(Scheme))
def test_what_is_sealed_gives_the_same_secret_back_and_is_not_printed(scheme: Scheme) -> None:
    secret = new_secret(scheme)
    assert read_secret(scheme, secret.raw()).for_receiver() == secret.for_receiver()
    assert base64.b64encode(secret.raw()).decode() not in repr(secret)
    assert repr(secret.raw()) not in repr(secret)


def test_pauses_grow_fourfold_up_to_an_hour() -> None:
    pauses = [pause_after(failures, 0.5).total_seconds() for failures in range(1, 9)]
    assert pauses == [5, 20, 80, 320, 1280, 3600, 3600, 3600]
    assert pause_after(10**6, 0.5) == LONGEST


def test_pauses_are_spread_by_a_fifth() -> None:
    assert pause_after(1, 0.0) == timedelta(seconds=4)
    assert pause_after(1, 1.0) == timedelta(seconds=6)


def test_a_receiver_that_asks_for_time_gets_it_but_not_for_ever() -> None:
    assert pause_after(1, 0.5, 10 * MINUTE) == 10 * MINUTE
    assert pause_after(4, 0.5, MINUTE) == pause_after(4, 0.5)
    assert pause_after(1, 0.5, timedelta(days=9)) == LONGEST


def test_after_three_days_somebody_has_to_look() -> None:
    assert not is_given_up(NOW, NOW + GIVE_UP_AFTER - MINUTE)
    assert is_given_up(NOW, NOW + GIVE_UP_AFTER)
