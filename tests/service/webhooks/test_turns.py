"""Which process delivers, and what is written down of it, on both kinds of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import event, select

from service.keys import rotate_owner_key
from service.webhook_schema import webhook_secrets
from service.webhooks.courier import HELD_FOR
from tests.service.webhooks.receiver import Receiver
from tests.service.webhooks.scene import Post

ON_BOTH_DATABASES = True
HOUR = timedelta(hours=1)


def test_notices_arrive_in_order_signed_and_once(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url).for_receiver()
    post.tell(3)
    post.go()
    assert receiver.numbers(secret) == [1, 2, 3]
    assert post.standing() == [(1, "delivered", 1), (2, "delivered", 1), (3, "delivered", 1)]
    post.tell()
    assert post.go() == 1
    assert receiver.numbers(secret) == [1, 2, 3, 4]
    assert post.go() == 0


def test_a_courier_that_ends_before_it_writes_down_sends_again(post: Post, receiver: Receiver) -> None:
    """As `kill -9` leaves it: the messages arrived, and nobody knows."""
    secret = post.register(receiver.url).for_receiver()
    post.tell(3)
    (endpoint,) = post.courier.look()
    post.courier.deliver(endpoint)
    assert receiver.numbers(secret) == [1, 2, 3]

    successor = post.another_courier()
    assert post.go(successor) == 0  # the one before may still be at it
    post.turn(HELD_FOR)
    post.tell()
    post.go(successor)
    assert receiver.numbers(secret)[:6] == [1, 2, 3, 1, 2, 3]
    assert receiver.ids[:3] == receiver.ids[3:6]
    assert [state for _, state, _ in post.standing()] == ["delivered"] * 4


def test_a_process_that_ends_in_order_leaves_nothing_to_be_sent_again(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url).for_receiver()
    post.tell(2)
    (endpoint,) = post.courier.look()
    post.courier.deliver(endpoint)
    post.webhooks.close()
    post.tell()
    assert post.go(post.another_courier()) == 1
    assert receiver.numbers(secret) == [1, 2, 3]


def test_a_courier_that_has_lost_its_turn_stops_and_does_not_undo_what_the_next_has_done(
    post: Post, receiver: Receiver
) -> None:
    post.register(receiver.url)
    post.tell(2)
    (endpoint,) = post.courier.look()
    post.turn(HELD_FOR)
    successor = post.another_courier()
    post.go(successor)
    receiver.answers = [500]
    post.courier.deliver(endpoint)
    assert post.go(post.courier) == 0
    assert [state for _, state, _ in post.standing()] == ["delivered", "delivered"]


def test_several_processes_deliver_one_at_a_time(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url).for_receiver()
    couriers = [post.another_courier() for _ in range(4)]
    post.tell(20)
    with ThreadPoolExecutor(4) as threads:
        went = list(threads.map(post.go, couriers))
    assert receiver.numbers(secret) == list(range(1, 21))
    assert sorted(went) == [0, 0, 0, 1]


def test_a_courier_writes_as_often_without_notices_as_with_them(post: Post, receiver: Receiver) -> None:
    """Else a terminal that waits for its turn to write could tell that somebody was just told of a silent alarm."""
    secret = post.register(receiver.url).for_receiver()
    assert post.go() == 0

    def writes_of_two_rounds() -> int:
        committed = list[object]()
        note = committed.append  # one object, by which it is found again
        event.listen(post.engine, "commit", note)
        for endpoint in post.courier.look():
            post.courier.deliver(endpoint)
        post.courier.look()
        event.remove(post.engine, "commit", note)
        return len(committed)

    without = writes_of_two_rounds()
    post.tell(5)
    assert writes_of_two_rounds() == without == 2
    assert receiver.numbers(secret) == [1, 2, 3, 4, 5]


def test_secrets_that_have_ended_are_destroyed_and_old_deliveries_forgotten(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    post.webhooks.endpoints.rotate("xb", "desk", post.now(), HOUR)
    post.tell()
    post.go()
    post.webhooks.endpoints.forget(post.now(), timedelta(days=30))
    assert secrets_of(post) == [1, 2]
    post.turn(HOUR)
    post.webhooks.endpoints.forget(post.now(), timedelta(days=30))
    assert (secrets_of(post), len(post.standing())) == ([2], 1)
    post.turn(timedelta(days=31))
    post.webhooks.endpoints.forget(post.now(), timedelta(days=30))
    assert post.standing() == []


def secrets_of(post: Post) -> list[int]:
    with post.engine.connect() as connection:
        query = select(webhook_secrets.c.number).order_by(webhook_secrets.c.number)
        return list(connection.execute(query).scalars())


def test_secrets_lie_sealed_and_are_sealed_anew_with_their_partners_key(post: Post, receiver: Receiver) -> None:
    secret = post.register(receiver.url)
    sealed = select(webhook_secrets.c.sealed)
    with post.engine.connect() as connection:
        before = connection.execute(sealed).scalar_one()
    assert secret.raw() not in before
    rotate_owner_key(post.store, "xb", lambda _done, _all: None, post.now)
    with post.engine.connect() as connection:
        assert connection.execute(sealed).scalar_one() != before
    post.tell()
    post.go()
    assert receiver.numbers(secret.for_receiver()) == [1]
