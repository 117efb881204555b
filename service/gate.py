"""The door in front of every call and every page, as ASGI middleware.

Who is calling is settled, and the place in the queue taken, before one byte of the body is read; the body is capped in
bytes and in time, and if it was signed it is held against its digest before anything reads it. (Who looks at a page is
settled by `service.pages.session`.) A bug behind the door is answered without telling what it held.
"""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager, nullcontext

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import CrosscheckError
from service import errors
from service.authentication import Recognised
from service.bodies import capped, require_small, verified
from service.identity import Caller, require
from service.machines.arrived import Arrived
from service.pages import problems
from service.roles import Role
from service.runtime import Runtime
from service.telemetry import log
from service.users.visitor import network_of
from watchlists.database import UNAVAILABLE

CHECKS = re.compile(r"/v1/(match|verify)")
ROLES = {
    re.compile(r"/v1/(watchlists|authorisations)(/.*)?"): (Role.SYNC,),
    re.compile(r"/v1/audit(/.*)?"): (Role.AUDITOR, Role.SYNC),
    re.compile(r"/v1/checks/.*"): (Role.TERMINAL,),
    re.compile(r"/v1/flags(/.*)?"): (Role.REVIEWER,),
    re.compile(r"/v1/(notices|emergencies|releases)(/.*)?"): (Role.SYNC, Role.REVIEWER),
}
"""Who is let in for work that takes a place in the queue of owners; their routers say more."""
SIGN_INS = re.compile(r"/(sign-in|enrol)(/.*)?")
MOST_OF_A_HEAD = 2**15
"""Bytes of all header fields, whoever has read them; `service.serving` refuses a longer head before it is here."""
MOST_OF_A_FORM = 2**16
"""Bytes of the largest body that a page may be sent."""
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
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_OF_A_HEAD:
            raise errors.HeadTooLarge(f"the header fields are over {MOST_OF_A_HEAD} bytes")
        arrived = Arrived.of(scope)
        if scope["path"].startswith(("/v1/", "/metrics")):
            await self._call(arrived, scope, receive, send)
        else:
            await self._page(arrived, scope, receive, send)

    async def _call(self, arrived: Arrived, scope: Scope, receive: Receive, send: Send) -> None:
        runtime, path = self._runtime, scope["path"]
        who = await self._recognise(arrived)
        scope.setdefault("state", {}).update(caller=who.caller, recognised=who)
        (runtime.rates.count_check if CHECKS.fullmatch(path) else runtime.rates.count_call)(who.caller)
        # What is signed is read whole before it is worked on; an import that is not may be longer than any cap.
        endless = scope["method"] == "POST" and IMPORT.fullmatch(path) is not None and not who.signed
        with nullcontext() if endless else self._place(path, who.caller):
            if not endless:
                receive = self._capped(arrived, receive, runtime.settings.max_body)
            if who.signed:
                receive = await verified(receive, who.body_digest)
            await self._app(scope, receive, send)

    async def _page(self, arrived: Arrived, scope: Scope, receive: Receive, send: Send) -> None:
        proxies = self._runtime.authentication.proxies
        proxies.certificate_field(arrived)
        address = proxies.client_of(arrived)
        scope["client"] = address, 0  # for whoever counts tries to sign in: not the proxy's
        if scope["method"] == "POST" and SIGN_INS.fullmatch(scope["path"]):
            self._runtime.rates.count_sign_in(network_of(address))
        await self._app(scope, self._capped(arrived, receive, MOST_OF_A_FORM), send)

    async def _recognise(self, arrived: Arrived) -> Recognised:
        """Find out who calls; an address that has been wrong too often is not listened to for a while."""
        authentication, rates = self._runtime.authentication, self._runtime.rates
        address = network_of(authentication.proxies.client_of(arrived))
        rates.require_listened_to(address)
        try:
            return await self._runtime.authenticating.run(authentication.recognise, arrived)
        except UNAVAILABLE:
            raise
        except CrosscheckError:
            rates.note_failure(address)
            raise

    def _place(self, path: str, caller: Caller) -> AbstractContextManager[None]:
        runtime = self._runtime
        if CHECKS.fullmatch(path):
            require(caller, Role.TERMINAL)
            return runtime.admission.enter(caller.partner)
        for calls, roles in ROLES.items():
            if calls.fullmatch(path):
                require(caller, *roles)
                return runtime.owner_work.enter(caller.partner)
        return nullcontext()

    def _capped(self, arrived: Arrived, receive: Receive, most: int) -> Receive:
        require_small(arrived.fields.get("content-length", "0"), most)
        return capped(receive, most, self._runtime.settings.body_within)

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
    if isinstance(error, HTTPException):  # a signed body that is too long or too slow
        return problems.answer(request, errors.problem_of_http(error), error.headers)
    if not isinstance(error, CrosscheckError):
        log.error("unhandled %s at %s", type(error).__name__, errors.place_of(error))
        error = CrosscheckError("the service failed to process this request")
    return problems.answer(request, errors.problem_of(error), errors.headers_of(error))
