"""What a page says where something that was entered is not taken. It never says whether there is such a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from models.errors import CrosscheckError
from service.pages.rendering import translate
from service.pages.translation import marked
from service.users.errors import (
    CodeRefused,
    LastFactor,
    PasskeyRefused,
    PasswordUnfit,
    SignInRefused,
    TooManyAttempts,
    Unfit,
)

Refusal = SignInRefused | CodeRefused | TooManyAttempts | PasswordUnfit | PasskeyRefused | LastFactor
REFUSALS: Final = (SignInRefused, CodeRefused, TooManyAttempts, PasswordUnfit, PasskeyRefused, LastFactor)
TEXTS: Final[Mapping[type[CrosscheckError], str]] = {
    SignInRefused: marked("That name and password do not sign anybody in. Check both, and try again."),
    CodeRefused: marked("That did not work. Wait for the next code and enter that one, or use a passkey of yours."),
    TooManyAttempts: marked(
        "There were too many attempts from here. Wait a while, or sign in where you have signed in before."
    ),
    PasskeyRefused: marked("That passkey was not taken. It has to ask for your fingerprint, your face or a PIN."),
    LastFactor: marked("You need a second factor. Set up another one before you remove this."),
}
WRONG_PASSWORD: Final = marked("That is not your password.")
UNFIT: Final[Mapping[Unfit, str]] = {
    Unfit.SHORT: marked("Choose a longer password, of at least 12 characters. A few words make a good one."),
    Unfit.LONG: marked("Choose a shorter password, of at most 256 characters."),
    Unfit.REPEATED: marked("That password repeats itself. Choose another."),
    Unfit.IN_ROWS: marked("That password runs along the alphabet or the keyboard. Choose another."),
    Unfit.GUESSED: marked("That password is little more than a name, or a word that everybody tries. Choose another."),
}
STATUS: Final[Mapping[type[CrosscheckError], int]] = {TooManyAttempts: 429, SignInRefused: 401, CodeRefused: 401}
"""Of the page that is shown again; 422 for all others."""


def said_of(request: Request, error: Refusal, *, signed_in: bool = False) -> str:
    """Return what the page says, in the language of the reader; to whoever is `signed_in` the user is no secret."""
    if isinstance(error, PasswordUnfit):
        return translate(request, UNFIT[error.why])
    if signed_in and isinstance(error, SignInRefused):
        return translate(request, WRONG_PASSWORD)
    return translate(request, TEXTS[type(error)])


def status_of(error: Refusal) -> int:
    """Return the status of the page that says so."""
    return STATUS.get(type(error), 422)


def headers_of(error: Refusal) -> dict[str, str]:
    """Return what programs are told beside it."""
    return {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyAttempts) else {}
