"""Signing in as a browser does it: pages, forms, cookies, and what goes wrong."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from httpx2 import Response

from service.pages.cookies import DEVICE, HALF, SESSION, VISITOR
from service.pages.visitors import path_within
from service.roles import Role
from service.users.names import UserId
from service.users.sessions import SignedIn
from tests.service.node import Node, NodeMaker
from tests.service.people import PASSWORD, Browser, Person, person, signed_in, token_of
from tests.service.recorded import recorded
from tests.service.users.authenticator import Authenticator

SECOND = "/sign-in/second-factor"


def cookies_of(response: Response) -> dict[str, str]:
    """The cookies that an answer sets, by name, with their attributes."""
    return {line.partition("=")[0]: line for line in response.headers.get_list("set-cookie")}


def enter_password(browser: Browser, who: Person, password: str = PASSWORD, **fields: str) -> Response:
    return browser.submit("/sign-in", "/sign-in", {"user": str(who.user), "password": password} | fields)


def enter(browser: Browser, who: Person, **fields: str) -> Response:
    """Sign in with a password and a code."""
    assert enter_password(browser, who, **fields).status_code == 303
    return browser.submit(SECOND, SECOND, {"code": who.code()})


def options_of(page: Response) -> str:
    """What the page hands to the browser to ask for a passkey, or to make one."""
    found = re.search(r'data-options="([^"]*)"', page.text)
    assert found, page.text
    return html.unescape(found.group(1))


def test_a_reviewer_signs_in_and_out(shared_node: Node) -> None:
    ada, browser = person(shared_node, "xa/ada", Role.REVIEWER), Browser(shared_node)
    first = enter_password(browser, ada)
    assert (first.status_code, first.headers["location"]) == (303, SECOND)
    assert browser.session is None
    entered = browser.submit(SECOND, SECOND, {"code": ada.code()})
    assert (entered.status_code, entered.headers["location"]) == (303, "/review")
    assert "xa/ada" in browser.get("/account").text

    left = browser.submit("/account", "/sign-out")
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert browser.get("/account").headers["location"] == "/sign-in?next=/account"


def test_an_auditor_begins_at_the_account_and_whoever_wanted_a_page_gets_there(shared_node: Node) -> None:
    assert enter(Browser(shared_node), person(shared_node, "xa/max", Role.AUDITOR)).headers["location"] == "/account"
    ada, browser = person(shared_node), Browser(shared_node)
    assert enter_password(browser, ada, next="/review/flags/1").headers["location"] == f"{SECOND}?next=/review/flags/1"
    page = browser.get(f"{SECOND}?next=/review/flags/1")
    fields = {"csrf_token": token_of(page), "next": "/review/flags/1", "code": ada.code()}
    assert browser.post(SECOND, fields).headers["location"] == "/review/flags/1"


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/review/../../x", "/v1/flags", "/review\n"]
)
def test_nobody_is_led_elsewhere(path: str) -> None:
    assert path_within(path) == ""


def test_cookies_are_kept_from_scripts_and_other_sites(shared_node: Node) -> None:
    ada, browser = person(shared_node), Browser(shared_node)
    set_by_first = cookies_of(browser.get("/sign-in")) | cookies_of(enter_password(browser, ada))
    entered = browser.submit(SECOND, SECOND, {"code": ada.code()})
    given = set_by_first | {name: line for name, line in cookies_of(entered).items() if name in {SESSION, DEVICE}}
    assert given.keys() == {VISITOR, HALF, SESSION, DEVICE}
    for line in given.values():
        assert "HttpOnly" in line
        assert "SameSite=strict" in line
        assert "Path=/" in line
        assert "Domain" not in line


def test_over_https_cookies_are_bound_to_the_host(make_node: NodeMaker) -> None:
    node = make_node(desk_origin="https://desk.example")
    browser = Browser(node, "https://desk.example")
    (line,) = cookies_of(browser.get("/sign-in")).values()
    assert line.startswith(f"__Host-{VISITOR}=")
    assert "Secure" in line
    assert Browser(node, "https://evil.example").post("/sign-in", {}).status_code == 403


def test_without_an_origin_the_desk_answers_on_this_machine_alone(shared_node: Node) -> None:
    assert Browser(shared_node, "http://desk.example").get("/sign-in").status_code == 421


def test_a_wrong_password_and_nobody_look_the_same(shared_node: Node) -> None:
    ada, browser = person(shared_node, "xa/amy"), Browser(shared_node)
    pages = []
    for user in (str(ada.user), "xa/nobody", "no name at all"):
        page = browser.submit("/sign-in", "/sign-in", {"user": user, "password": "not the one"})
        assert page.status_code == 401
        pages.append(page.text.replace(user, "-"))
    assert pages[0] == pages[1] == pages[2]
    assert "not the one" not in pages[0]


def test_a_session_id_from_before_is_worth_nothing(shared_node: Node) -> None:
    ada, browser = person(shared_node), Browser(shared_node)
    planted = "p" * 43
    for name in (SESSION, HALF):
        browser.keep(name, planted)
    assert browser.get("/account").status_code == 303
    enter(browser, ada)
    assert browser.session not in {None, planted}
    assert shared_node.runtime.people.sessions.recognise(planted) is None


def test_each_step_has_an_id_of_its_own(shared_node: Node) -> None:
    ada, browser = person(shared_node), Browser(shared_node)
    browser.get("/sign-in")
    ids = [browser.client.cookies[VISITOR]]
    enter_password(browser, ada)
    ids.append(browser.client.cookies[HALF])
    browser.submit(SECOND, SECOND, {"code": ada.code()})
    ids.append(str(browser.session))
    assert len(set(ids)) == 3
    assert all(shared_node.runtime.people.sessions.recognise(each) is None for each in ids[:2])
    assert HALF not in browser.client.cookies


def test_signing_in_again_ends_the_session_from_before(shared_node: Node) -> None:
    ada, browser = person(shared_node), Browser(shared_node)
    enter(browser, ada)
    before = browser.session
    half = enter_password_without_page(browser, ada)
    assert half.status_code == 303
    browser.submit(SECOND, SECOND, {"code": ada.code()})
    assert shared_node.runtime.people.sessions.recognise(before) is None


def enter_password_without_page(browser: Browser, who: Person) -> Response:
    """Whoever is signed in is not shown the page; another tab may still have it."""
    other = Browser(browser.node)
    token = token_of(other.get("/sign-in"))
    browser.keep(VISITOR, other.client.cookies[VISITOR])
    return browser.post("/sign-in", {"csrf_token": token, "user": str(who.user), "password": PASSWORD})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "http://localhost", "sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
def test_forms_of_other_sites_do_nothing(shared_node: Node, headers: dict[str, str]) -> None:
    browser = signed_in(shared_node)
    for path in ("/sign-out", "/account/sessions/end", "/account/password", "/sign-in", SECOND):
        assert browser.submit("/account", path, {}, **headers).status_code == 403
    assert browser.get("/account").status_code == 200


def test_a_form_without_the_token_of_the_session_does_nothing(shared_node: Node) -> None:
    browser, other = signed_in(shared_node, "xa/ada"), signed_in(shared_node, "xa/bob")
    stolen = token_of(other.get("/account"))
    for token in ("", "x", stolen):
        for path in ("/sign-out", "/account/sessions/end", "/account/second-factor/begin"):
            assert browser.post(path, {"csrf_token": token}).status_code == 403
    assert browser.get("/account").status_code == 200


def test_a_sign_in_form_counts_in_the_browser_that_was_given_it(shared_node: Node) -> None:
    ada = person(shared_node)
    token = token_of(Browser(shared_node).get("/sign-in"))
    victim = Browser(shared_node)
    fields = {"csrf_token": token, "user": str(ada.user), "password": PASSWORD}
    assert victim.post("/sign-in", fields).status_code == 403
    victim.get("/sign-in")
    assert victim.post("/sign-in", fields).status_code == 403


def test_reading_a_page_changes_nothing(shared_node: Node) -> None:
    browser = signed_in(shared_node)
    count = len(recorded(shared_node.runtime.store))
    for path in ("/sign-out", "/account/sessions/end", "/account/second-factor/remove"):
        assert browser.get(path).status_code == 405
    browser.get("/account")
    assert len(recorded(shared_node.runtime.store)) == count


def test_a_session_ends_when_it_is_not_used_and_after_a_working_day(shared_node: Node) -> None:
    clock = shared_node.clock
    idle = signed_in(shared_node)
    clock.turn(timedelta(minutes=15))
    assert idle.get("/account").status_code == 303

    busy = signed_in(shared_node)
    for _ in range(34):
        clock.turn(timedelta(minutes=14))
        assert busy.get("/account").status_code == 200
    clock.turn(timedelta(minutes=5))
    assert busy.get("/account").status_code == 303


def test_who_is_disabled_is_out_at_once(shared_node: Node) -> None:
    eve, browser, half = person(shared_node, "xa/eve"), Browser(shared_node), Browser(shared_node)
    enter(browser, eve)
    enter_password(half, eve)
    shared_node.runtime.people.register.disable(eve.user)
    assert browser.get("/account").status_code == 303
    assert half.get(SECOND).headers["location"] == "/sign-in"
    assert enter_password(Browser(shared_node), eve).status_code == 401


def test_too_many_attempts_are_answered_with_when_to_come_back(shared_node: Node) -> None:
    person(shared_node, "xa/tim")
    browser = Browser(shared_node)
    fields = {"user": "xa/tim", "password": "guess"}
    statuses = [browser.submit("/sign-in", "/sign-in", fields).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    held = browser.submit("/sign-in", "/sign-in", fields | {"password": PASSWORD})
    assert (held.status_code, held.headers["retry-after"]) == (429, "30")


def test_a_link_leads_to_a_password_a_second_factor_and_in(shared_node: Node) -> None:
    code = shared_node.runtime.people.register.add(UserId("xb", "new"), [Role.REVIEWER])
    browser, path = Browser(shared_node), f"/enrol/{code}"
    assert "xb/new" in browser.get(path).text
    short = browser.submit(path, f"{path}/password", {"password": "short"})
    assert (short.status_code, "at least 12 characters" in short.text) == (422, True)
    assert browser.submit(path, f"{path}/password", {"password": PASSWORD}).headers["location"] == path
    page = browser.get(path)
    assert "<svg" in page.text
    assert browser.submit(path, f"{path}/second-factor", {"code": "000000"}).status_code == 401
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert found
    new = Person(shared_node, UserId("xb", "new"), found.group(1))
    entered = browser.submit(path, f"{path}/second-factor", {"code": new.code()})
    assert entered.headers["location"] == "/review"
    assert browser.get("/account").status_code == 200
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("code", ["x", "A" * 43, "%00", "A" * 101])
def test_a_link_that_was_never_given_leads_nowhere(shared_node: Node, code: str) -> None:
    assert Browser(shared_node).get(f"/enrol/{code}").status_code in {404, 422}


def test_a_passkey_is_a_second_factor(shared_node: Node) -> None:
    code = shared_node.runtime.people.register.add(UserId("xb", "kim"), [Role.REVIEWER])
    browser, path = Browser(shared_node), f"/enrol/{code}"
    key = Authenticator(browser.origin, "localhost")
    browser.submit(path, f"{path}/password", {"password": PASSWORD})
    made = key.make(options_of(browser.get(path)))
    assert browser.submit(path, f"{path}/second-factor", {"credential": made, "label": "blue"}).status_code == 303
    assert "blue" in browser.get("/account").text

    again, kim = Browser(shared_node), Person(shared_node, UserId("xb", "kim"), "")
    enter_password(again, kim)
    signed = key.sign(options_of(again.get(SECOND)))
    assert again.submit(SECOND, SECOND, {"credential": signed}).headers["location"] == "/review"

    thief = Browser(shared_node)
    enter_password(thief, kim)
    assert thief.submit(SECOND, SECOND, {"credential": signed}).status_code == 401
    asked = options_of(thief.get(SECOND))
    elsewhere = key.sign(asked, origin="https://evil.example")
    assert thief.submit(SECOND, SECOND, {"credential": elsewhere}).status_code == 401


def test_a_second_factor_is_added_and_removed_with_the_password(shared_node: Node) -> None:
    browser = signed_in(shared_node, "xa/zoe")
    assert browser.get("/account/second-factor").headers["location"] == "/account"
    begin = "/account/second-factor/begin"
    assert browser.submit("/account", begin, {"setup_password": "wrong"}).status_code == 401
    assert browser.submit("/account", begin, {"setup_password": PASSWORD}).status_code == 303
    page = "/account/second-factor"
    made = Authenticator(browser.origin, "localhost").make(options_of(browser.get(page)))
    assert browser.submit(page, page, {"credential": made, "label": "green"}).headers["location"] == "/account"
    assert browser.submit("/account", page, {"credential": made}).headers["location"] == "/account"
    assert browser.get("/account").text.count("green") >= 1
    gone = browser.submit("/account", f"{page}/remove", {"removed": "app", "remove_password": PASSWORD})
    assert gone.status_code == 303
    account = browser.get("/account").text
    passkey = [found.id for found in shared_node.runtime.people.accounts.of(who(shared_node, browser)).passkeys]
    assert 'name="removed"' not in account
    last = browser.submit("/account", f"{page}/remove", {"removed": passkey[0], "remove_password": PASSWORD})
    assert last.status_code == 422


def who(node: Node, browser: Browser) -> SignedIn:
    found = node.runtime.people.sessions.recognise(browser.session)
    assert found is not None
    return found


def test_a_new_password_ends_all_other_sessions(shared_node: Node) -> None:
    ada = person(shared_node, "xa/una")
    here, there = Browser(shared_node), Browser(shared_node)
    enter(here, ada)
    enter(there, ada)
    before, new = here.session, "seven kettles under the pine"
    fields = {"old_password": PASSWORD, "new_password": new}
    assert here.submit("/account", "/account/password", fields).headers["location"] == "/account"
    assert here.session != before
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert shared_node.runtime.people.sessions.recognise(before) is None
    assert enter_password(Browser(shared_node), ada).status_code == 401
    assert enter_password(Browser(shared_node), ada, new).status_code == 303


def test_somebody_ends_its_own_sessions_and_nobody_elses(shared_node: Node) -> None:
    ada, bob = person(shared_node, "xa/ida"), signed_in(shared_node, "xb/ida")
    here, there = Browser(shared_node), Browser(shared_node)
    enter(here, ada)
    enter(there, ada)
    for browser in (bob, there):
        named = who(shared_node, browser).session_id
        assert here.submit("/account", "/account/sessions/end", {"session": named}).status_code == 303
    assert there.get("/account").status_code == 303
    assert bob.get("/account").status_code == 200


def test_htmx_is_told_to_load_the_sign_in_page(shared_node: Node) -> None:
    answer = Browser(shared_node).get("/account", **{"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/sign-in?next=/account")


def test_neither_password_nor_code_is_in_any_page_log_or_event(
    shared_node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ada, browser = person(shared_node, "xa/liv"), Browser(shared_node)
    failed = enter_password(browser, ada, "a wrong but telling password")
    enter_password(browser, ada)
    code = ada.code()
    browser.submit(SECOND, SECOND, {"code": code})
    told = caplog.text + failed.text + repr(recorded(shared_node.runtime.store))
    for secret in ("a wrong but telling password", PASSWORD, str(browser.session), ada.secret):
        assert secret not in told
