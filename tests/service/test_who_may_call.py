"""Every route, each role, each partner: only the listed combinations answer.

The routes are those of the application itself: one without a row here fails, and so does a row without a route. A row
is a line: which roles are let in, what their own partner is answered, and what the same role of another partner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts
from httpx2 import Response

from service.pages.cookies import SESSION
from service.roles import Role
from service.users.identity_provider import Proven
from service.users.names import UserId
from service.users.user import Factor
from service.users.visitor import Visitor
from tests.service.node import Node
from tests.service.people import NETWORK, Browser, person, token_of

# A situation that all rows share, which is made once.

T, S, R, A, O = Role.TERMINAL, Role.SYNC, Role.REVIEWER, Role.AUDITOR, Role.OPERATOR  # noqa: E741 -- one line a row
ALL: Final = tuple(Role)
PEOPLE: Final = (R, A)


@dataclass(frozen=True)
class Call:
    """A call of machines. Who has another role hears 403, who has none 401."""

    roles: tuple[Role, ...]
    own: int = 200
    other: int = 200
    body: Mapping[str, Any] | None = None
    query: str = ""


@dataclass(frozen=True)
class Page:
    """A page for people. Who is not signed in, or no more, is shown the way to sign in; who has another role hears 403.

    Args:
        roles: of those who are let in; none: everybody, signed in or not.
        own, other: what somebody of XA, whose things are asked for, is answered, and somebody of XB.
        fields: of the form.
        endless: whether the answer is a stream, so that only those who are not let in can be tried here.
    """

    roles: tuple[Role, ...] = ()
    own: int = 200
    other: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)
    endless: bool = False


VERDICT: Final = {"candidate_id": str(uuid4()), "verdict": "inconclusive", "reason": "no likeness"}
WAIVER: Final = {"candidate_id": str(uuid4()), "ground": "Police Act"}
AFTERWARDS: Final = {"candidate_id": str(uuid4()), "granted": True, "decision": "Court of XA"}
UNTIL: Final = "2099-01-01T00:00:00Z"
CALLS: Final = {
    "POST /v1/match": Call((T,), own=422, other=422, body={}),
    "POST /v1/verify": Call((T,), own=422, other=422, body={}),
    "GET /v1/checks/{check_id}": Call((T,)),
    "GET /v1/watchlists": Call((S,)),
    "PUT /v1/watchlists/{watchlist}": Call((S,), other=409, body={"title": "Alerts"}),
    "PUT /v1/watchlists/{watchlist}/entries/{entry}": Call((S,), own=422, other=422, body={}),
    "GET /v1/watchlists/{watchlist}/entries/{entry}": Call((S,), other=404),
    "GET /v1/watchlists/{watchlist}/quarantine": Call((S,), other=404),
    "POST /v1/watchlists/{watchlist}/entries/{entry}/purpose-achieved": Call((S,), other=404),
    "POST /v1/watchlists/{watchlist}/entries:import": Call((S,), other=404, body={}),
    "GET /v1/watchlists/{watchlist}/changes": Call((S,), own=404, other=404, query="?after=0"),
    "GET /v1/watchlists/{watchlist}/changes/timestamp": Call((S,), own=404, other=404),
    "GET /v1/watchlists/{watchlist}/changes/roots/{version}": Call((S,), own=404, other=404),
    "DELETE /v1/watchlists/{watchlist}/entries/{entry}": Call((S,), own=204, other=404),
    "GET /v1/agreements": Call(ALL),
    "PUT /v1/authorisations/{authorisation}": Call((S,), own=422, other=422, body={}),
    "DELETE /v1/authorisations/{authorisation}": Call((S,), own=404, other=404),
    "GET /v1/flags": Call((R,)),
    "GET /v1/flags/{flag_id}": Call((R,), other=404),
    "POST /v1/flags/{flag_id}/verdicts": Call((R,), own=404, other=404, body=VERDICT),
    "POST /v1/flags/{flag_id}/waivers": Call((R,), own=404, other=404, body=WAIVER),
    "POST /v1/flags/{flag_id}/authorisations": Call((R,), own=404, other=404, body=AFTERWARDS),
    "GET /v1/releases": Call((S, R)),
    "POST /v1/releases/{candidate_id}": Call((S, R), own=404, other=404, body={"granted": True}),
    "PUT /v1/emergencies/{emergency}": Call((R,), own=422, other=422, body={"justification": "Flood", "until": UNTIL}),
    "DELETE /v1/emergencies/{emergency}": Call((R,), own=404, other=404),
    "GET /v1/notices": Call((S, R), query="?after=0"),
    "GET /v1/audit/keys": Call((A, S)),
    "GET /v1/audit/heads/latest": Call((A, S)),
    "GET /v1/audit/heads/{size}": Call((A, S), own=404, other=404),
    "POST /v1/audit/heads/{size}/countersignatures": Call((A, S), own=422, other=422, body={}),
    "GET /v1/audit/events": Call((A,), query="?after=0"),
    "GET /v1/audit/part": Call((A,)),
    "GET /v1/audit/proof/inclusion": Call((A,), own=404, other=404, query=f"?leaf={'0' * 64}&at={UNTIL}"),
    "GET /v1/audit/proof/consistency": Call((A, S), own=422, other=422),
    "GET /metrics": Call((O,)),
}
PAGES: Final = {
    "GET /healthz": Page(),
    "GET /readyz": Page(),
    "GET /openapi.json": Page(),
    "GET /static/{version}/{name}": Page(own=404, other=404),
    "GET /": Page(own=303, other=303),
    "GET /sign-in": Page(own=303, other=303),
    "POST /sign-in": Page(own=403, other=403),
    "GET /sign-in/second-factor": Page(own=303, other=303),
    "POST /sign-in/second-factor": Page(own=303, other=303),
    "GET /enrol/{code}": Page(own=404, other=404),
    "POST /enrol/{code}/password": Page(own=403, other=403),
    "POST /enrol/{code}/second-factor": Page(own=403, other=403),
    "POST /sign-out": Page(PEOPLE, own=303, other=303),
    "GET /account": Page(PEOPLE),
    "POST /account/password": Page(PEOPLE, own=401, other=401),
    "POST /account/second-factor/begin": Page(PEOPLE, own=401, other=401),
    "GET /account/second-factor": Page(PEOPLE, own=303, other=303),
    "POST /account/second-factor": Page(PEOPLE, own=303, other=303),
    "POST /account/second-factor/remove": Page(PEOPLE, own=401, other=401),
    "POST /account/sessions/end": Page(PEOPLE, own=303, other=303),
    "GET /review": Page((R,)),
    "GET /review/list": Page((R,)),
    "GET /review/changes": Page((R,), endless=True),
    "GET /review/flags/{flag_id}": Page((R,), other=404),
    "GET /review/flags/{flag_id}/candidates/{candidate_id}/pictures/{side}/{number}/{cut}": Page(
        (R,), own=404, other=404
    ),
    "POST /review/flags/{flag_id}/candidates/{candidate_id}/verdict": Page((R,), own=404, other=404),
    "GET /review/flags/{flag_id}/candidates/{candidate_id}/waiver": Page((R,), own=404, other=404),
    "POST /review/flags/{flag_id}/candidates/{candidate_id}/waiver": Page((R,), own=404, other=404),
    "GET /review/flags/{flag_id}/candidates/{candidate_id}/authorisation": Page((R,), own=404, other=404),
    "POST /review/flags/{flag_id}/candidates/{candidate_id}/authorisation": Page((R,), own=404, other=404),
    "GET /review/requests": Page((R,)),
    "GET /review/webhooks": Page(PEOPLE),
    "GET /review/log": Page((A,)),
    "POST /review/requests/releases/{candidate_id}": Page((R,), own=422, other=422),
    "POST /review/requests/authorisations": Page((R,), own=422, other=422),
}


@dataclass
class Situation:
    """A node on which XA has an entry, a watchlist and a flag, and what stands in the place of a path's parameters."""

    node: Node
    values: Mapping[str, str]
    people: Mapping[str, UserId]

    def signed_in(self, partner: str, role: Role) -> Browser:
        """A browser with a new session of somebody of a partner."""
        browser = Browser(self.node)
        proven = Proven(self.people[f"{partner}/{role}"], Factor.TOTP)
        browser.keep(SESSION, self.node.runtime.people.sign_ins.enter(proven, Visitor(NETWORK)).session)
        return browser

    def path(self, route: str) -> str:
        return route.partition(" ")[2].format_map(self.values)

    def call(self, route: str, who: str | None) -> Response:
        method, _, _ = route.partition(" ")
        row = CALLS[route]
        headers = {} if who is None else {"authorization": f"Bearer {self.node.access.tokens[who]}"}
        path = self.path(route) + row.query
        answer: Response = self.node.client.request(method, path, headers=headers, json=row.body)
        return answer

    def look(self, route: str, browser: Browser, token: str = "") -> Response:
        row = PAGES[route]
        if route.startswith("GET"):
            return browser.get(self.path(route))
        return browser.post(self.path(route), {"csrf_token": token} | dict(row.fields))


@pytest.fixture(scope="module")
def situation(shared_node: Node) -> Situation:
    node = shared_node
    node.enrol("xa", "E-1", finger_number=3)
    node.enrol("xb", "E-2", finger_number=7)
    request = node.request(finger_number=7)
    answer = node.send("xa", request).json()
    node.settle()
    unknown = str(uuid4())
    return Situation(
        node,
        {
            "check_id": request["check_id"],
            "flag_id": answer["flag_id"],
            "watchlist": "xa-alerts",
            "entry": "E-1",
            "version": "1",
            "size": "999999",
            "name": "nothing.css",
            "code": "nothing",
            "side": "probe",
            "number": "0",
            "cut": "face",
            **dict.fromkeys(("authorisation", "emergency", "candidate_id"), unknown),
        },
        {name: person(node, name, role).user for role in PEOPLE for name in (f"xa/{role}", f"xb/{role}")},
    )


def test_every_route_has_a_row_and_every_row_a_route(shared_node: Node) -> None:
    app: Any = shared_node.client.app
    contexts = iter_route_contexts(app.routes)
    routes = {f"{method} {each.path}" for each in contexts for method in each.methods or () if method != "HEAD"}
    assert routes == CALLS.keys() | PAGES.keys()


@pytest.mark.parametrize("route", CALLS)
def test_a_call_answers_the_roles_it_is_for_and_no_others(situation: Situation, route: str) -> None:
    row = CALLS[route]
    assert situation.call(route, None).status_code == 401
    for role in Role:
        for partner, answered in (("xb", row.other), ("xa", row.own)):
            answer = situation.call(route, f"{partner}-{role}")
            assert answer.status_code == (answered if role in row.roles else 403), (role, partner, answer.text)


@pytest.mark.parametrize("route", CALLS)
def test_a_session_of_a_page_opens_no_call(situation: Situation, route: str) -> None:
    method, reviewer = route.partition(" ")[0], situation.signed_in("xa", Role.REVIEWER)
    assert reviewer.client.request(method, situation.path(route)).status_code == 401


@pytest.mark.parametrize("route", [route for route, row in PAGES.items() if row.roles])
def test_a_page_opens_to_nobody_but_who_is_signed_in(situation: Situation, expired: Browser, route: str) -> None:
    token = situation.node.access.tokens["xa-reviewer"]
    for browser in (Browser(situation.node), expired):
        for header in ({}, {"authorization": f"Bearer {token}"}):
            browser.client.headers.update(header)
            answer = situation.look(route, browser)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


@pytest.fixture(scope="module")
def expired(situation: Situation) -> Browser:
    """A browser whose session has ended by itself."""
    browser = situation.signed_in("xa", Role.REVIEWER)
    situation.node.clock.turn(timedelta(days=2))
    return browser


@pytest.mark.parametrize("route", PAGES)
def test_a_page_answers_the_roles_it_is_for_and_no_others(situation: Situation, route: str) -> None:
    row = PAGES[route]
    for role in (role for role in PEOPLE if not (row.endless and role in row.roles)):
        for partner, answered in (("xb", row.other), ("xa", row.own)):
            browser = situation.signed_in(partner, role)
            answer = situation.look(route, browser, token_of(browser.get("/account")))
            let_in = not row.roles or role in row.roles
            assert answer.status_code == (answered if let_in else 403), (role, partner, answer.text)
