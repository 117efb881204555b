"""Errors in the words of pages: what happened and what the reader can do, by the slug of the error.

What errors say of themselves is for programs, and speaks of calls. People meet on pages what is listed here, and may
read it in their language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from service.pages.translation import marked


class Told(NamedTuple):
    """Source texts."""

    detail: str
    advice: str


_BACK: Final = marked("Go back, and use the links and buttons of the page.")
_FROM_THE_LIST: Final = marked(
    "Check the address, or start from the list of flags. What another desk works on does not show here."
)
_LOAD_AGAIN: Final = marked("Go back and load the page again: it shows how things stand now.")
_SOON: Final = marked("Try again in a moment.")

TOLD: Final[Mapping[str, Told]] = {
    "unknown-path": Told(marked("There is no page at this address."), _FROM_THE_LIST),
    "unknown-flag": Told(marked("Your desk has no such flag, or no such candidate of it."), _FROM_THE_LIST),
    "unknown-release": Told(marked("Your partner is not asked to release this, or not any more."), _LOAD_AGAIN),
    "invitation-void": Told(
        marked("This link was used, has expired, or was replaced by another one."),
        marked("Ask your operator for a new link."),
    ),
    "wrong-role": Told(
        marked("You are signed in, but this page is for people with another role."),
        marked("If it should be for you too, ask your operator for the role."),
    ),
    "forged-form": Told(
        marked("The form does not come from a page of your session, or the session has ended since."),
        marked("Nothing was changed. Load the page again, and send the form once more."),
    ),
    "malformed-form": Told(marked("The form cannot be used as it was sent."), _LOAD_AGAIN),
    "invalid-request": Told(marked("The address of the page is not complete, or misspelt."), _FROM_THE_LIST),
    "bad-cursor": Told(marked("This list does not go on from there."), marked("Start from the beginning of the list.")),
    "method-not-allowed": Told(marked("This address shows nothing by itself."), _BACK),
    "own-entry": Told(
        marked("You have entered this alert yourself, so others have to decide."),
        marked("Leave this candidate to somebody else."),
    ),
    "verdict-conflict": Told(
        marked("You have said something else of this candidate before."),
        marked("A verdict stays as it was given. If it was a mistake, tell those who have still to give theirs."),
    ),
    "not-asked-for": Told(marked("Nobody waits for this, or not any more."), _LOAD_AGAIN),
    "already-decided": Told(marked("Something else was decided before, and stays."), _LOAD_AGAIN),
    "body-too-large": Told(marked("The form is larger than any that a page has."), _BACK),
    "overloaded": Told(marked("So many others ask at the moment that you would have to wait for too long."), _SOON),
    "not-ready": Told(marked("The service is just starting, or waits for its database."), _SOON),
    "too-many-requests": Told(marked("More was asked for from here than may be in a minute."), _SOON),
}
