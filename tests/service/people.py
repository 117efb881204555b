"""People for tests: users with both factors, and browsers in which they are signed in, without the long way there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pyotp
from fastapi.testclient import TestClient
from httpx2 import Response

from service.pages.cookies import DEVICE, SESSION
from service.roles import Role
from service.users.identity_provider import Proven
from service.users.names import UserId
from service.users.place import Place
from service.users.sign_in import Entered
from service.users.user import Factor
from service.users.visitor import Visitor
from tests.service.node import Node

ORIGIN = "http://localhost"
PLACE = Place.of_origin(ORIGIN)
PASSWORD = "nine lanterns over a quiet harbour"
NETWORK = "192.0.2.0/24"


@dataclass(frozen=True)
class Person:
    """A user with a password and an authenticator app."""

    node: Node
    user: UserId
    secret: str
    password: str = PASSWORD

    def code(self) -> str:
        """What the app shows, by the node's clock; the clock is turned on first, so that it was never used."""
        self.node.clock.turn(timedelta(seconds=30))
        return pyotp.TOTP(self.secret).at(self.node.clock())


class Browser:
    """A browser on the desk of a node. It keeps cookies, and sends forms as browsers do."""

    def __init__(self, node: Node, origin: str = ORIGIN) -> None:
        self.node = node
        self.origin = origin
        self.client = TestClient(
            node.client.app, base_url=origin, follow_redirects=False, raise_server_exceptions=False
        )
        self.client.portal = node.client.portal  # one event loop for all requests, as in a server

    def get(self, path: str, **headers: str) -> Response:
        """Load a page."""
        response: Response = self.client.get(path, headers={"accept": "text/html"} | headers)
        return response

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Response:
        """Send a form with these very fields, from a page of this origin."""
        sent = {"origin": self.origin, "sec-fetch-site": "same-origin", "accept": "text/html"} | headers
        response: Response = self.client.post(path, data=fields or {}, headers=sent)
        return response

    def submit(self, page: str, path: str, fields: dict[str, str] | None = None, **headers: str) -> Response:
        """Load a page, and send the form of it that goes to `path`, with its token."""
        return self.post(path, {"csrf_token": token_of(self.get(page))} | (fields or {}), **headers)

    def keep(self, cookie: str, value: str) -> None:
        """Put a cookie in, as if the desk had set it."""
        host = self.client.base_url.host
        self.client.cookies.set(cookie, value, domain=host if "." in host else f"{host}.local")

    @property
    def session(self) -> str | None:
        """The id of the session, if it has one."""
        return self.client.cookies.get(PLACE.cookie(SESSION))


def token_of(page: Response) -> str:
    """The token that the forms of a page carry."""
    assert page.status_code in {200, 401, 403, 422, 429}, page.text
    found = re.search(r'name="csrf_token" value="([\w-]+)"', page.text)
    assert found, page.text
    return found.group(1)


def person(node: Node, name: str = "xa/ada", *roles: Role) -> Person:
    """Add an active user with a password and an authenticator app; one that is there already is given them anew."""
    user, people = UserId.parse(name), node.runtime.people
    known = {found.id for found in people.register.all()}
    code = people.register.reset_second_factor(user) if user in known else people.register.add(user, roles or REVIEWER)
    people.enrolling.choose_password(code, PASSWORD)
    secret = people.enrolling.look(code, PLACE).setup.totp_secret
    people.enrolling.set_up(code, {"code": pyotp.TOTP(secret).at(node.clock())}, PLACE)
    return Person(node, user, secret)


def entered(node: Node, name: str = "xa/ada", *roles: Role) -> Entered:
    """What a browser of that user is given once both factors were shown."""
    someone = person(node, name, *roles)
    return node.runtime.people.sign_ins.enter(Proven(someone.user, Factor.TOTP), Visitor(NETWORK))


def signed_in(node: Node, name: str = "xa/ada", *roles: Role) -> Browser:
    """A browser in which that user is signed in; the device is a known one from then on."""
    given, browser = entered(node, name, *roles), Browser(node)
    browser.keep(SESSION, given.session)
    browser.keep(DEVICE, given.device)
    return browser


REVIEWER = (Role.REVIEWER,)
