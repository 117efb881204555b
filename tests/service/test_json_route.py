"""What is answered quickly is answered as FastAPI answers it, and what is wrong with a body is said as everywhere."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Annotated, Any

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.dependencies import BodyDigest
from service.api.json_route import JsonRoute
from service.authentication import Recognised
from service.identity import Caller
from service.machines.arrived import Arrived
from service.roles import Role


class Question(BaseModel):
    text: Annotated[str, Field(min_length=2)]
    number: int = 3


class Answer(BaseModel):
    question: Question
    half: float
    nothing: str | None = None


async def caller(request: Request) -> str:
    return str(request.state.caller)


async def runtime(request: Request) -> str:
    return str(request.app.state.runtime)


async def ask(
    request: Question, caller: Annotated[str, Depends(caller)], runtime: Annotated[str, Depends(runtime)]
) -> Answer:
    assert (caller, runtime) == ("somebody", "something")
    return Answer(question=request, half=request.number / 2)


class Gate:
    """Knows who calls."""

    def __init__(self, app: ASGIApp, recognised: Recognised | None = None) -> None:
        self._app = app
        self._recognised = recognised

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {}).update(caller="somebody", recognised=self._recognised)
        await self._app(scope, receive, send)


def served(route: type[Any] | None) -> TestClient:
    app = FastAPI()
    app.state.runtime = "something"
    router = APIRouter(route_class=route) if route else APIRouter()
    router.post("/ask")(ask)
    app.include_router(router)
    app.add_middleware(Gate)
    return TestClient(app, headers={"content-type": "application/json"})


@pytest.mark.parametrize("given_type", ["application/json", "Application/JSON; charset=utf-8", "text/plain", ""])
@pytest.mark.parametrize(
    "body",
    [
        '{"text": "é\\u00e9", "number": 5}',
        '{"text": "ab", "unknown": [1]}',
        '{"text": "a"}',
        '{"number": 5}',
        '{"text": "ab", "number": "x"}',
        '["text"]',
        '{"text": "ab"',
        "",
        "\xff",
    ],
)
def test_an_answer_is_that_of_fastapi(body: str, given_type: str) -> None:
    quick, slow = (
        served(route).post("/ask", content=body.encode(), headers={"content-type": given_type})
        for route in (JsonRoute, None)
    )
    assert (quick.status_code, quick.json()) == (slow.status_code, slow.json())
    assert quick.headers == slow.headers


def test_what_is_right_is_not_read_by_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(json, "loads", lambda *_: pytest.fail("read twice"))
        assert served(JsonRoute).post("/ask", content='{"text": "ab"}').status_code == 200


def test_a_client_that_leaves_is_told_from_an_error() -> None:
    """Nobody hears the answer, and the log of errors nothing."""
    said: list[Message] = []
    begun: Message = {"type": "http.request", "body": b'{"te', "more_body": True}
    gone: Message = {"type": "http.disconnect"}
    arriving = iter([begun, gone, gone, gone])

    async def receive() -> Message:
        return next(arriving)

    async def send(message: Message) -> None:
        said.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/ask", "query_string": b"", "headers": headers}
    anyio.run(served(JsonRoute).app, scope, receive, send)
    assert said[0]["status"] == 400


async def refuse() -> None:
    raise HTTPException(403)


async def ask_in(
    place: str,
    request: Question,
    caller: Annotated[str, Depends(caller)],
    runtime: Annotated[str, Depends(runtime)],
) -> Answer:
    assert place == "here"
    return await ask(request, caller, runtime)


async def digest(request: Question, body_digest: BodyDigest) -> Answer:
    return Answer(question=request, half=0, nothing=body_digest.hex())


@pytest.mark.parametrize("signed", [None, bytes(32)], ids=["unsigned", "signed"])
@pytest.mark.parametrize("given_type", ["application/json", "application/vnd.check+json"])
def test_an_endpoint_learns_the_digest_of_the_bytes_whoever_reads_them(signed: bytes | None, given_type: str) -> None:
    recognised = Recognised(Caller("xa", Role.TERMINAL, "gate"), Arrived("POST", "/digest", "", {}, ""), "", signed)
    app = FastAPI()
    app.state.runtime = "something"
    router = APIRouter(route_class=JsonRoute)
    router.post("/digest")(digest)
    app.include_router(router)
    app.add_middleware(Gate, recognised=recognised)
    body = b'{"text": "ab"} '
    answer = TestClient(app).post("/digest", content=body, headers={"content-type": given_type})
    assert answer.json()["nothing"] == (sha256(body).hexdigest() if signed is None else signed.hex())


def test_what_only_fastapi_sees_to_is_left_to_it() -> None:
    app = FastAPI()
    app.state.runtime = "something"
    router = APIRouter(route_class=JsonRoute)
    router.post("/barred", dependencies=[Depends(refuse)])(ask)
    router.post("/made", status_code=201)(ask)
    router.post("/{place}/ask")(ask_in)
    router.put("/put")(ask)
    app.include_router(router)
    app.add_middleware(Gate)
    client = TestClient(app)
    paths = ("/barred", "/made", "/here/ask", "/put")
    statuses = [client.post(path, json={"text": "ab"}).status_code for path in paths]
    assert statuses == [403, 201, 200, 405]
