"""Errors are pages for people, and problem documents for programs; both carry the headers of their kind."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from service.errors import HTTP_SLUGS, STATUS_BY_SLUG, BadCursor
from service.pages.forms import MalformedForm
from service.pages.headers import HEADERS
from service.pages.problem_words import TOLD
from tests.service.pages.pages import client_of_pages

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of_pages()


@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [
        ("/fails/role", 403, "This page is not for you"),
        ("/nowhere", 404, "There is nothing here"),
        ("/fails/big", 413, "That is too much to send"),
        ("/fails/busy", 503, "The service is busy"),
    ],
)
def test_a_browser_gets_a_page_that_says_what_to_do(client: TestClient, path: str, status: int, heading: str) -> None:
    response = client.get(path, headers=BROWSER)
    assert response.status_code == status
    assert f"<h1>{heading}</h1>" in response.text
    assert 'href="/review"' in response.text


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/nowhere", "There is no page at this address."),
        ("/fails/role", "You are signed in, but this page is for people with another role."),
    ],
)
def test_a_page_speaks_of_pages_and_not_of_calls(client: TestClient, path: str, detail: str) -> None:
    text = client.get(path, headers=BROWSER).text
    assert f"<p>{detail}</p>" in text
    assert "call" not in text


def test_what_pages_say_of_errors_are_errors_that_there_are() -> None:
    known = set(STATUS_BY_SLUG) | {slug for slug, _ in HTTP_SLUGS.values()} | {"invalid-request"}
    assert TOLD.keys() - known == {MalformedForm.slug, BadCursor.slug}


def test_a_page_that_is_busy_says_when_to_come_back(client: TestClient) -> None:
    response = client.get("/fails/busy", headers=BROWSER)
    assert response.headers["retry-after"] == "7"
    assert "Try again in 7 seconds." in response.text


def test_a_program_gets_the_problem_document(client: TestClient) -> None:
    assert client.get("/nowhere").headers["content-type"] == "application/problem+json"
    assert client.get("/v1/fails", headers=BROWSER).headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/fails/role", "/nowhere", "/"])
def test_every_page_forbids_what_it_does_not_need(client: TestClient, path: str) -> None:
    response = client.get(path, headers=BROWSER)
    assert {name: response.headers[name] for name in HEADERS} == dict(HEADERS)
    assert "unsafe" not in response.headers["content-security-policy"]


def test_calls_keep_the_headers_they_had(client: TestClient) -> None:
    assert "content-security-policy" not in client.get("/v1/fails").headers


def test_what_is_said_once_is_said_once(client: TestClient) -> None:
    said = client.get("/says")
    assert (said.status_code, said.headers["location"]) == (303, "/nowhere")
    cookie = said.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    first, second = client.get("/nowhere", headers=BROWSER), client.get("/nowhere", headers=BROWSER)
    assert "You are signed out." in first.text
    assert "You are signed out." not in second.text


def test_no_text_of_a_stranger_is_said(client: TestClient) -> None:
    response = client.get("/nowhere", headers=BROWSER | {"Cookie": "crosscheck-said=<b>pay here</b>"})
    assert "pay here" not in response.text
