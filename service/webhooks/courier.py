"""Delivers notices, one process of the node at a time, each endpoint by itself: one that hangs holds up no other.

Whoever delivers holds the turn, and says every two seconds that it still does, in one transaction of 10 ms, in which
what has come of its tries goes down too. So the writing is the same with notices and without: a check that comes upon
it must not learn that somebody was just told of a silent alarm.

A notice that arrived is written down after it arrived. Whoever is stopped in between, or loses the turn, has it sent
again by the next: each notice comes at least once, with the same id, and never before the one in front of it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine, exists, or_, select

from service import audit
from service.audit import EventKind
from service.errors import place_of
from service.identity import Caller
from service.pace import wait_out
from service.roles import Role
from service.schema import notices
from service.telemetry import log
from service.webhook_schema import webhook_deliveries, webhook_turn, webhooks
from service.webhooks.endpoints import Endpoint, Endpoints
from service.webhooks.message import Message, messages_after
from service.webhooks.schedule import is_given_up, pause_after
from service.webhooks.signing import signed_headers
from service.webhooks.transport import Answer, Outcome, Transport
from watchlists.database import upsert, writing
from watchlists.errors import SealBroken

ACTOR: Final = "webhook courier"
BATCH: Final = 100
"""Notices that are sent to one endpoint before the next look at all."""
HELD_FOR: Final = timedelta(seconds=40)
"""How long a process that has said nothing still has the turn: longer than one exchange takes."""
SLOT: Final = 0.01
"""Seconds, or a multiple of them, that the turn to write is held, whatever goes down."""


@dataclass(frozen=True, slots=True)
class Try:
    """One message sent once."""

    number: int
    at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class Run:
    """What one look at an endpoint has come to: messages that arrived, and after them at most one that did not."""

    endpoint: Endpoint
    tries: Sequence[Try]


class Courier:
    """The courier of one process. `look` and `deliver` may be called from any thread."""

    def __init__(
        self, engine: Engine, endpoints: Endpoints, transport: Transport, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._endpoints = endpoints
        self._transport = transport
        self._clock = clock
        self._me = str(uuid4())
        self._lock = threading.Lock()
        self._running = set[str]()
        self._done = list[Run]()
        self._mine_until = 0.0
        """By `time.monotonic`."""

    def look(self) -> Sequence[Endpoint]:
        """Take or keep the turn, write down what was done, and return the endpoints to deliver to now.

        Each of them has to be given to `deliver`.

        Raises:
            UNAVAILABLE: the database is busy or away; what was done is written down next time.
        """
        now = self._clock()
        if not self._is_open(now):
            return []
        asked = time.monotonic()
        begun = time.perf_counter()
        with self._lock:
            done = list(self._done)
        with writing(self._engine) as connection:
            if not self._take_turn(connection, now):
                return []
            for run in done:
                _write(connection, run, now)
            due = _due(connection, now)
            wait_out(begun, SLOT)
        with self._lock:
            self._mine_until = asked + HELD_FOR.total_seconds()
            del self._done[: len(done)]
            self._running -= {run.endpoint.id for run in done}
            chosen = [endpoint for endpoint in due if endpoint.id not in self._running]
            self._running |= {endpoint.id for endpoint in chosen}
        return chosen

    def deliver(self, endpoint: Endpoint) -> None:
        """Send what waits for an endpoint, in order, until one does not arrive."""
        tries = list[Try]()
        try:
            for each in self._tries(endpoint):
                tries.append(each)
        except Exception as error:  # noqa: BLE001 -- else nothing would be delivered there any more
            log.error(
                "webhook %s of %s: %s at %s", endpoint.name, endpoint.partner, type(error).__name__, place_of(error)
            )
        finally:
            with self._lock:
                self._done.append(Run(endpoint, tries))

    def test(self, endpoint: Endpoint, message: Message) -> Answer:
        """Send one message, whatever is due."""
        return self._send(endpoint, message, self._clock())

    def close(self) -> None:
        """Give the turn back, with what was done."""
        with self._lock:
            done, self._done = self._done, []
        if time.monotonic() < self._mine_until:
            with writing(self._engine) as connection:
                mine = webhook_turn.update().where(webhook_turn.c.holder == self._me)
                if connection.execute(mine.values(until=self._clock())).rowcount:
                    for run in done:
                        _write(connection, run, self._clock())

    def _tries(self, endpoint: Endpoint) -> Iterator[Try]:
        with self._engine.connect() as connection:
            messages = messages_after(connection, endpoint.partner, endpoint.delivered, BATCH)
        for message in messages:
            if time.monotonic() > self._mine_until - HELD_FOR.total_seconds() / 2:
                return  # another process may be at it soon
            at = self._clock()
            answer = self._send(endpoint, message, at)
            yield Try(message.number, at, answer)
            if answer.outcome is not Outcome.DELIVERED:
                return

    def _send(self, endpoint: Endpoint, message: Message, at: datetime) -> Answer:
        try:
            with self._engine.connect() as connection:
                secrets = self._endpoints.secrets(connection, endpoint, at)
        except SealBroken:
            return Answer(Outcome.NOT_SIGNED)
        if not secrets:
            return Answer(Outcome.NOT_SIGNED)
        return self._transport.send(endpoint.url, signed_headers(message.id, at, message.body, secrets), message.body)

    def _is_open(self, now: datetime) -> bool:
        """Whether there is any endpoint, and no other process that delivers."""
        with self._engine.connect() as connection:
            if connection.execute(select(webhooks.c.id).limit(1)).first() is None:
                return False
            turn = connection.execute(select(webhook_turn)).first()
        return turn is None or turn.holder == self._me or turn.until <= now

    def _take_turn(self, connection: Connection, now: datetime) -> bool:
        values = {"holder": self._me, "until": now + HELD_FOR}
        free = or_(webhook_turn.c.holder == self._me, webhook_turn.c.until <= now)
        taken = upsert(connection, webhook_turn).values(id=1, **values)
        taken = taken.on_conflict_do_update(index_elements=[webhook_turn.c.id], set_=values, where=free)
        return connection.execute(taken.returning(webhook_turn.c.id)).first() is not None


def _due(connection: Connection, now: datetime) -> Sequence[Endpoint]:
    waits = exists().where(notices.c.partner == webhooks.c.partner, notices.c.number > webhooks.c.delivered)
    in_time = or_(webhooks.c.next_try_at.is_(None), webhooks.c.next_try_at <= now)
    query = select(webhooks).where(webhooks.c.paused_at.is_(None), webhooks.c.parked_at.is_(None), in_time, waits)
    return [Endpoint(**row) for row in connection.execute(query.order_by(webhooks.c.id)).mappings()]


def _write(connection: Connection, run: Run, now: datetime) -> None:
    """Write down what has come of a run, if the endpoint is still there and as it was."""
    it = webhooks.c.id == run.endpoint.id, webhooks.c.delivered == run.endpoint.delivered
    if not run.tries or connection.execute(select(webhooks.c.id).where(*it)).first() is None:
        return
    for each in run.tries:
        _note(connection, run.endpoint, each)
    last = run.tries[-1]
    arrived = [each.number for each in run.tries if each.answer.outcome is Outcome.DELIVERED]
    standing: dict[str, object] = {"delivered": arrived[-1]} if arrived else {}
    if last.answer.outcome is Outcome.DELIVERED:
        standing |= {"failures": 0, "failing_since": None, "next_try_at": None}
    else:
        standing |= _failed(connection, run.endpoint, last, now, is_first=bool(arrived))
    connection.execute(webhooks.update().where(*it).values(**standing))


def _failed(
    connection: Connection, endpoint: Endpoint, last: Try, now: datetime, *, is_first: bool
) -> dict[str, object]:
    failures = 1 if is_first else endpoint.failures + 1
    since = last.at if is_first or endpoint.failing_since is None else endpoint.failing_since
    failed: dict[str, object] = {"failures": failures, "failing_since": since}
    if last.answer.outcome is Outcome.GONE or is_given_up(since, now):
        details: audit.Details = {"webhook": endpoint.name, "notice": last.number, "outcome": last.answer.outcome.value}
        actor = Caller(endpoint.partner, Role.OPERATOR, ACTOR)
        audit.record(connection, EventKind.WEBHOOK_PARKED, actor, now, details)
        return failed | {"parked_at": now, "next_try_at": None}
    pause = pause_after(failures, random.random(), last.answer.asked)  # noqa: S311
    return failed | {"next_try_at": last.at + pause}


def _note(connection: Connection, endpoint: Endpoint, each: Try) -> None:
    said = {"last_at": each.at, "outcome": each.answer.outcome.value, "status": each.answer.status}
    new = upsert(connection, webhook_deliveries)
    new = new.values(webhook=endpoint.id, number=each.number, tries=1, first_at=each.at, **said)
    again = {"tries": webhook_deliveries.c.tries + 1, **said}
    connection.execute(new.on_conflict_do_update(index_elements=webhook_deliveries.primary_key.columns, set_=again))
