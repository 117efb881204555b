"""Those who are not signed in: their forms, where they come from, and passwords that they have compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, ParamSpec, TypeVar

import anyio
from fastapi import Depends, Request
from starlette.responses import Response

from service.pace import remaining
from service.pages import cookies
from service.pages.rendering import page
from service.pages.session import CurrentPlace, OwnForm, require_token
from service.runtime import Runtime
from service.users.errors import ForgedForm
from service.users.place import Place
from service.users.secret_ids import csrf_token, new_secret
from service.users.visitor import Visitor, network_of

P = ParamSpec("P")
T = TypeVar("T")
PACE: Final = 0.25
"""What compares a password takes a multiple of so many seconds, whatever came of it and whoever was named."""
_WITHIN: Final = re.compile(r"/(review|account)(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


def _visitor(request: Request, place: CurrentPlace) -> Visitor:
    address = "" if request.client is None else request.client.host
    return Visitor(network_of(address), cookies.read(request, place, cookies.DEVICE))


def _visitor_form(request: Request, place: CurrentPlace, form: OwnForm) -> Mapping[str, str]:
    secret = cookies.read(request, place, cookies.VISITOR)
    if not secret:
        raise ForgedForm("this browser does not keep cookies, or the page was open for too long")
    require_token(request, form, secret)
    return form


CurrentVisitor = Annotated[Visitor, Depends(_visitor)]
VisitorForm = Annotated[Mapping[str, str], Depends(_visitor_form)]
"""A form of somebody who is nobody yet, sent from this very browser."""


def visitor_page(
    request: Request,
    place: Place,
    template: str,
    values: Mapping[str, object],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a page whose forms are bound to this browser, by a cookie that it gets if it has none."""
    secret = cookies.read(request, place, cookies.VISITOR)
    given = secret or new_secret()
    holder = {"csrf_token": csrf_token(given)}
    response = page(request, template, {"visitor": holder} | dict(values), status=status, headers=headers)
    if not secret:
        cookies.give(response, place, cookies.VISITOR, given)
    return response


def path_within(unverified_path: str) -> str:
    """Return where to go after a sign-in: a page of ours, or "" for wherever people begin."""
    return unverified_path if _WITHIN.fullmatch(unverified_path) else ""


async def with_password(runtime: Runtime, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what compares a password: few at once, and ending at a multiple of `PACE`.

    Raises:
        Overloaded: too many wait already.
    """
    begun = anyio.current_time()
    try:
        with runtime.people.threads.enter():
            return await runtime.people.threads.run(work, *args, **kwargs)
    finally:
        await anyio.sleep(remaining(anyio.current_time() - begun, PACE))
