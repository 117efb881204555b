"""The cookies of the desk: read by no script, sent by no other site, and over HTTPS bound to this very host."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service.users.devices import KNOWN_FOR
from service.users.half_sign_ins import LASTS
from service.users.place import Place

SESSION: Final = "crosscheck-session"
DEVICE: Final = "crosscheck-device"
HALF: Final = "crosscheck-sign-in"
"""Between the first step and the second."""
VISITOR: Final = "crosscheck-visitor"
"""Binds the forms of somebody who is nobody yet to this browser; nothing is stored of it."""
_LASTS: Final[dict[str, timedelta | None]] = {SESSION: None, DEVICE: KNOWN_FOR, HALF: LASTS, VISITOR: None}
"""None: until the browser is closed."""


def read(request: Request, place: Place, name: str) -> str:
    """Return what a cookie holds, unverified; "" if it is not there."""
    return request.cookies.get(place.cookie(name), "")


def give(response: Response, place: Place, name: str, value: str) -> None:
    """Set a cookie."""
    lasts = _LASTS[name]
    seconds = None if lasts is None else int(lasts.total_seconds())
    response.set_cookie(
        place.cookie(name), value, max_age=seconds, path="/", secure=place.secure, httponly=True, samesite="strict"
    )


def take(response: Response, place: Place, *names: str) -> None:
    """Delete cookies."""
    for name in names:
        response.delete_cookie(place.cookie(name), path="/", secure=place.secure, httponly=True, samesite="strict")
