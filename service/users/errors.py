"""What can go wrong with users. What is told to somebody who signs in never says whether there is such a user."""

from __future__ import annotations

import math
from datetime import timedelta
from enum import StrEnum

from models.errors import CrosscheckError, InvalidInput


class NotSignedIn(CrosscheckError):
    """A page was asked for without a session; it is answered with the way to the sign-in page."""

    slug = "not-signed-in"
    hint = "Sign in."

    def __init__(self) -> None:
        super().__init__("nobody is signed in")


class ForgedForm(CrosscheckError):
    """A form did not come from a page of ours, or from one of another session."""

    slug = "forged-form"
    hint = "Go back, load the page again, and send the form once more. Nothing was changed."


class WrongPlace(CrosscheckError):
    """A page was asked for under a name that is not the desk's."""

    slug = "wrong-place"
    hint = "Set CROSSCHECK_DESK_ORIGIN to the address that browsers use, such as https://desk.example."


class SignInRefused(CrosscheckError):
    """User, password, or second factor is wrong; it does not say which."""

    slug = "sign-in-refused"
    hint = "Check the name and the password, and try again. If you have lost them, ask your operator for a new link."

    def __init__(self) -> None:
        super().__init__("this name and password do not sign anybody in")


class CodeRefused(CrosscheckError):
    """The second factor was wrong."""

    slug = "second-factor-refused"
    hint = "Wait for the next code and enter that, or use a passkey of yours."

    def __init__(self) -> None:
        super().__init__("this second factor was not accepted")


class TooManyAttempts(CrosscheckError):
    """Somebody has tried too often from there. Known devices of the user are not affected."""

    slug = "too-many-attempts"

    def __init__(self, wait: timedelta) -> None:
        self.retry_after = max(1, math.ceil(wait.total_seconds()))
        super().__init__(
            "there were too many attempts from here",
            hint="Wait a while and try again, or sign in where you have signed in before.",
        )


class SignInExpired(CrosscheckError):
    slug = "sign-in-expired"
    hint = "Sign in again from the beginning."

    def __init__(self) -> None:
        super().__init__("too much time has passed since the password was entered")


class InvitationVoid(CrosscheckError):
    slug = "invitation-void"
    hint = "Ask your operator for a new link."

    def __init__(self) -> None:
        super().__init__("this link was used, has expired, or was replaced by another one")


class Unfit(StrEnum):
    """Why a password is not taken."""

    SHORT = "it is too short"
    LONG = "it is too long"
    REPEATED = "it repeats itself"
    IN_ROWS = "it runs along the alphabet or the keyboard"
    GUESSED = "it is little more than a name, or a word that is tried first"


class PasswordUnfit(InvalidInput):
    slug = "password-unfit"
    hint = "Choose another password: a few words that do not belong together are long, and easy to remember."

    def __init__(self, why: Unfit) -> None:
        super().__init__(f"this password is not taken: {why}")
        self.why = why


class PasskeyRefused(InvalidInput):
    slug = "passkey-refused"
    hint = "Try again, with a passkey that asks for your fingerprint, face or PIN; or use an authenticator app."


class LastFactor(InvalidInput):
    slug = "last-second-factor"
    hint = "Set up another second factor first."

    def __init__(self) -> None:
        super().__init__("a user without a second factor could not sign in any more")


class UnknownUser(CrosscheckError):
    slug = "unknown-user"
    hint = "List the users with `crosscheck user list`."


class UserNameTaken(CrosscheckError):
    slug = "user-name-taken"
    hint = "Choose another name, or send the user a new link with `crosscheck user invite`."


class UserDisabled(CrosscheckError):
    slug = "user-disabled"
    hint = "Enable the user first, with `crosscheck user enable`."
