"""The door in front of every call under /v1, as ASGI middleware.

Who is calling is settled, and the place in the queue taken, before one byte of the body is read. A bug behind the door
is answered without telling what it held.
"""

from __future__ import annotations

import time

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import CrosscheckError
from service import errors
from service.identity import TokenRegister
from service.limits import Admission
from service.telemetry import Metrics, log

QUEUED_PATHS = frozenset({"/v1/match", "/v1/verify"})
STREAMED = ":import"  # paths that end so have no end of their own; each of their lines is capped instead


class Gate:
    """Authenticates, admits, measures and, last, catches what nobody else did."""

    def __init__(
        self, app: ASGIApp, tokens: TokenRegister, admission: Admission, metrics: Metrics, max_body: int
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._tokens = tokens
        self._admission = admission
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._pass(scope, receive, send_and_note)
        except CrosscheckError as error:
            response = errors.answer(errors.problem_of(error), errors.headers_of(error))
            await response(scope, receive, send_and_note)
        except Exception as error:  # noqa: BLE001 -- the last resort: a bug must not print what it held
            log.error("unhandled %s at %s", type(error).__name__, errors.place_of(error))
            if status == 0:
                bug = CrosscheckError("the service failed to process this request")
                await errors.answer(errors.problem_of(bug))(scope, receive, send_and_note)
        finally:
            self._note(scope, status, time.perf_counter() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(("/v1/", "/metrics")):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        recognise = self._tokens.recognise
        scope.setdefault("state", {})["caller"] = await run_in_threadpool(recognise, headers.get("authorization"))
        if not scope["path"].endswith(STREAMED):
            receive = self._capped(receive, headers)
        if scope["path"] in QUEUED_PATHS:
            with self._admission.enter():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _capped(self, receive: Receive, headers: Headers) -> Receive:
        """Return `receive` with the cap on body bytes, declared or counted."""
        if int(headers.get("content-length", 0)) > self._max_body:
            raise errors.BodyTooLarge(f"the body is over {self._max_body} bytes")
        received = 0

        async def receive_capped() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body:  # as an HTTPException, which FastAPI passes on unchanged
                raise HTTPException(413, f"the body is over {self._max_body} bytes")
            return message

        return receive_capped

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, not the path: entry ids are the partners' business.
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.requests.labels(scope["method"], route, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        log.info("%s %s %d %.1f ms", scope["method"], route, status, seconds * 1000)
