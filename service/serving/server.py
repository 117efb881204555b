"""The end of a serving process, in bounded time and without anybody noticing.

1. Asked to end (SIGTERM), `/readyz` fails from then on, and streams of events for pages end. Whoever comes is still
   answered for `notice` seconds, in which a proxy looks, and sends its requests elsewhere.
2. Then uvicorn accepts no connection any more, and what is under way is answered, for `GRACE` seconds at most.
3. What checks have left to be flagged is flagged (`Runtime.close`), and the process ends.

SIGINT leaves out the notice. A second SIGTERM changes nothing: some supervisors send one to every process of a service.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any, Final

from fastapi import FastAPI

from service.draining import Draining

GRACE: Final = 10


def give_notice(app: FastAPI, notice: float) -> FastAPI:
    """Make `app` begin to end by rule 1 when its process is asked to. It is served by uvicorn in the main thread."""
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def with_notice(app: FastAPI) -> AsyncIterator[Any]:
        async with lifespan(app) as state:
            _announce_first(app.state.runtime.draining, notice)  # by now uvicorn has put its handlers in place
            yield state

    app.router.lifespan_context = with_notice
    return app


def _announce_first(draining: Draining, notice: float) -> None:
    ends = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        asked_before = draining.begun
        draining.begin()
        end = ends[signal.Signals(number)]
        if not callable(end) or (asked_before and number == signal.SIGTERM):
            return
        if number == signal.SIGINT:
            end(number, frame)
            return
        waiting = threading.Timer(notice, end, (number, None))
        waiting.daemon = True
        waiting.start()

    for number in ends:
        signal.signal(number, on_signal)
