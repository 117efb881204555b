"""Who looks at a page: what pages depend on, as routers depend on `service.api.dependencies`.

`CurrentUser` is whoever is signed in, `CurrentReviewer` and `CurrentAuditor` one in that role; without a session the
answer is the way to the sign-in page, in another role it is 403. `WatchingUser` is for what a page asks for by itself:
it does not keep the session alive. A form is read as `UserForm`, which has checked that it is one of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from service.api.dependencies import CurrentRuntime
from service.pages.cookies import SESSION
from service.pages.forms import read_form
from service.roles import Role
from service.runtime import Runtime
from service.users.errors import ForgedForm, NotSignedIn
from service.users.place import Place
from service.users.secret_ids import is_csrf_token
from service.users.sessions import SignedIn

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"

__all__ = [
    "CSRF_FIELD",
    "CSRF_HEADER",
    "CurrentAuditor",
    "CurrentPlace",
    "CurrentReviewer",
    "CurrentUser",
    "SignedIn",
    "UserForm",
    "WatchingUser",
    "install",
    "signed_in_as",
]


def _place(request: Request, runtime: CurrentRuntime) -> Place:
    return Place.of_request(runtime.settings.desk_origin, request.headers.get("host", ""))


CurrentPlace = Annotated[Place, Depends(_place)]


def _user(request: Request, runtime: CurrentRuntime, place: CurrentPlace) -> SignedIn:
    return _recognised(request, runtime, place, use=True)


def _watching_user(request: Request, runtime: CurrentRuntime, place: CurrentPlace) -> SignedIn:
    return _recognised(request, runtime, place, use=False)


def _recognised(request: Request, runtime: Runtime, place: Place, *, use: bool) -> SignedIn:
    found = runtime.people.sessions.recognise(request.cookies.get(place.cookie(SESSION)), use=use)
    if found is None:
        raise NotSignedIn
    request.state.signed_in = found  # for the frame of the page
    return found


CurrentUser = Annotated[SignedIn, Depends(_user)]
WatchingUser = Annotated[SignedIn, Depends(_watching_user)]


def signed_in_as(*roles: Role) -> Callable[[Request, SignedIn], SignedIn]:
    """Return the dependency on somebody who is signed in and has one of `roles`; `caller` has the first that fits."""

    def of_role(request: Request, user: CurrentUser) -> SignedIn:
        request.state.signed_in = user.acting_as(*roles)
        return cast("SignedIn", request.state.signed_in)

    return of_role


CurrentReviewer = Annotated[SignedIn, Depends(signed_in_as(Role.REVIEWER))]
CurrentAuditor = Annotated[SignedIn, Depends(signed_in_as(Role.AUDITOR))]


async def own_form(request: Request, place: CurrentPlace) -> Mapping[str, str]:
    """Read a form that a page of ours has sent; the caller still owes the check of its token.

    Raises:
        ForgedForm: a page of another site has sent it.
    """
    place.require_own_form(request.headers.get("origin"), request.headers.get("sec-fetch-site"))
    return await read_form(request)


OwnForm = Annotated[Mapping[str, str], Depends(own_form)]


def _user_form(request: Request, place: CurrentPlace, form: OwnForm, user: CurrentUser) -> Mapping[str, str]:  # noqa: ARG001
    require_token(request, form, request.cookies[place.cookie(SESSION)])
    return form


UserForm = Annotated[Mapping[str, str], Depends(_user_form)]
"""A form of whoever is signed in, with the token of the session, in the field `csrf_token` or in `X-CSRF-Token`."""


def require_token(request: Request, form: Mapping[str, str], secret: str) -> None:
    """Check that a form carries the token that belongs to the secret of a cookie.

    Raises:
        ForgedForm: it does not.
    """
    if not is_csrf_token(secret, form.get(CSRF_FIELD, "") or request.headers.get(CSRF_HEADER, "")):
        raise ForgedForm("this form is not of your session, or your session has ended since")


def install(app: FastAPI) -> None:
    """Make `app` show the way to the sign-in page where a session is missing."""
    app.add_exception_handler(NotSignedIn, _to_sign_in)


async def _to_sign_in(request: Request, _error: Exception) -> Response:
    wanted = request.url.path if request.method == "GET" else ""
    target = f"/sign-in?next={quote(wanted, safe='/')}" if wanted else "/sign-in"
    if "hx-request" in request.headers:  # htmx would put the page in place of a part of this one
        return Response(status_code=204, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)
