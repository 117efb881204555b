"""An owner says that an entry has served its purpose: its end comes nearer, and never moves away again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import Response

from tests.service.node import Node
from tests.service.test_ledger import events
from tests.service.test_rescheduling import enter
from tests.service.treaties import permit, sign

DAY = timedelta(days=1)


def achieve(node: Node, who: str = "xb-sync", entry: str = "E-1") -> Response:
    return node.call(who, "POST", f"/v1/watchlists/xb-alerts/entries/{entry}/purpose-achieved")


def ends(response: Response) -> datetime:
    assert response.status_code == 200, response.text
    return datetime.fromisoformat(response.json()["expires_at"])


def found(node: Node) -> bool:
    return bool(node.check("xa", finger_number=1, purpose="crime")["candidates"])


@pytest.fixture
def wanted(node: Node) -> Node:
    """An entry that stays for two weeks once its purpose is achieved, and otherwise for ever."""
    sign(node, permit("search"), permit("see hit"), enter("delete-after-purpose(14 d)"))
    node.enrol("xb", "E-1", finger_number=1)
    return node


def test_rule_kind_22_the_countdown_begins_once_and_ends_with_the_entry(wanted: Node) -> None:
    end = ends(achieve(wanted))
    assert abs(end - wanted.clock() - 14 * DAY) < timedelta(minutes=1)
    (event,) = events(wanted, "purpose-achieved")
    assert event == {"watchlist": "xb-alerts", "entry": "E-1", "expires_at": end.isoformat()}
    assert found(wanted)

    wanted.clock.turn(10 * DAY)
    assert ends(achieve(wanted)) == end
    assert len(events(wanted, "purpose-achieved")) == 1

    wanted.clock.turn(4 * DAY)
    assert not found(wanted)
    wanted.runtime.keep_house()
    assert achieve(wanted).status_code == 404


def test_an_earlier_end_stays(wanted: Node) -> None:
    earlier = wanted.clock() + 3 * DAY
    wanted.enrol("xb", "E-1", finger_number=1, expires_at=earlier.isoformat())
    assert ends(achieve(wanted)) == earlier
    assert events(wanted, "purpose-achieved") == []


def test_where_no_agreement_gives_it_time_it_ends_at_once(node: Node) -> None:
    sign(node, permit("search"), permit("see hit"))
    node.enrol("xb", "E-1", finger_number=1)
    assert found(node)
    assert ends(achieve(node)) <= node.clock()
    assert not found(node)


@pytest.mark.parametrize(("who", "status"), [("xa-sync", 404), ("xb-terminal", 403), ("xb-reviewer", 403)])
def test_only_its_owner_says_so(wanted: Node, who: str, status: int) -> None:
    before: dict[str, Any] = wanted.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-1").json()
    assert achieve(wanted, who).status_code == status
    assert wanted.call("xb-sync", "GET", "/v1/watchlists/xb-alerts/entries/E-1").json() == before
    assert achieve(wanted, entry="E-2").status_code == 404
