"""What a partner is asked for: answered on a page, in two steps, and only what was asked."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from tests.service.people import Browser, signed_in, token_of
from tests.service.review.desk import ReviewScene
from tests.service.scene import Scene
from tests.service.treaties import notices, permit


@pytest.fixture
def desk(scene: Scene) -> ReviewScene:
    scene.enrol()
    return ReviewScene(scene)


def send(browser: Browser, path: str, **fields: str) -> str:
    """Send a form twice, the second time as the page that reads it back has it; the text of the page after that."""
    first = browser.post(path, {"csrf_token": token_of(browser.get("/review/requests"))} | fields)
    assert first.status_code == 200, first.text
    hidden = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', first.text))
    assert hidden["confirmed"] == "yes"
    assert "said" not in re.findall(r'class="(\w+)"', first.text)  # nothing was done yet
    second = browser.post(path, hidden)
    assert (second.status_code, second.headers["location"]) == (303, "/review/requests")
    return browser.get("/review/requests").text


def test_an_owner_releases_more_of_its_entry(desk: ReviewScene) -> None:
    desk.agree(later="release-by-owner(48 h)")
    found = desk.open()
    owner = signed_in(desk.node, "xb/olga")
    page = owner.get("/review/requests").text
    assert "xb-alerts/E-1" in page
    path = f"/review/requests/releases/{found['candidate']}"
    assert "Released. The partner that asked is told." in send(owner, path, decision="grant")
    assert found["candidate"] not in owner.get("/review/requests").text
    assert "disclosure-released" in [kind for kind, _ in desk.told("xa", found["candidate"])]


def test_nobody_else_is_asked_for_it(desk: ReviewScene) -> None:
    desk.agree(later="release-by-owner(48 h)")
    found = desk.open()
    other = signed_in(desk.node, "xa/ada")
    assert found["candidate"] not in other.get("/review/requests").text
    form = {"csrf_token": token_of(other.get("/review/requests")), "decision": "grant"}
    assert other.post(f"/review/requests/releases/{found['candidate']}", form).status_code == 404


def test_an_owner_authorises_searches_in_the_case_that_was_asked_about(desk: ReviewScene) -> None:
    desk.sign(permit("search", "owner-authorisation, justify(case-reference)"), permit("see hit"))
    asked = {"case_reference": "FILE-4711"}
    refused = desk.node.send("xa", desk.scene.request(**asked))
    assert notices(desk.node, "xb", "authorisation-requested"), refused.text
    owner = signed_in(desk.node, "xb/olga")
    assert "FILE-4711" in owner.get("/review/requests").text
    fields = {"partner": "xa", "purpose": "crime", "case_reference": "FILE-4711", "exercise": "no"}
    fields |= {"days": "7", "decision": "grant"}
    form = {"csrf_token": token_of(owner.get("/review/requests"))} | fields
    path = "/review/requests/authorisations"
    assert owner.post(path, form | {"case_reference": "FILE-4712"}).status_code == 422
    assert owner.post(path, form | {"days": "400"}).status_code == 422
    assert owner.post(path, form | {"decision": "perhaps"}).status_code == 422
    assert "Authorised. The partner can search now." in send(owner, path, **fields)
    assert desk.node.send("xa", desk.scene.request(**asked)).json()["outcome"] == "flagged"


def test_an_owner_declines_searches_and_is_not_asked_again(desk: ReviewScene) -> None:
    desk.sign(permit("search", "owner-authorisation, justify(case-reference)"), permit("see hit"))
    asked = desk.scene.request(case_reference="FILE-4712")
    desk.node.send("xa", asked)
    owner = signed_in(desk.node, "xb/olga")
    fields = {"partner": "xa", "purpose": "crime", "case_reference": "FILE-4712", "exercise": "no"}
    shown = send(owner, "/review/requests/authorisations", **fields, decision="decline")
    assert "Declined. The partner that asked is told." in shown
    assert "FILE-4712" not in shown
    *_, told = notices(desk.node, "xa", "authorisation-declined")
    assert (told["details"]["owner"], told["text"]) == ("xb", "FILE-4712")
    before = notices(desk.node, "xb", "authorisation-requested")
    assert desk.node.send("xa", asked | {"check_id": str(uuid4())}).json()["outcome"] == "no-candidates"
    assert notices(desk.node, "xb", "authorisation-requested") == before
