"""What routers share: who calls, what the process works with, and the problems each call may answer with."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from service.authentication import Recognised
from service.errors import MEDIA_TYPE
from service.identity import Caller
from service.runtime import Runtime

PROBLEM_SCHEMA = "#/components/schemas/Problem"  # put there by service.app
# The gate authenticates; these only tell OpenAPI that it does. Any one of them is enough.
SIGNED = APIKeyHeader(
    name="Signature-Input",
    scheme_name="Signature",
    auto_error=False,
    description="HTTP Message Signature (RFC 9421, Ed25519), with `Signature` and `Content-Digest`; docs/api.md shows "
    "how. Or a client certificate that a trusted proxy passes on (RFC 9440).",
)
BEARER = HTTPBearer(
    auto_error=False,
    description="For development only: token from `crosscheck token issue`. Refused from elsewhere than the machine "
    "itself, unless the operator has chosen otherwise.",
)
AUTHENTICATED = [Security(SIGNED), Security(BEARER)]

DESCRIPTIONS = {
    400: "The body is not JSON",
    401: "No identity that is known and in force came with the request",
    403: "The caller has another role",
    404: "There is no such thing of the caller's partner",
    409: "It contradicts what is there",
    413: "Too large",
    422: "A field or a sample cannot be used",
    429: "Too many requests of this caller",
    503: "Busy or starting; try again after Retry-After seconds",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI declaration of problem documents with these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": PROBLEM_SCHEMA}}}
    return {status: {"description": DESCRIPTIONS[status], "content": content} for status in statuses}


# Coroutines, though nothing is waited for: FastAPI calls plain functions in another thread, which costs more than they.
async def _caller(request: Request) -> Caller:
    return cast("Caller", request.state.caller)


async def _runtime(request: Request) -> Runtime:
    return cast("Runtime", request.app.state.runtime)


def digest_of(request: Request, body: bytes) -> bytes:
    """Return the SHA-256 of the body of a request that was let in; of a signed one, the gate has reckoned it."""
    signed = cast("Recognised", request.state.recognised).body_digest
    return sha256(body).digest() if signed is None else signed


async def _body_digest(request: Request) -> bytes:
    return digest_of(request, await request.body())


CurrentCaller = Annotated[Caller, Depends(_caller)]
CurrentRuntime = Annotated[Runtime, Depends(_runtime)]
BodyDigest = Annotated[bytes, Depends(_body_digest)]
