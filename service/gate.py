"""The door in front of every call under /v1, as ASGI middleware.

Who is calling is settled, and the place in the queue taken, before one byte of the body is read; the body is capped in
bytes and in time. A bug behind the door is answered without telling what it held.
"""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, nullcontext

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import CrosscheckError
from service import errors
from service.identity import Caller, require
from service.pages import problems
from service.roles import Role
from service.runtime import Runtime
from service.telemetry import log
from watchlists.database import UNAVAILABLE

CHECKS = re.compile(r"/v1/(match|verify)")
OWNER_CALLS = re.compile(r"/v1/(watchlists|authorisations)(/.*)?")
OUTCOMES = re.compile(r"/v1/checks/.*")
REVIEW_CALLS = re.compile(r"/v1/flags(/.*)?")
DESK_CALLS = re.compile(r"/v1/(notices|emergencies|releases)(/.*)?")
AUDIT_CALLS = re.compile(r"/v1/audit(/.*)?")
IMPORT = re.compile(r"/v1/watchlists/[^/]+/entries:import")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Gate:
    """Authenticates, admits, caps, measures and, last, catches what nobody else did."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

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
        except Exception as error:  # noqa: BLE001 -- the last resort: a bug must not print what it held
            response = _last_answer(Request(scope), error)
            if status == 0:  # else the answer has begun, and the client sees it break off
                await response(scope, receive, send_and_note)
        finally:
            self._note(scope, status, time.perf_counter() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if not path.startswith(("/v1/", "/metrics")):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller = await self._runtime.authentication.run(self._runtime.tokens.recognise, headers.get("authorization"))
        scope.setdefault("state", {})["caller"] = caller
        endless = scope["method"] == "POST" and IMPORT.fullmatch(path) is not None
        with nullcontext() if endless else self._place(path, caller):
            await self._app(scope, receive if endless else self._capped(receive, headers), send)

    def _place(self, path: str, caller: Caller) -> AbstractContextManager[None]:
        if CHECKS.fullmatch(path):
            require(caller, Role.TERMINAL)
            return self._runtime.admission.enter()
        if OWNER_CALLS.fullmatch(path):
            require(caller, Role.SYNC)
            return self._runtime.owner_work.enter()
        if AUDIT_CALLS.fullmatch(path):
            require(caller, Role.AUDITOR, Role.SYNC)
            return self._runtime.owner_work.enter()
        if OUTCOMES.fullmatch(path):
            require(caller, Role.TERMINAL)
            return self._runtime.owner_work.enter()
        if REVIEW_CALLS.fullmatch(path):
            require(caller, Role.REVIEWER)
            return self._runtime.owner_work.enter()
        if DESK_CALLS.fullmatch(path):
            require(caller, Role.SYNC, Role.REVIEWER)
            return self._runtime.owner_work.enter()
        return nullcontext()

    def _capped(self, receive: Receive, headers: Headers) -> Receive:
        """Return `receive` with the cap on body bytes, declared or counted, and on the time they take to arrive."""
        settings = self._runtime.settings
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > settings.max_body:
            raise errors.BodyTooLarge(f"the body is over {settings.max_body} bytes")
        received, complete = 0, False
        deadline = anyio.current_time() + settings.body_within

        async def receive_capped() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            with anyio.move_on_at(deadline):
                message = await receive()
                received += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if received > settings.max_body:  # as an HTTPException, which FastAPI passes on unchanged
                    raise HTTPException(413, f"the body is over {settings.max_body} bytes")
                return message
            raise HTTPException(408, f"the body did not arrive within {settings.body_within:g} seconds")

        return receive_capped

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, not the path: entry ids are the partners' business.
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._runtime.metrics.requests.labels(method, route, status).inc()
        self._runtime.metrics.seconds.labels(route).observe(seconds)
        log.info("%s %s %d %.1f ms", method, route, status, seconds * 1000)


def _last_answer(request: Request, error: Exception) -> Response:
    if isinstance(error, UNAVAILABLE):
        error = errors.DatabaseBusy("the database did not answer in time")
    if not isinstance(error, CrosscheckError):
        log.error("unhandled %s at %s", type(error).__name__, errors.place_of(error))
        error = CrosscheckError("the service failed to process this request")
    return problems.answer(request, errors.problem_of(error), errors.headers_of(error))
