"""Every page that there is, in a browser: each walk takes one person through theirs, and stops at each page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from service.identity import Caller
from service.notices import NoticeKind
from service.pages.cookies import SESSION
from service.review.verdicts import Given
from service.roles import Role
from service.users.names import UserId
from service.users.visitor import Visitor
from service.webhooks.signing import Scheme
from tests.browser.desk import DISCREET, PERSON, Desk, Screen
from tests.service.node import entry
from tests.service.people import NETWORK, PASSWORD, PLACE, person
from tests.service.scene import rule
from tests.service.treaties import permit, sign
from tests.service.users.authenticator import Authenticator
from watchlists.agreements.release import VerdictKind
from watchlists.database import writing

WRONG = "not the right one"
REASON = "The whorl is the same, and so is the scar beside it."
EXTRADITION, PREVENTION = "extradition", "threat-prevention"
WITHDRAWN = 5
"""Number of the finger of an entry that is withdrawn."""


@dataclass
class Tour:
    """One way through all pages of a desk.

    Args:
        options: of the browser, such as its colours.
        someone: who mistypes; too many mistakes would hold them off on the next tour.
    """

    desk: Desk
    options: dict[str, Any] = field(default_factory=dict)
    someone: str = field(default_factory=lambda: f"xa/ines-{uuid4().hex[:8]}")

    def pages(self) -> Iterator[Screen]:
        """Open them one after the other."""
        sign_more(self.desk)
        for walk in (
            self._nobody,
            self._invited,
            self._signing_in,
            self._account,
            self._queue,
            self._verdict,
            self._flags,
            self._exceptions,
            self._owner,
            self._affairs,
        ):
            yield from walk()

    def _nobody(self) -> Iterator[Screen]:
        with self._visitor() as it:
            yield it.open("/sign-in")
            it.fill("User", "xa/nobody").fill("Password", WRONG).press("Continue")
            yield it.shows("Please correct this")
            yield it.open("/nothing-here")
            yield it.open("/enrol/nothing")

    def _invited(self) -> Iterator[Screen]:
        code = self.desk.node.runtime.people.register.add(UserId("xa", f"new-{uuid4().hex[:8]}"), [Role.REVIEWER])
        with self._visitor() as it:
            yield it.open(f"/enrol/{code}")
            it.fill("New password", "short").press("Continue")
            yield it.shows("Please correct this")
            it.fill("New password", PASSWORD).press("Continue")
            yield it.shows("Set up a second factor")
            it.fill("Code", "1").press("Use this app")
            yield it.shows("Please correct this")

    def _signing_in(self) -> Iterator[Screen]:
        someone = person(self.desk.node, self.someone)
        with self._visitor() as it:
            it.open("/sign-in").fill("User", str(someone.user)).fill("Password", PASSWORD).press("Continue")
            yield it.shows("Second factor")
            it.fill("Code", "1").press("Sign in")
            yield it.shows("Please correct this")

    def _account(self) -> Iterator[Screen]:
        with self._visitor(self.someone) as it:
            yield it.open("/account")
            it.fill("Present password", WRONG).fill("New password", PASSWORD).press("Change the password")
            yield it.shows("Please correct this")
            it.fill("Your password, to add a second factor", WRONG).press("Add a second factor")
            yield it.shows("Please correct this")
            it.fill("Your password, to add a second factor", PASSWORD).press("Add a second factor")
            yield it.shows("Add a second factor")
            it.fill("Code", "1").press("Use this app")
            yield it.shows("Please correct this")
            give_passkey(self.desk, it)
            it.open("/account").page.get_by_label("An authenticator app").check()
            it.fill("Your password, to remove it", WRONG).press("Remove")
            yield it.shows("Please correct this")

    def _queue(self) -> Iterator[Screen]:
        self.desk.flag()
        with self._visitor("xa/ada") as it:
            yield it.open("/review")
            yield it.open("/review?state=settled")
            yield it.open("/review?checkpoint=XA-NOWHERE")
            yield it.open("/review/requests")
            yield it.open("/review/log").shows("This page is not for you")
            yield it.open(f"/review/flags/{uuid4()}").shows("There is nothing here")

    def _verdict(self) -> Iterator[Screen]:
        flag = self.desk.flag()
        with self._visitor("xa/ada") as it:
            yield it.open(flag)
            for summary in it.page.locator("summary").all():
                summary.click()
            yield it
            it.page.locator("input[name=kind]").first.check()
            it.fill("Why?", "  ").press("Continue")
            yield it.shows("Please correct this")
            it.fill("Why?", REASON).press("Continue")
            yield it.shows("Give this verdict?")

    def _flags(self) -> Iterator[Screen]:
        """Flags as they look later on: two who differ, two who say the same, an entry that was withdrawn."""
        differing, same = self.desk.flag(), self.desk.flag()
        for flag, second in ((differing, VerdictKind.DIFFERENT_PERSON), (same, VerdictKind.SAME_PERSON)):
            say(self.desk, flag, "noa", VerdictKind.SAME_PERSON)
            say(self.desk, flag, "pim", second)
        with self._visitor("xa/ada") as it:
            yield it.open(differing).shows("The verdicts differ")
            yield it.open(same).shows("Action to be taken")
            yield it.open(withdrawn_flag(self.desk)).shows("Its owner has withdrawn the entry")

    def _exceptions(self) -> Iterator[Screen]:
        """To do without the second reviewer, and what an authority says afterwards to a silent alarm."""
        flag, silent = self.desk.flag(), silent_flag(self.desk)
        waiver, afterwards = f"{place_of(self.desk, flag)}/waiver", f"{place_of(self.desk, silent)}/authorisation"
        with self._visitor("xa/ada") as it:
            yield it.open(silent)
            yield it.open(waiver)
            it.fill("Which law allows it here?", " ").press("Continue")
            yield it.shows("Please correct this")
            it.fill("Which law allows it here?", "Border Code of XA, section 12(3)").press("Continue")
            yield it.shows("Do without the second reviewer?")
            yield it.open(afterwards)
            it.page.get_by_role("radio").first.check()
            it.page.locator("textarea").fill(" ")
            it.press("Continue")
            yield it.shows("Please correct this")
            it.page.locator("textarea").fill("District court of XA, 7 Gs 331/26")
            it.press("Continue")
            yield it.shows("Write this answer down?")

    def _owner(self) -> Iterator[Screen]:
        """What another partner asks XB for: to release more, and to let it search."""
        self.desk.node.check("xa", finger_number=PERSON, purpose=EXTRADITION)
        case = f"XA-2026/{uuid4().hex[:4]}"
        asked = self.desk.node.request(finger_number=PERSON, purpose=PREVENTION, case_reference=case)
        self.desk.node.send("xa", asked)
        self.desk.node.settle()
        with self._visitor("xb/eve") as it:
            yield it.open("/review").shows("Nothing waits for a review")
            for button, heading in (
                ("Release…", "Release this?"),
                ("Refuse…", "Refuse to release this?"),
                ("Authorise…", "Authorise these searches?"),
                ("Decline…", "Decline these searches?"),
            ):
                it.open("/review/requests")
                if button == "Release…":
                    yield it
                it.press(button)
                yield it.shows(heading)

    def _affairs(self) -> Iterator[Screen]:
        """Webhooks and the log, with something in them and without."""
        told(self.desk)
        person(self.desk.node, "xb/olga", Role.AUDITOR)
        with self._visitor("xb/olga") as it:
            yield it.open("/review/webhooks").shows("Paused by the operator")
            it.open("/review/log").page.locator("summary").first.click()
            yield it
            yield it.open("/review/log?after=1000000").shows("There is nothing more.")
        with self._visitor("xa/ada") as it:
            yield it.open("/review/webhooks").shows("No webhook is registered.")

    def _visitor(self, name: str = "") -> AbstractContextManager[Screen]:
        return self.desk.visitor(name, **self.options)


def sign_more(desk: Desk) -> None:
    """Bring an agreement into force by which XB is asked: to release more, or to let XA search."""
    extradition, prevention = (f'context.purpose == "{purpose}"' for purpose in (EXTRADITION, PREVENTION))
    sign(
        desk.node,
        permit("search", when=extradition),
        permit("see hit", when=extradition),
        permit("see biographics", "release-by-owner(48 h)", when=extradition),
        rule("search", when=prevention, name="search-case", asks="owner-authorisation, justify(case-reference)"),
        name="xa-xb-extradition",
        title='"Agreement between XA and XB on extradition"',
        purposes=f'["{EXTRADITION}", "{PREVENTION}"]',
    )


def give_passkey(desk: Desk, screen: Screen) -> None:
    """Let whoever is signed in there have a passkey beside the app."""
    accounts, sessions = desk.node.runtime.people.accounts, desk.node.runtime.people.sessions
    (cookie,) = (each for each in screen.page.context.cookies() if each["name"] == PLACE.cookie(SESSION))
    someone = sessions.recognise(cookie["value"])
    assert someone is not None
    accounts.begin_setup(someone, PASSWORD, Visitor(NETWORK))
    _, options = accounts.setup(someone, PLACE)
    made = Authenticator(PLACE.origin, PLACE.host).make(options)
    accounts.set_up(someone, {"credential": made, "label": "blue key"}, PLACE)


def say(desk: Desk, flag: str, reviewer: str, kind: VerdictKind) -> None:
    """Let a colleague give a verdict on the one candidate of a flag."""
    candidate = UUID(place_of(desk, flag).rpartition("/")[2])
    caller, number = Caller("xa", Role.REVIEWER, reviewer), UUID(flag.rpartition("/")[2])
    desk.node.runtime.review.verdicts.give(caller, number, Given(candidate, kind, REASON))


def withdrawn_flag(desk: Desk) -> str:
    """A flag about an entry that its owner has withdrawn since."""
    name = f"E-2026-{uuid4().hex[:4]}"
    assert desk.node.put_entry("xb", name, entry(finger_number=WITHDRAWN)).status_code == 201
    flag = desk.flag(WITHDRAWN)
    desk.node.withdraw("xb", name)
    return flag


def silent_flag(desk: Desk) -> str:
    """A flag that the terminal knows nothing of."""
    desk.check(DISCREET)
    found = desk.node.call("xa-reviewer", "GET", "/v1/flags").json()["flags"]
    return "/review/flags/" + str(next(each["flag_id"] for each in found if each["silent"]))


def place_of(desk: Desk, flag: str) -> str:
    """Where the pages about the one candidate of a flag are."""
    (candidate,) = desk.node.call("xa-reviewer", "GET", f"/v1{flag.removeprefix('/review')}").json()["candidates"]
    return f"{flag}/candidates/{candidate['candidate_id']}"


def told(desk: Desk) -> None:
    """Let XB have an address of its own, paused, and a notice for it."""
    runtime, now = desk.node.runtime, desk.node.clock()
    if not runtime.webhooks.deliveries.by_endpoint(Caller("xb", Role.REVIEWER, "eve"), 1):
        runtime.webhooks.endpoints.add("xb", "desk", "https://xb.example/notices", Scheme.HMAC, now)
        runtime.webhooks.endpoints.pause("xb", "desk", now)
    with writing(runtime.store.engine) as connection:
        runtime.notices.post(connection, NoticeKind.ENTRY_FOUND, "xb", now, {"partner": "xa", "purpose": "crime"})
