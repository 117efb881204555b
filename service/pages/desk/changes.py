"""Word to open pages that the queue has changed, so that none has to ask over and over.

One watcher a process asks the database, at most once a second and only while somebody listens, how the queues of all
desks stand. A stream says "changed" when a desk of its reader has, and nothing else: the page then fetches its list.
A first verdict of two changes nothing in a queue, so no stream tells of it. Streams end when the process is about to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeAlias

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine, func, select

from service.draining import Draining
from service.errors import Overloaded, place_of
from service.review.access import Desk
from service.review.views import FlagState
from service.schema import flags
from service.telemetry import log
from watchlists.database import UNAVAILABLE

EVERY: Final = 1.0
"""Seconds between two looks at the database."""
STILL_HERE: Final = 20.0
"""Seconds without a change after which a stream shows that it lives, if its reader is still signed in."""
MOST_STREAMS: Final = 500
RETRY_MILLISECONDS: Final = 3000

Standing: TypeAlias = Mapping[Desk, int]
"""How the queue of each desk stands, as a number that changes with it."""


class Listener:
    """One stream: what it has last heard of its desks, and whether that has changed."""

    def __init__(self, desks: Iterable[Desk]) -> None:
        self._desks = tuple(desks)
        self._heard: tuple[int | None, ...] | None = None
        self._event = anyio.Event()

    def hear(self, standing: Standing) -> None:
        """Take in how the queues stand; what is heard first is what the page shows already."""
        now = tuple(standing.get(desk) for desk in self._desks)
        if self._heard not in (None, now):
            self._event.set()
        self._heard = now

    async def changed(self) -> bool:
        """Wait for a change, for a while; return whether there was one."""
        with anyio.move_on_after(STILL_HERE):
            await self._event.wait()
        was_set = self._event.is_set()
        self._event = anyio.Event()
        return was_set

    def wake(self) -> None:
        """Let whoever waits look around."""
        self._event.set()


class Changes:
    """The watcher of one process. Everything but `look` runs on the event loop."""

    def __init__(self, look: Callable[[], Standing], draining: Draining) -> None:
        self._look = look
        self._draining = draining
        self._listeners: set[Listener] = set()

    def require_room(self) -> None:
        """Refuse another stream where there are as many as there may be.

        Raises:
            Overloaded: there are.
        """
        if len(self._listeners) >= MOST_STREAMS:
            raise Overloaded(retry_after=30)

    @contextmanager
    def listening(self, desks: Iterable[Desk]) -> Iterator[Listener]:
        """Count in somebody who listens."""
        listener = Listener(desks)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    @property
    def ending(self) -> bool:
        """Whether streams have to end."""
        return self._draining.begun

    async def run(self) -> None:
        """Watch until the process ends."""
        while not self._draining.begun:
            if self._listeners:
                await self._tell()
            with anyio.move_on_after(EVERY):
                await self._draining.wait()
        for listener in self._listeners:
            listener.wake()

    async def _tell(self) -> None:
        try:
            standing = await anyio.to_thread.run_sync(self._look)
        except UNAVAILABLE:
            return  # asked again in a second
        except Exception as error:  # noqa: BLE001 -- else no page would hear of anything any more
            log.error("pages hear of no change: unhandled %s at %s", type(error).__name__, place_of(error))
            return
        for listener in self._listeners:
            listener.hear(standing)


def standing_of(engine: Engine) -> Standing:
    """Return how the queues stand that anything still waits in."""
    with engine.connect() as connection:
        return _standing(connection)


def _standing(connection: Connection) -> Standing:
    parts = flags.c["partner", "desk", "state", "rank", "exercise"]
    query = (
        select(
            *parts, func.count(), func.min(flags.c.queued_at), func.max(flags.c.queued_at), func.max(flags.c.opened_at)
        )
        .where(flags.c.state.in_([FlagState.OPEN.value, FlagState.WAITING.value]))
        .group_by(*parts)
        .order_by(*parts)
    )
    found: dict[Desk, list[object]] = {}
    for partner, agreement, *numbers in connection.execute(query):
        found.setdefault(Desk(partner), []).append((agreement, *numbers))
        if agreement is not None:
            found.setdefault(Desk(partner, agreement), []).append(tuple(numbers))
    return {desk: hash(tuple(rows)) for desk, rows in found.items()}


async def stream(changes: Changes, listener: Listener, still_signed_in: Callable[[], bool]) -> AsyncIterator[str]:
    """Yield the events of one stream, until its reader is signed out or the process is about to end."""
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    while not changes.ending:
        changed = await listener.changed()
        if changes.ending or not await anyio.to_thread.run_sync(still_signed_in):
            return
        yield "event: changed\ndata: queue\n\n" if changed else ": still here\n\n"
