"""Notices come to a real receiver on this machine: in order, at least once, signed; or it is said why not."""

from __future__ import annotations

import json
import logging
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
from sqlalchemy import update

from service.deadline import Deadline
from service.webhook_schema import webhook_secrets
from service.webhooks.address import AddressPolicy
from service.webhooks.courier import BATCH
from service.webhooks.schedule import GIVE_UP_AFTER
from service.webhooks.signing import Scheme
from service.webhooks.transport import Answer, HttpTransport, Outcome, tls
from tests.databases import Databases
from tests.service.recorded import recorded
from tests.service.webhooks.certificate import Authority
from tests.service.webhooks.receiver import Receiver, receiving
from tests.service.webhooks.scene import LOOPBACK, TEXT, Post
from watchlists.database import writing

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def test_a_message_says_what_a_notice_says_and_never_its_text(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url).for_receiver()
    post.tell(text=TEXT)
    post.go()
    (received,) = receiver.received
    said = received.verified(secret)
    assert said["type"] == "notice.entry_found"
    details = {"partner": "xa", "purpose": "asylum", "entry": "E-1"}
    assert said["data"] == {
        "partner": "xb",
        "number": 1,
        "kind": "entry-found",
        "details": details,
        "has_text": True,
    }
    sent = received.body + json.dumps(received.headers).encode()
    assert not any(word.encode() in sent for word in TEXT.split())
    assert received.headers["content-type"] == "application/json"
    assert "." not in received.id


def test_what_was_posted_before_is_not_sent_and_others_notices_never(post: Post, receiver: Receiver) -> None:
    post.tell(2)
    secret = post.register(receiver.url).for_receiver()
    post.tell(1, partner="xa")
    post.tell()
    post.go()
    assert receiver.numbers(secret) == [3]


def test_whoever_begins_with_an_earlier_notice_gets_all_after_it(post: Post, receiver: Receiver) -> None:
    post.tell(3)
    secret = post.webhooks.endpoints.add("xb", "desk", receiver.url, Scheme.HMAC, post.now(), after=1)
    post.go()
    assert receiver.numbers(secret.for_receiver()) == [2, 3]


def test_more_than_a_batch_arrives_in_order(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url).for_receiver()
    post.tell(BATCH + 2)
    assert post.go() == 2
    assert receiver.numbers(secret) == list(range(1, BATCH + 3))


def test_a_failure_is_tried_again_with_the_same_id_before_anything_else(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    receiver.answers = [500, 503]
    post.tell(2)
    post.go()
    assert post.standing() == [(1, "failed", 1), (2, "waiting", 0)]
    assert post.delivery(1).status == 500
    assert post.go() == 0  # it is not time yet
    post.turn(7 * timedelta(seconds=1))
    post.go()
    assert post.standing()[0] == (1, "failed", 2)
    post.turn(MINUTE)
    post.go()
    assert post.standing() == [(1, "delivered", 3), (2, "delivered", 1)]
    first, second, third, fourth = receiver.received
    assert first.id == second.id == third.id != fourth.id
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != third.headers["webhook-timestamp"]


def test_a_receiver_that_asks_for_time_gets_it(post: Post, receiver: Receiver) -> None:
    def later(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(429)
        handler.send_header("Retry-After", "900")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    post.register(receiver.url)
    receiver.answers = [later]
    post.tell()
    post.go()
    next_try_at = post.delivery(1).next_try_at
    assert next_try_at is not None
    assert next_try_at - post.now() > 14 * MINUTE


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(post: Post, receiver: Receiver, status: int) -> None:
    with receiving() as elsewhere:

        def away(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Location", elsewhere.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        post.register(receiver.url)
        receiver.answers = [away]
        post.tell()
        post.go()
        assert elsewhere.received == []
    assert (post.delivery(1).outcome, post.delivery(1).status) == (Outcome.REDIRECTED, status)


def test_of_a_huge_answer_nothing_is_read(post: Post, receiver: Receiver) -> None:
    sent = []

    def huge(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2**40))
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(2**16))
                sent.append(2**16)
        except OSError:
            handler.close_connection = True

    secret = post.register(receiver.url).for_receiver()
    receiver.answers = [huge]
    post.tell(2)
    post.go()
    assert receiver.numbers(secret) == [1, 2]
    assert sum(sent) < 2**26  # what fits into the buffers between


def test_a_receiver_that_drips_is_cut_off(post: Post, receiver: Receiver) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10**6:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            handler.close_connection = True

    post.register(receiver.url)
    receiver.answers = [drip]
    post.tell()
    post.go(post.another_courier(HttpTransport(LOOPBACK, tls(None), longest=0.2)))
    assert (post.delivery(1).outcome, post.delivery(1).status) == (Outcome.TOO_SLOW, None)


def test_nobody_there_is_a_failure_like_any_other(post: Post) -> None:
    with receiving() as gone:
        url = gone.url
    post.register(url)
    post.tell()
    post.go()
    assert (post.delivery(1).outcome, post.delivery(1).state) == (Outcome.UNREACHABLE, "failed")


def test_one_receiver_that_fails_holds_up_no_other(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    with receiving() as other:
        secret = post.register(other.url, "second").for_receiver()
        receiver.answers = [500]
        post.tell(2)
        post.go()
        assert other.numbers(secret) == [1, 2]
    assert post.standing()[0][1] == "failed"


def test_after_three_days_it_is_parked_until_the_operator_says_otherwise(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    receiver.answers = [500] * 3
    post.tell(2)
    post.go()
    post.turn(GIVE_UP_AFTER - HOUR)
    post.go()
    assert post.standing()[0][1] == "failed"
    post.turn(2 * HOUR)
    post.go()
    assert post.standing() == [(1, "parked", 3), (2, "parked", 0)]
    (event,) = recorded(post.store, "webhook-parked")
    assert (event["partner"], event["details"]) == ("xb", {"webhook": "desk", "notice": 1, "outcome": "refused"})
    post.turn(HOUR)
    assert post.go() == 0

    post.webhooks.endpoints.resume("xb", "desk", post.now())
    post.go()
    assert post.standing() == [(1, "delivered", 4), (2, "delivered", 1)]


def test_a_receiver_that_wants_nothing_any_more_is_parked_at_once(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    receiver.answers = [410]
    post.tell()
    post.go()
    assert (post.delivery(1).state, post.delivery(1).outcome) == ("parked", Outcome.GONE)


def test_a_message_that_the_receiver_cannot_take_may_be_left_out(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url).for_receiver()
    receiver.answers = [400]
    post.tell(2)
    post.go()
    post.webhooks.endpoints.resume("xb", "desk", post.now(), skip=True)
    post.go()
    assert receiver.numbers(secret) == [1, 2]
    assert post.standing() == [(1, "left-out", 1), (2, "delivered", 1)]


def test_what_is_posted_during_a_pause_waits(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url).for_receiver()
    post.webhooks.endpoints.pause("xb", "desk", post.now())
    post.tell(2)
    assert post.go() == 0
    assert post.standing() == [(1, "paused", 0), (2, "paused", 0)]
    post.webhooks.endpoints.resume("xb", "desk", post.now())
    post.go()
    assert receiver.numbers(secret) == [1, 2]


def test_until_the_old_secret_ends_either_verifies(post: Post, receiver: Receiver) -> None:
    old = post.register(receiver.url).for_receiver()
    new = post.webhooks.endpoints.rotate("xb", "desk", post.now(), HOUR).for_receiver()
    assert new != old
    post.tell()
    post.go()
    assert receiver.numbers(old) == receiver.numbers(new) == [1]
    receiver.received.clear()
    post.webhooks.endpoints.rotate("xb", "desk", post.now(), timedelta(), Scheme.ED25519)
    post.tell()
    post.go()
    assert receiver.received[0].headers["webhook-signature"].startswith("v1a,")
    assert " " not in receiver.received[0].headers["webhook-signature"]


def test_nothing_is_sent_that_cannot_be_signed(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    with writing(post.engine) as connection:
        connection.execute(update(webhook_secrets).values(sealed=b"\1\0\0\0" + bytes(60)))
    post.tell()
    post.go()
    assert (post.delivery(1).outcome, receiver.received) == (Outcome.NOT_SIGNED, [])


def test_an_endpoint_that_is_removed_gets_nothing_more(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    post.tell()
    (endpoint,) = post.courier.look()
    post.webhooks.endpoints.remove("xb", "desk", post.now())
    post.courier.deliver(endpoint)
    assert post.go() == 0
    assert post.webhooks.endpoints.all() == []
    assert receiver.received == []


def test_no_secret_and_no_text_is_in_the_log(post: Post, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = post.register(receiver.url).for_receiver()
    receiver.answers = [500]
    post.tell(text=TEXT)
    post.go()
    logged = caplog.text + json.dumps(recorded(post.store), default=str)
    assert "webhook-added" in logged
    assert secret.removeprefix("whsec_") not in logged
    assert "Quillfeather" not in logged


class TestOverTls:
    """At localhost, which the operator has named."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority.make(tmp_path)

    def post(self, tmp_path: Path, databases: Databases, authority: Path | None) -> Post:
        named = {"webhook_private_hosts": "LOCALHOST, other", "webhook_dangerously_plain_on_loopback": False}
        return Post(tmp_path, databases.migrated(tmp_path), webhook_authorities=authority, **named)

    def outcome(self, post: Post, url: str) -> Outcome | None:
        post.register(url)
        post.tell()
        post.go()
        post.close()
        return post.delivery(1).outcome

    def test_a_receiver_with_the_certificate_of_its_name(
        self, tmp_path: Path, databases: Databases, authority: Authority
    ) -> None:
        with receiving(authority.server("localhost"), "localhost") as receiver:
            assert self.outcome(self.post(tmp_path, databases, authority.file), receiver.url) is Outcome.DELIVERED
            assert receiver.received[0].headers["host"] == receiver.url.split("/")[2]

    def test_one_with_the_certificate_of_another_name(
        self, tmp_path: Path, databases: Databases, authority: Authority
    ) -> None:
        with receiving(authority.server("other.example"), "localhost") as receiver:
            assert self.outcome(self.post(tmp_path, databases, authority.file), receiver.url) is Outcome.NOT_TRUSTED
            assert receiver.received == []

    def test_one_whose_authority_nobody_knows(self, tmp_path: Path, databases: Databases, authority: Authority) -> None:
        with receiving(authority.server("localhost"), "localhost") as receiver:
            assert self.outcome(self.post(tmp_path, databases, None), receiver.url) is Outcome.NOT_TRUSTED
            assert receiver.received == []


def test_a_name_that_comes_to_lead_inside_is_not_followed(receiver: Receiver) -> None:
    """The name was public when it was registered, and its server answers differently now."""
    strict = HttpTransport(AddressPolicy(), tls(None), lambda _host, _port: [ip_address("127.0.0.1")])
    port = receiver.url.split(":")[2].split("/")[0]
    assert strict.send(f"https://xb.example:{port}/hook", {}, b"{}") == Answer(Outcome.ADDRESS_REFUSED)
    assert receiver.received == []


def test_a_deadline_tells_that_it_has_passed() -> None:
    deadline = Deadline(0.01)
    with deadline.running():
        while not deadline.is_over:
            time.sleep(0.005)
    assert deadline.is_over
