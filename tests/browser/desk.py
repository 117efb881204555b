"""A live review desk: a node with entries of a face and a finger, agreements about them, and people at the screen."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageEnhance
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request
from playwright.sync_api import Error as BrowserError

from service.pages.cookies import SESSION
from tests.service.live import LiveNode
from tests.service.node import entry, face
from tests.service.people import Person, entered
from tests.service.scene import rule
from tests.service.treaties import permit, sign

PERSON, DISCREET = 3, 4
"""Numbers of the fingers of whoever is wanted, and of whoever is to be checked discreetly."""
COMPARED = rule("compare face") + rule("compare fingers") + rule("keep probe", asks="keep-at-most(24 h)")
TWO = "reviewers(2 waivable), confirm-within(12 h), tlp-amber-strict, no-onward-transfer"
DESKTOP, TABLET = (1280, 800), (768, 1024)


@dataclass
class Desk:
    """The desk, and everything that browsers at it did which they must not."""

    node: LiveNode
    browser: Browser
    portrait: bytes
    wrong: list[str] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    """Methods and paths of pages that browsers have asked for."""

    def __post_init__(self) -> None:
        sign(
            self.node,
            permit("search"),
            permit("see reference", "tlp-amber-strict"),
            permit("see biographics", TWO, when='resource.action != "discreet-check"'),
            permit(
                "see alert",
                "silent-alarm, reviewers(1), ex-post-authorisation(48 h)",
                when='resource.action == "discreet-check"',
            ),
            COMPARED,
            name="xa-xb-wanted",
            title='"Agreement between XA and XB on wanted persons"',
            actions='["discreet-check"]',
        )
        subject = {"family_name": "Quillfeather", "given_names": "Ottoline", "nationality": "XB"}
        wanted = entry(finger_number=PERSON, subject=subject, faces=[face(self.portrait)])
        assert self.node.put_entry("xb", "E-2026-0017", wanted).status_code == 201
        discreet = entry(finger_number=DISCREET, action="discreet-check")
        assert self.node.put_entry("xb", "E-2026-0044", discreet).status_code == 201

    @property
    def host(self) -> str:
        return urlsplit(self.node.url).netloc

    @property
    def hosts(self) -> set[str]:
        """The node by its address, and by the name that a passkey needs."""
        return {self.host, urlsplit(self.home).netloc}

    @property
    def home(self) -> str:
        return self.node.url.replace("127.0.0.1", "localhost")

    def check(self, finger_number: int = PERSON, **fields: Any) -> dict[str, Any]:
        """Let a terminal of XA check the person, and have the flag opened; what the terminal is told."""
        shown = {"portrait": captured(self.portrait)} if finger_number == PERSON else {}
        answer = self.node.check("xa", finger_number=finger_number, purpose="crime", **shown | fields)
        self.node.settle()
        return answer

    def flag(self, finger_number: int = PERSON) -> str:
        """Check the person; where the page of its flag is."""
        return f"/review/flags/{self.check(finger_number)['flag_id']}"

    @contextmanager
    def visitor(self, name: str = "", size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Screen]:
        """Somebody at a screen, signed in already if a name is given. What goes wrong on the way is remembered."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, **{"base_url": self.node.url} | options
        )
        context.set_default_timeout(20_000)  # of a machine that does much else; nothing waits for it in vain
        context.route(lambda url: urlsplit(url).netloc not in self.hosts, lambda route: route.abort())
        context.on("request", self._note_request)
        if name:
            self._let_in(context, name)
        page = context.new_page()
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self._note(str(error)))
        yield Screen(page)
        context.close()

    def _let_in(self, context: BrowserContext, name: str) -> None:
        """Put a cookie in, as signing in does."""
        session = entered(self.node, name).session
        context.add_cookies([{"name": SESSION, "value": session, "url": self.node.url}])

    def _note_request(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme in ("http", "https", "ws", "wss") and asked.netloc not in self.hosts:
            self.wrong.append(f"asked another host: {request.url}")
        if request.is_navigation_request():
            self.asked.add((request.method, urlsplit(request.url).path))

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(message.text)

    def _note(self, text: str) -> None:
        # A status that a test asks for is no mistake of a page.
        if not re.search(r"status of (4\d\d|503)", text):
            self.wrong.append(text)


class Screen:
    """A page, used in sentences."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, path: str) -> Screen:
        self.page.goto(path)
        return self

    def fill(self, label: str, text: str) -> Screen:
        self.page.get_by_label(label, exact=True).fill(text)
        return self

    def press(self, button: str) -> Screen:
        """Press the first button of that name, and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button, exact=True).first.click()
        return self

    def shows(self, text: str) -> Screen:
        """Be sure that this is the page, by what it says."""
        assert self.says(text)
        return self

    def says(self, text: str) -> bool:
        """Whether a text is on the page, waiting for it for a moment."""
        found = self.page.get_by_text(text).first
        try:
            found.wait_for()
        except BrowserError as error:
            raise AssertionError(f"{text!r} is not on the page: {self.text()}") from error
        return True

    def is_wider_than(self, width: int) -> bool:
        """Whether one has to scroll sideways on a screen of that width."""
        self.page.set_viewport_size({"width": width, "height": TABLET[1]})
        return bool(self.page.evaluate("document.documentElement.scrollWidth") > width)

    def text(self) -> str:
        return " ".join(self.page.locator("body").inner_text().split())

    def sign_in(self, someone: Person) -> None:
        """Sign in with both factors, by the pages."""
        self.open("/review")
        self.page.get_by_label("User").fill(str(someone.user))
        self.page.get_by_label("Password").fill(someone.password)
        self.page.get_by_role("button", name="Continue").click()
        self.page.get_by_label("Code").fill(someone.code())
        self.page.get_by_role("button", name="Sign in").first.click()
        self.page.wait_for_url("**/review")

    def say(self, verdict: str, reason: str) -> None:
        """Give a verdict on the flag that is open, through both steps."""
        self.page.locator(f"input[name=kind][value='{verdict.lower()}']").check()
        self.page.get_by_label("Why?").fill(reason)
        self.page.get_by_role("button", name="Continue").click()
        self.page.get_by_role("heading", name="Give this verdict?").wait_for()
        self.page.get_by_role("button", name="Give the verdict").click()
        self.says("Your verdict is given.")


def captured(portrait: bytes) -> bytes:
    """The same person as a checkpoint sees them: another size, closer, darker."""
    image = Image.open(io.BytesIO(portrait)).convert("RGB")
    width, height = image.size
    closer = image.crop((width // 12, 0, width - width // 12, height - height // 6)).resize((420, 420))
    out = io.BytesIO()
    ImageEnhance.Brightness(closer).enhance(0.8).save(out, "JPEG", quality=85)
    return out.getvalue()
