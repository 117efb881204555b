"""The pages of the desk say in plain words where a flag stands, and offer what its reader may do and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.pages.desk import words
from service.pages.desk.queue import HTMX
from service.pages.forms import Form
from service.review.comparison import Missing
from service.review.views import CandidateView, FlagState, QueueFilter, Urgency
from tests.service.pages.desk_views import (
    CANDIDATE,
    CLAUSE,
    NOW,
    STATES,
    candidate,
    compared,
    flag,
    item,
    nothing_compared,
)
from tests.service.pages.pages import Shown, client_of_pages

VERDICT_FORM = f'action="/review/flags/{flag().id}/candidates/{CANDIDATE}/verdict"'


def of_flag(chosen: CandidateView, **more: Any) -> Mapping[str, object]:
    values: dict[str, object] = {
        "flag": flag(chosen),
        "candidate": chosen,
        "numbers": {chosen.id: 1},
        "now": NOW,
        "form": Form(),
        "kinds": [("same person", "Same person", "")],
        "compared": nothing_compared(Missing.NOT_KEPT),
    }
    return values | more


def of_queue(*items: object, **more: object) -> Mapping[str, object]:
    values: dict[str, object] = {
        "items": items,
        "following": None,
        "here": "/review",
        "wanted": QueueFilter(),
        "filtered": False,
        "states": list(FlagState),
        "purposes": ["border-check"],
        "now": NOW,
        "jitter": 100,
        "htmx_config": HTMX,
    }
    return values | more


SHOWN: Shown = {
    **{name: ("review/flag.html", partial(of_flag, chosen)) for name, chosen in STATES.items()},
    "compared": ("review/flag.html", lambda: of_flag(candidate(), compared=compared())),
    "forbidden": (
        "review/flag.html",
        lambda: of_flag(candidate(), compared=nothing_compared(Missing.FORBIDDEN, CLAUSE)),
    ),
    "incomplete": ("review/flag.html", lambda: of_flag(candidate(), flag=flag(candidate(), complete=False))),
    "exercise": ("review/flag.html", lambda: of_flag(candidate(), flag=flag(candidate(), exercise=True))),
    "refused": ("review/flag.html", lambda: of_flag(candidate(), form=Form({}, {"reason": "Say what you have seen."}))),
    "queue": (
        "review/queue.html",
        lambda: of_queue(item(1, Urgency.OVERDUE, silent=True), item(2, Urgency.ROUTINE, withdrawn=True)),
    ),
    "empty": ("review/queue.html", of_queue),
}


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of_pages(shown=SHOWN)


def text_of(client: TestClient, name: str) -> str:
    """The page, with single spaces."""
    response = client.get(f"/shown/{name}")
    assert response.status_code == 200
    return " ".join(response.text.split())


@pytest.mark.parametrize(
    ("state", "says", "form"),
    [
        ("first", "2 reviewers have to say the same, independently of each other.", True),
        ("waits-for-second", "You have given your verdict. It stays as it is.", False),
        ("disagreement", "The verdicts differ: one more reviewer decides", True),
        ("waits-for-owner", "More is released when the owner of the entry agrees.", False),
        ("released", "Released: what the agreement allows after review is shown below.", False),
        ("withheld", "Withheld: it was not confirmed, or the owner has refused.", False),
        ("lapsed", "Lapsed: the time for it is over, and nothing more is released.", True),
        ("waived", "waived, on this ground: Border Code of XA, section 12(3)", True),
        ("withdrawn", "Its owner has withdrawn the entry: there is nothing to compare.", True),
        ("void", "This candidate is void: there is nothing to decide any more.", False),
    ],
)
def test_a_flag_says_where_it_stands(client: TestClient, state: str, says: str, form: bool) -> None:
    page = text_of(client, state)
    assert says in page
    assert (VERDICT_FORM in page) is form


def test_the_action_shows_only_where_the_view_has_it(client: TestClient) -> None:
    assert "inform-officer" in text_of(client, "released")
    for state in STATES.keys() - {"released"}:
        assert "inform-officer" not in text_of(client, state)


def test_a_silent_alarm_is_marked(client: TestClient) -> None:
    assert "Silent alarm: the terminal shows nothing." in text_of(client, "silent")
    assert "Silent alarm" in text_of(client, "queue")
    assert "Silent alarm" not in text_of(client, "first")


def test_a_withdrawn_entry_is_said_to_be_one_in_the_queue_and_on_the_page_of_the_flag(client: TestClient) -> None:
    assert text_of(client, "queue").count("Entry withdrawn") == 1
    assert "Its owner has withdrawn the entry since the check" in text_of(client, "withdrawn")


def test_what_is_not_shown_says_why_and_by_which_clause(client: TestClient) -> None:
    assert "was not kept: no rule permits it, or its time is over." in text_of(client, "first")
    page = text_of(client, "forbidden")
    assert "A clause forbids that you see this." in page
    assert "Art. 7(2)" in page


def test_scores_come_with_their_meaning(client: TestClient) -> None:
    page = text_of(client, "first")
    assert "<strong>5.1</strong> one false match in 120,000 comparisons of different people" in page


def test_handling_codes_come_by_name_and_in_their_colours(client: TestClient) -> None:
    page = text_of(client, "first")
    assert '<span class="code tlp-amber">TLP:AMBER+STRICT</span>' in page
    assert '<span class="code europol">No onward transfer</span>' in page


def test_every_pair_of_minutiae_is_drawn_once_and_listed(client: TestClient) -> None:
    page = text_of(client, "compared")
    drawn = set(re.findall(r'id="pair-1-(\d+)"', page))
    listed = set(re.findall(r'href="#pair-1-(\d+)"', page))
    assert drawn == listed
    assert len(drawn) > 10


def test_pictures_of_both_sides_are_asked_for_by_flag_and_candidate_alone(client: TestClient) -> None:
    page = text_of(client, "compared")
    base = f"/review/flags/{flag().id}/candidates/{CANDIDATE}/pictures"
    assert set(re.findall(r'<img src="(/review[^"]+)"', page)) == {
        f"{base}/{side}/0/{cut}" for side in ("probe", "entry") for cut in ("face", "whole")
    }


def test_what_was_not_searched_and_what_is_not_real_is_said(client: TestClient) -> None:
    assert "Not everything could be searched" in text_of(client, "incomplete")
    assert "Nothing of this is real" in text_of(client, "exercise")


def test_a_refused_form_says_so_first(client: TestClient) -> None:
    page = text_of(client, "refused")
    assert "<title>Please correct: Flag" in page
    assert '<a href="#field-reason">Say what you have seen.</a>' in page


def test_the_queue_says_how_urgent_and_by_when(client: TestClient) -> None:
    page = text_of(client, "queue")
    assert "Overdue" in page
    assert '<time datetime="2026-11-26T10:30:00Z">2026-11-26 10:30 UTC</time> <small>in 1 hour</small>' in page
    assert "Nothing waits for a review." in text_of(client, "empty")


def test_every_member_of_every_list_has_a_word() -> None:
    missing = [member for of, texts in words.lists().items() for member in of if not texts.get(member)]
    assert missing == []
