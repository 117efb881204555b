"""The way from an enrolment link to being signed in: a password, then a second factor."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from markupsafe import Markup
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.pages.forms import Form
from service.pages.refusals import Refusal, said_of, status_of
from service.pages.rendering import see_other
from service.pages.session import CurrentPlace
from service.pages.sign_in import enter, field_of_factor, to_second_step
from service.pages.visitors import CurrentVisitor, VisitorForm, visitor_page, with_password
from service.runtime import Runtime
from service.users.embedded import PASSWORD
from service.users.errors import CodeRefused, PasskeyRefused, PasswordUnfit
from service.users.place import Place
from service.users.totp import address_of, picture_of

router = APIRouter(include_in_schema=False, prefix="/enrol/{code}")
Code = Annotated[str, Path(max_length=100)]


@router.get("")
def step(request: Request, code: Code, place: CurrentPlace, runtime: CurrentRuntime) -> Response:
    """Ask for what is next: a password, or a second factor."""
    return _page(request, code, place, runtime, Form())


@router.post("/password")
async def choose_password(
    request: Request, code: Code, place: CurrentPlace, runtime: CurrentRuntime, form: VisitorForm
) -> Response:
    """Set the password."""
    choose = runtime.people.enrolling.choose_password
    try:
        half = await with_password(runtime, choose, code, form.get(PASSWORD, ""))
    except PasswordUnfit as error:
        return _page(request, code, place, runtime, Form({}, {PASSWORD: said_of(request, error)}), error)
    return see_other(f"/enrol/{code}") if half is None else to_second_step(place, half)


@router.post("/second-factor")
def set_up(
    request: Request,
    code: Code,
    place: CurrentPlace,
    runtime: CurrentRuntime,
    form: VisitorForm,
    visitor: CurrentVisitor,
) -> Response:
    """Set up the second factor, and let the new user in."""
    try:
        proven = runtime.people.enrolling.set_up(code, form, place)
    except (CodeRefused, PasskeyRefused) as error:
        return _page(request, code, place, runtime, Form(form, {field_of_factor(form): said_of(request, error)}), error)
    return enter(request, place, runtime, runtime.people.sign_ins.enter(proven, visitor))


def _page(
    request: Request, code: str, place: Place, runtime: Runtime, form: Form, error: Refusal | None = None
) -> Response:
    invitation = runtime.people.enrolling.look(code, place)
    address = address_of(invitation.setup.totp_secret, invitation.user)
    values = {
        "form": form,
        "code": code,
        "user": invitation.user,
        "secret": invitation.setup.totp_secret,
        "address": address,
        "picture": Markup(picture_of(address)),  # noqa: S704 -- drawn here, of an address that is quoted
        "passkey_options": invitation.passkey_options,
    }
    template = "enrol_second_factor.html" if invitation.has_password else "enrol_password.html"
    return visitor_page(request, place, template, values, status=200 if error is None else status_of(error))
