"""What people change about themselves: password, second factors, sessions. Each asks for the password once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.pages import cookies
from service.pages.flashes import Flash
from service.pages.forms import Form
from service.pages.refusals import REFUSALS, Refusal, headers_of, said_of, status_of
from service.pages.rendering import page, see_other, translate
from service.pages.session import CurrentPlace, CurrentUser, UserForm
from service.pages.sign_in import field_of_factor
from service.pages.translation import marked
from service.pages.visitors import CurrentVisitor, with_password
from service.runtime import Runtime
from service.users.errors import CodeRefused, PasskeyRefused, PasswordUnfit, SignInExpired
from service.users.place import Place
from service.users.sessions import SignedIn
from service.users.totp import address_of, picture_of

router = APIRouter(include_in_schema=False, prefix="/account")
APP: Final = "app"
"""The authenticator app, among the ids of passkeys, which are hexadecimal and longer."""
OLD, NEW = "old_password", "new_password"
SETUP_PASSWORD, REMOVE_PASSWORD = "setup_password", "remove_password"
THE_APP: Final = marked("An authenticator app")
REMOVED, SESSION_ID = "removed", "session"


@router.get("")
def account(request: Request, runtime: CurrentRuntime, user: CurrentUser) -> Response:
    """Show what the user has."""
    return _account_page(request, runtime, user, Form())


@router.post("/password")
async def change_password(
    request: Request,
    place: CurrentPlace,
    runtime: CurrentRuntime,
    user: CurrentUser,
    form: UserForm,
    visitor: CurrentVisitor,
) -> Response:
    """Set another password; this session goes on under another id."""
    change = runtime.people.accounts.change_password
    try:
        session = await with_password(runtime, change, user, form.get(OLD, ""), form.get(NEW, ""), visitor)
    except REFUSALS as error:
        return _refused(request, runtime, user, NEW if isinstance(error, PasswordUnfit) else OLD, error)
    response = see_other("/account", Flash.PASSWORD_CHANGED)
    cookies.give(response, place, cookies.SESSION, session)
    return response


@router.post("/second-factor/begin")
async def begin_setup(
    request: Request, runtime: CurrentRuntime, user: CurrentUser, form: UserForm, visitor: CurrentVisitor
) -> Response:
    """Let a second factor be set up."""
    begin = runtime.people.accounts.begin_setup
    try:
        await with_password(runtime, begin, user, form.get(SETUP_PASSWORD, ""), visitor)
    except REFUSALS as error:
        return _refused(request, runtime, user, SETUP_PASSWORD, error)
    return see_other("/account/second-factor")


@router.get("/second-factor")
def setup(request: Request, place: CurrentPlace, runtime: CurrentRuntime, user: CurrentUser) -> Response:
    """Show what a new second factor is made from."""
    return _setup_page(request, place, runtime, user, Form())


@router.post("/second-factor")
def set_up(
    request: Request, place: CurrentPlace, runtime: CurrentRuntime, user: CurrentUser, form: UserForm
) -> Response:
    """Add a second factor."""
    try:
        runtime.people.accounts.set_up(user, form, place)
    except SignInExpired:
        return see_other("/account", Flash.SIGN_IN_EXPIRED)
    except (CodeRefused, PasskeyRefused) as error:
        return _setup_page(
            request, place, runtime, user, Form(form, {field_of_factor(form): said_of(request, error)}), error
        )
    return see_other("/account", Flash.FACTOR_ADDED)


@router.post("/second-factor/remove")
async def remove(
    request: Request, runtime: CurrentRuntime, user: CurrentUser, form: UserForm, visitor: CurrentVisitor
) -> Response:
    """Remove a second factor."""
    accounts, which, password = runtime.people.accounts, form.get(REMOVED, ""), form.get(REMOVE_PASSWORD, "")
    try:
        if which == APP:
            await with_password(runtime, accounts.remove_totp, user, password, visitor)
        else:
            await with_password(runtime, accounts.remove_passkey, user, which, password, visitor)
    except REFUSALS as error:
        return _refused(request, runtime, user, REMOVE_PASSWORD, error, {REMOVED: which})
    return see_other("/account", Flash.FACTOR_REMOVED)


@router.post("/sessions/end")
def end_session(runtime: CurrentRuntime, user: CurrentUser, form: UserForm) -> Response:
    """End another session of the user."""
    runtime.people.accounts.end_session(user, form.get(SESSION_ID, ""))
    return see_other("/account", Flash.SESSION_ENDED)


def _refused(
    request: Request,
    runtime: Runtime,
    user: SignedIn,
    field: str,
    error: Refusal,
    values: Mapping[str, str] | None = None,
) -> Response:
    form = Form(values or {}, {field: said_of(request, error, signed_in=True)})
    return _account_page(request, runtime, user, form, error)


def _account_page(
    request: Request, runtime: Runtime, user: SignedIn, form: Form, error: Refusal | None = None
) -> Response:
    found = runtime.people.accounts.of(user)
    removable = [(passkey.id, passkey.label, "") for passkey in found.passkeys]
    if found.user.has_totp:
        removable.insert(0, (APP, translate(request, THE_APP), ""))
    values = {"form": form, "account": found, "removable": removable}
    if error is None:
        return page(request, "account.html", values)
    return page(request, "account.html", values, status=status_of(error), headers=headers_of(error))


def _setup_page(
    request: Request, place: Place, runtime: Runtime, user: SignedIn, form: Form, error: Refusal | None = None
) -> Response:
    try:
        found, options = runtime.people.accounts.setup(user, place)
    except SignInExpired:
        return see_other("/account", Flash.SIGN_IN_EXPIRED)
    address = address_of(found.totp_secret, user.user)
    values = {
        "form": form,
        "secret": found.totp_secret,
        "address": address,
        "picture": Markup(picture_of(address)),  # noqa: S704 -- drawn here, of an address that is quoted
        "passkey_options": options,
    }
    return page(request, "account_second_factor.html", values, status=200 if error is None else status_of(error))
