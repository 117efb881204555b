"""Where the desk is, and which forms are its own."""

from __future__ import annotations

import pytest

from service.users.errors import ForgedForm, WrongPlace
from service.users.place import Place

DESK = Place.of_origin("https://desk.example")


def test_the_place_that_the_operator_has_set_counts_whatever_a_request_says() -> None:
    place = Place.of_request("https://desk.example:8443", "evil.example")
    assert (place.origin, place.host, place.secure) == ("https://desk.example:8443", "desk.example", True)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_without_one_the_desk_is_on_this_machine(host: str) -> None:
    place = Place.of_request("", host)
    assert (place.origin, place.secure) == (f"http://{host}", False)


@pytest.mark.parametrize("host", ["desk.example", "localhost.evil.example", "", "user@localhost/", "127.0.0.1.nip.io"])
def test_and_nowhere_else(host: str) -> None:
    with pytest.raises(WrongPlace):
        Place.of_request("", host)


@pytest.mark.parametrize(
    "origin", ["http://desk.example", "desk.example", "https://desk.example/", "ftp://desk.example", "https://"]
)
def test_what_is_no_origin_over_https_cannot_be_set(origin: str) -> None:
    with pytest.raises(WrongPlace):
        Place.of_origin(origin)


def test_cookies_over_https_are_bound_to_the_host() -> None:
    assert DESK.cookie("session") == "__Host-session"
    assert Place.of_origin("http://localhost").cookie("session") == "session"


@pytest.mark.parametrize(
    ("origin", "site"),
    [("https://desk.example", "same-origin"), ("https://desk.example", None), ("null", "same-origin")],
)
def test_a_form_of_a_page_of_ours_is_taken(origin: str, site: str | None) -> None:
    DESK.require_own_form(origin, site)


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        (None, None),
        ("null", None),
        ("https://evil.example", None),
        ("https://evil.example", "same-origin"),
        ("http://desk.example", None),
        ("https://desk.example", "cross-site"),
        ("https://desk.example", "same-site"),
        ("https://desk.example", "none"),
    ],
)
def test_a_form_from_elsewhere_or_from_who_knows_where_is_not(origin: str | None, site: str | None) -> None:
    with pytest.raises(ForgedForm):
        DESK.require_own_form(origin, site)
