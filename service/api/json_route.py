"""Routes that answer large JSON bodies quickly: a check is half a megabyte of base64.

A body that is right is read by pydantic at once and given to the endpoint. Whatever is wrong with one is left to
FastAPI, which reads it once more and says what it says everywhere; that may take its time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError


class JsonRoute(APIRoute):
    """A route that is answered so, if its endpoint takes `request` (a model), `caller` and `runtime`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer_slowly = super().get_route_handler()
        model = get_type_hints(self.endpoint).get("request")
        if model is None:
            return answer_slowly

        async def answer_quickly(request: Request) -> Response:
            body = await _read(request, model)
            if body is None:
                return await answer_slowly(request)
            answer = await self.endpoint(body, request.state.caller, request.app.state.runtime)
            return Response(answer.model_dump_json(), media_type="application/json")

        return answer_quickly


async def _read(request: Request, model: type[BaseModel]) -> BaseModel | None:
    """Return the body if it is one of `model`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        return model.model_validate_json(await request.body())
    except ValidationError:
        return None
