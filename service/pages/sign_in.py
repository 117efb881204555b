"""Signing in, in two steps, and out. Every step sets a cookie of its own, and a wrong one shows the page again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from service.api.dependencies import CurrentRuntime
from service.pages import cookies
from service.pages.flashes import Flash
from service.pages.forms import Form
from service.pages.refusals import Refusal, headers_of, said_of, status_of
from service.pages.rendering import page, see_other
from service.pages.session import CurrentPlace, CurrentUser, OwnForm, UserForm, require_token
from service.pages.visitors import CurrentVisitor, VisitorForm, path_within, visitor_page, with_password
from service.roles import Role
from service.runtime import Runtime
from service.users.embedded import CODE, CREDENTIAL, USER
from service.users.errors import CodeRefused, SignInExpired, SignInRefused, TooManyAttempts
from service.users.place import Place
from service.users.secret_ids import csrf_token
from service.users.sign_in import Entered

router = APIRouter(include_in_schema=False)
NEXT: Final = "next"
PASSKEY: Final = "passkey"
SECOND_STEP: Final = "/sign-in/second-factor"


@router.get("/sign-in")
def first_step(request: Request, place: CurrentPlace, runtime: CurrentRuntime) -> Response:
    """Ask for name and password; whoever is signed in already goes on."""
    wanted = path_within(request.query_params.get(NEXT, ""))
    if runtime.people.sessions.recognise(cookies.read(request, place, cookies.SESSION)) is not None:
        return see_other(wanted or "/")
    return _first_page(request, place, wanted, Form())


@router.post("/sign-in")
async def take_first_step(
    request: Request, place: CurrentPlace, runtime: CurrentRuntime, form: VisitorForm, visitor: CurrentVisitor
) -> Response:
    """Compare name and password."""
    wanted = path_within(form.get(NEXT, ""))
    try:
        half = await with_password(runtime, runtime.people.sign_ins.begin, form, visitor, place)
    except (SignInRefused, TooManyAttempts) as error:
        shown = Form({USER: form.get(USER, "")}, {USER: said_of(request, error)})
        return _first_page(request, place, wanted, shown, error)
    return to_second_step(place, half, wanted)


@router.get(SECOND_STEP)
def second_step(request: Request, place: CurrentPlace, runtime: CurrentRuntime) -> Response:
    """Ask for the second factor."""
    wanted = path_within(request.query_params.get(NEXT, ""))
    return _second_page(request, place, runtime, wanted, Form())


@router.post(SECOND_STEP)
def take_second_step(
    request: Request, place: CurrentPlace, runtime: CurrentRuntime, form: OwnForm, visitor: CurrentVisitor
) -> Response:
    """Check the second factor, and begin a session."""
    half = cookies.read(request, place, cookies.HALF)
    if not half:
        return _begin_again(place)
    require_token(request, form, half)
    wanted = path_within(form.get(NEXT, ""))
    try:
        entered = runtime.people.sign_ins.complete(half, form, visitor, place)
    except SignInExpired:
        return _begin_again(place)
    except (CodeRefused, TooManyAttempts) as error:
        return _second_page(
            request, place, runtime, wanted, Form({}, {field_of_factor(form): said_of(request, error)}), error
        )
    return enter(request, place, runtime, entered, wanted)


@router.post("/sign-out")
def sign_out(place: CurrentPlace, runtime: CurrentRuntime, user: CurrentUser, form: UserForm) -> Response:  # noqa: ARG001
    """End this session."""
    runtime.people.sign_ins.sign_out(user)
    response = see_other("/sign-in", Flash.SIGNED_OUT)
    cookies.take(response, place, cookies.SESSION)
    return response


def enter(request: Request, place: Place, runtime: Runtime, entered: Entered, wanted: str = "") -> Response:
    """Let a browser in that has shown both factors; whatever session it held before has ended."""
    sessions = runtime.people.sessions
    before = sessions.recognise(cookies.read(request, place, cookies.SESSION))
    if before is not None:
        runtime.people.sign_ins.sign_out(before)
    now = sessions.recognise(entered.session)
    start = "/review" if now is not None and Role.REVIEWER in now.roles else "/account"
    response = see_other(wanted or start)
    cookies.give(response, place, cookies.SESSION, entered.session)
    cookies.give(response, place, cookies.DEVICE, entered.device)
    cookies.take(response, place, cookies.HALF, cookies.VISITOR)
    return response


def to_second_step(place: Place, half: str, wanted: str = "") -> Response:
    """Send a browser on whose first step was right."""
    response = see_other(f"{SECOND_STEP}?{NEXT}={quote(wanted)}" if wanted else SECOND_STEP)
    cookies.give(response, place, cookies.HALF, half)
    return response


def field_of_factor(unverified: Mapping[str, str]) -> str:
    """Return the field that a second factor was shown in."""
    return PASSKEY if unverified.get(CREDENTIAL) else CODE


def _begin_again(place: Place) -> RedirectResponse:
    response = see_other("/sign-in", Flash.SIGN_IN_EXPIRED)
    cookies.take(response, place, cookies.HALF)
    return response


def _first_page(request: Request, place: Place, wanted: str, form: Form, error: Refusal | None = None) -> Response:
    values: Mapping[str, object] = {"form": form, "next": wanted}
    if error is None:
        return visitor_page(request, place, "sign_in.html", values)
    return visitor_page(request, place, "sign_in.html", values, status=status_of(error), headers=headers_of(error))


def _second_page(
    request: Request, place: Place, runtime: Runtime, wanted: str, form: Form, error: Refusal | None = None
) -> Response:
    half = cookies.read(request, place, cookies.HALF)
    try:
        asked = runtime.people.sign_ins.asked(half, place)
    except SignInExpired:
        return _begin_again(place)
    values = {"form": form, "next": wanted, "asked": asked, "visitor": {"csrf_token": csrf_token(half)}}
    if error is None:
        return page(request, "second_factor.html", values)
    return page(request, "second_factor.html", values, status=status_of(error), headers=headers_of(error))
