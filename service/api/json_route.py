"""Routes that answer large JSON bodies quickly: a check is half a megabyte of base64.

A body that is right is read by pydantic at once and given to the endpoint. Whatever is wrong with one is left to
FastAPI, which reads it once more and says what it says everywhere; that may take its time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from service.api.dependencies import AUTHENTICATED


class JsonRoute(APIRoute):
    """A route that is answered so if its endpoint takes `request` (a model), `caller` and `runtime`, and nothing else.

    It must ask for nothing that only FastAPI would see to: neither dependencies but those that say how callers are
    authenticated, which the gate does, nor another status or another kind of answer.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer_slowly = super().get_route_handler()
        model = get_type_hints(self.endpoint).get("request")
        if model is None or not self._is_plain(model):
            return answer_slowly

        async def answer_quickly(request: Request) -> Response:
            body = await _read(request, model)
            if body is None:
                return await answer_slowly(request)
            answer = await self.endpoint(body, request.state.caller, request.app.state.runtime)
            return Response(answer.model_dump_json(), media_type="application/json")

        return answer_quickly

    def _is_plain(self, model: Any) -> bool:
        takes = list(inspect.signature(self.endpoint).parameters)
        return (
            takes == ["request", "caller", "runtime"]
            and isinstance(model, type)
            and issubclass(model, BaseModel)
            and all(each in AUTHENTICATED for each in self.dependencies)
            and self.status_code is None
            and self.response_model is get_type_hints(self.endpoint).get("return")
        )


async def _read(request: Request, model: type[BaseModel]) -> BaseModel | None:
    """Return the body if it is one of `model`; a client that leaves is left to FastAPI as well."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        return model.model_validate_json(await request.body())
    except (ValidationError, ClientDisconnect):
        return None
