"""Routes that answer large JSON bodies quickly: a check is half a megabyte of base64.

A body that is right is read by pydantic at once and given to the endpoint. Whatever is wrong with one is left to
FastAPI, which reads it once more and says what it says everywhere; that may take its time.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, get_type_hints

from fastapi import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from service.api.dependencies import AUTHENTICATED, digest_of
from service.bodies import given_out, whole

_GIVEN: Final = ("caller", "runtime", "body_digest")


class JsonRoute(APIRoute):
    """A route that is answered so if its endpoint takes `request` (a model), and of `_GIVEN` what it likes, no more.

    It must ask for nothing that only FastAPI would see to: neither dependencies but those that say how callers are
    authenticated, which the gate does, nor another status or another kind of answer. Nor must whoever includes its
    router: what `include_router` adds is not looked at.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        hints = get_type_hints(self.endpoint)
        self._takes = list(inspect.signature(self.endpoint).parameters)
        self._model = hints.get("request") if self._is_plain(hints) else None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope)
        if self._model is None or request.method != "POST" or not _is_json(request):
            await super().handle(scope, receive, send)
            return
        unverified = await whole(receive)
        body = None if unverified is None else _read(self._model, unverified)
        if unverified is None or body is None:  # the client has gone, or sent something else
            again = receive if unverified is None else given_out(unverified, receive)
            await super().handle(scope, again, send)
            return
        answer = await self.endpoint(body, **self._given(request, unverified))
        await Response(answer.model_dump_json(), media_type="application/json")(scope, receive, send)

    def _is_plain(self, hints: Mapping[str, Any]) -> bool:
        return (
            inspect.iscoroutinefunction(self.endpoint)
            and "POST" in (self.methods or ())
            and self._takes[:1] == ["request"]
            and set(self._takes[1:]) <= set(_GIVEN)
            and _is_model(hints.get("request"))
            and _is_model(hints.get("return"))
            and self.response_model is hints.get("return")
            and all(each in AUTHENTICATED for each in self.dependencies)
            and self.status_code is None
        )

    def _given(self, request: Request, body: bytes) -> dict[str, Any]:
        """Return what FastAPI would find for the endpoint by `service.api.dependencies`."""
        given: dict[str, Any] = {"caller": request.state.caller, "runtime": request.app.state.runtime}
        if "body_digest" in self._takes:
            given["body_digest"] = digest_of(request, body)
        return {name: value for name, value in given.items() if name in self._takes}


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _read(model: type[BaseModel], unverified: bytes) -> BaseModel | None:
    """Return the body if it is one of `model`."""
    try:
        return model.model_validate_json(unverified)
    except ValidationError:
        return None


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
