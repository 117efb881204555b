"""Pages on a partner's own affairs: what became of its webhooks, and its part of the audit log."""

from __future__ import annotations

import html
from collections.abc import Iterator

import pytest

from service.notices import NoticeKind
from service.pages.webhooks import OUTCOMES, STATES
from service.roles import Role
from service.webhooks.deliveries import DeliveryState
from service.webhooks.signing import Scheme
from service.webhooks.transport import Outcome
from tests.service.node import Node
from tests.service.people import signed_in
from tests.service.recorded import recorded
from watchlists.database import writing

URL = "https://xb.example/hook"


@pytest.fixture(scope="module")
def told(shared_node: Node) -> Iterator[str]:
    """XB has an endpoint, paused, and a notice for it; its secret."""
    runtime, now = shared_node.runtime, shared_node.clock()
    secret = runtime.webhooks.endpoints.add("xb", "desk", URL, Scheme.HMAC, now).for_receiver()
    runtime.webhooks.endpoints.pause("xb", "desk", now)
    with writing(runtime.store.engine) as connection:
        runtime.notices.post(connection, NoticeKind.ENTRY_FOUND, "xb", now, {"partner": "xa"}, text="Quillfeather")
    yield secret
    runtime.webhooks.endpoints.remove("xb", "desk", now)


def test_every_state_and_outcome_has_words() -> None:
    assert STATES.keys() == set(DeliveryState)
    assert OUTCOMES.keys() == set(Outcome)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR])
def test_people_of_a_partner_see_what_became_of_its_notices_and_no_secret(
    shared_node: Node, told: str, role: Role
) -> None:
    shown = signed_in(shared_node, f"xb/{role}-bo", role).get("/review/webhooks").text
    assert URL in shown
    assert "Paused by the operator" in shown
    assert "entry-found" in shown
    assert "Quillfeather" not in shown
    assert told.removeprefix("whsec_") not in html.unescape(shown)


def test_others_see_nothing_of_it(shared_node: Node, told: str) -> None:
    shown = signed_in(shared_node, "xa/cy", Role.REVIEWER).get("/review/webhooks").text
    assert URL not in shown
    assert "No webhook is registered." in shown


def test_an_auditor_reads_the_part_of_its_partner_and_that_is_an_entry(shared_node: Node) -> None:
    shared_node.runtime.keep_house()
    browser = signed_in(shared_node, "xa/di", Role.AUDITOR)
    shown = browser.get("/review/log").text
    part = shared_node.runtime.audit.heads.part("xa").part
    assert f"<dd>{part.size}</dd>" in shown
    assert "token-issued" in shown
    assert "xb/" not in shown
    read = recorded(shared_node.runtime.store, "log-read", partner="xa")[-1]
    assert (read["actor"], read["details"]["first"]) == (
        "di",
        recorded(shared_node.runtime.store, partner="xa")[0]["number"],
    )
    assert "There is nothing more." in browser.get(f"/review/log?after={10**9}").text


def test_a_reviewer_reads_no_log(shared_node: Node) -> None:
    assert signed_in(shared_node, "xa/ed", Role.REVIEWER).get("/review/log").status_code == 403
