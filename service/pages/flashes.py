"""What a page says once, after a form was dealt with and the browser sent on.

The browser carries the word of a closed list in a cookie to the next page. Nothing of it is believed beyond that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from service.pages.translation import marked

COOKIE: Final = "crosscheck-said"
SECONDS: Final = 60


class Flash(StrEnum):
    SIGNED_OUT = "signed-out"
    SIGN_IN_EXPIRED = "sign-in-expired"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 -- a name
    FACTOR_ADDED = "factor-added"
    FACTOR_REMOVED = "factor-removed"
    SESSION_ENDED = "session-ended"
    VERDICT_GIVEN = "verdict-given"
    WAIVED = "waived"
    RELEASE_GRANTED = "release-granted"
    RELEASE_REFUSED = "release-refused"
    AUTHORISATION_GRANTED = "authorisation-granted"
    AUTHORISATION_DECLINED = "authorisation-declined"
    AUTHORISED_AFTERWARDS = "authorised-afterwards"


TEXTS: Final[Mapping[Flash, str]] = {
    Flash.SIGNED_OUT: marked("You are signed out."),
    Flash.SIGN_IN_EXPIRED: marked("Too much time has passed. Please begin again."),
    Flash.PASSWORD_CHANGED: marked("Your password was changed. You were signed out everywhere else."),
    Flash.FACTOR_ADDED: marked("You can sign in with the new second factor from now on."),
    Flash.FACTOR_REMOVED: marked("That second factor signs you in no more."),
    Flash.SESSION_ENDED: marked("That session has ended."),
    Flash.VERDICT_GIVEN: marked("Your verdict is given."),
    Flash.WAIVED: marked("The second reviewer is waived; the ground is on record."),
    Flash.RELEASE_GRANTED: marked("Released. The partner that asked is told."),
    Flash.RELEASE_REFUSED: marked("Refused. The partner that asked is told."),
    Flash.AUTHORISATION_GRANTED: marked("Authorised. The partner can search now."),
    Flash.AUTHORISATION_DECLINED: marked("Declined. The partner that asked is told."),
    Flash.AUTHORISED_AFTERWARDS: marked("The answer of the authority is on record."),
}


def text_of(unverified_word: str | None) -> str | None:
    """Return the source text of a word of the list; None for anything else."""
    return TEXTS[Flash(unverified_word)] if unverified_word in set(Flash) else None
