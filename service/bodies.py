"""Bodies on their way in: capped in bytes and in time, and held against a signed digest before anything reads them."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from service.errors import BodyTooLarge
from service.machines.digests import require_digest

_EMPTY: Final = sha256().digest()


def require_small(declared: str, most: int) -> None:
    """Refuse a body by its declared length, before any of it is read.

    Raises:
        BodyTooLarge: it is longer than `most` bytes.
    """
    if declared.isdecimal() and int(declared) > most:
        raise BodyTooLarge(f"the body is over {most} bytes")


def capped(receive: Receive, most: int, within: float) -> Receive:
    """Return `receive` with a cap on the bytes that arrive, and on the seconds that they take.

    What it raises are HTTPExceptions, which FastAPI passes on unchanged: 413, 408.
    """
    received, complete = 0, False
    deadline = asyncio.get_running_loop().time() + within

    async def receive_capped() -> Message:
        nonlocal received, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, f"the body did not arrive within {within:g} seconds") from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > most:
            raise HTTPException(413, f"the body is over {most} bytes")
        return message

    return receive_capped


async def whole(receive: Receive) -> bytes | None:
    """Return a whole body; None if the client has gone meanwhile, so that there is nobody to answer."""
    parts = list[bytes]()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def given_out(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives out a body that was read from `receive` once more, and then what follows."""
    whole_body: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def give_out() -> Message:
        nonlocal whole_body
        given, whole_body = whole_body, None
        return await receive() if given is None else given

    return give_out


async def verified(receive: Receive, digest: bytes | None) -> Receive:
    """Read a whole body, hold it against the digest that was signed, and return a `receive` that gives it out.

    Args:
        receive: capped.
        digest: SHA-256; None if nothing was signed, so that nothing may come.

    Raises:
        DigestMismatch: it is another body.
    """
    body = await whole(receive)
    if body is None:
        return receive
    require_digest(body, _EMPTY if digest is None else digest)
    return given_out(body, receive)
