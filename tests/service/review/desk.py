"""A review desk as tests find it: a scene where XB's entry on the person is found by XA, and people who look at it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from httpx2 import Response

from service.identity import Caller, TokenRegister
from service.roles import Role
from tests.service.node import Node
from tests.service.scene import Scene
from tests.service.test_ledger import events
from tests.service.treaties import notices, permit

HOUR = timedelta(hours=1)
REVIEWERS = {"ada": "xa", "bo": "xa", "cy": "xa", "dan": "xa", "xb-rev": "xb", "xc-rev": "xc"}
SAME, DIFFERENT, UNSURE = "same person", "different person", "inconclusive"


def seat_reviewers(node: Node) -> None:
    """Give the reviewers of all partners that there are a token."""
    register, known = TokenRegister(node.runtime.store.engine), {each.id for each in node.runtime.store.partners()}
    for name, partner in REVIEWERS.items():
        if partner in known and name not in node.access.tokens:
            node.access.tokens[name] = register.issue(Caller(partner, Role.REVIEWER, name), node.clock())


class ReviewScene:
    """Opens flags for XA, and lets people say something of them over HTTP."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.node = scene.node
        self.treaty = f"treaty-{uuid4()}"  # flags of other tests do not stand by it
        seat_reviewers(self.node)

    def agree(self, now: str = "", later: str = "", *more: str, **particulars: Any) -> None:
        """Bring an agreement into force that shows a hit at once, and a whole alert later or at once too."""
        self.sign(permit("search"), permit("see hit", now), permit("see biographics", later), *more, **particulars)

    def sign(self, *rules: str, **particulars: Any) -> None:
        self.scene.agree(*rules, name=self.treaty, **particulars)

    def open(self, **fields: Any) -> dict[str, Any]:
        """Check the person for XA, and return the flag as it was opened, with its one candidate."""
        check = self.scene.check(**fields)
        self.node.settle()
        row = self.scene.flag_of(check["check_id"])
        assert row is not None
        (candidate,) = self.scene.flagged(check["check_id"])
        return {"flag": row["id"], "candidate": candidate["candidate_id"], "check": check["check_id"]}

    def call(self, who: str, method: str, path: str, **kwargs: Any) -> Response:
        return self.node.call(who, method, path, **kwargs)

    def say(self, who: str, found: dict[str, Any], verdict: str, reason: str = "I looked at both") -> Response:
        body = {"candidate_id": found["candidate"], "verdict": verdict, "reason": reason}
        return self.call(who, "POST", f"/v1/flags/{found['flag']}/verdicts", json=body)

    def waive(self, who: str, found: dict[str, Any], ground: str = "Police Act of XA, s. 12") -> Response:
        body = {"candidate_id": found["candidate"], "ground": ground}
        return self.call(who, "POST", f"/v1/flags/{found['flag']}/waivers", json=body)

    def release(self, who: str, found: dict[str, Any], *, granted: bool) -> Response:
        return self.call(who, "POST", f"/v1/releases/{found['candidate']}", json={"granted": granted})

    def authorise(
        self, who: str, found: dict[str, Any], *, granted: bool, decision: str = "Court of XA, 7/26"
    ) -> Response:
        body = {"candidate_id": found["candidate"], "granted": granted, "decision": decision}
        return self.call(who, "POST", f"/v1/flags/{found['flag']}/authorisations", json=body)

    def flag(self, who: str, found: dict[str, Any]) -> dict[str, Any]:
        """The flag as somebody sees it; they must."""
        response = self.call(who, "GET", f"/v1/flags/{found['flag']}")
        assert response.status_code == 200, response.text
        seen: dict[str, Any] = response.json()
        return seen

    def candidate(self, who: str, found: dict[str, Any]) -> dict[str, Any]:
        """The one candidate of the flag as somebody sees it."""
        (seen,) = self.flag(who, found)["candidates"]
        assert isinstance(seen, dict)
        return seen

    def queue(self, who: str, **filters: Any) -> list[dict[str, Any]]:
        """The queue, all pages of it."""
        listed: list[dict[str, Any]] = []
        while True:
            response = self.call(who, "GET", "/v1/flags", params=filters)
            assert response.status_code == 200, response.text
            page = response.json()
            listed += page["flags"]
            if page["following"] is None:
                return listed
            filters["after"] = page["following"]

    def queued(self, who: str, **filters: Any) -> list[str]:
        return [item["flag_id"] for item in self.queue(who, **filters)]

    def fetched(self, found: dict[str, Any], who: str = "xa-terminal") -> dict[str, Any]:
        """What a terminal is told of the check."""
        response = self.call(who, "GET", f"/v1/checks/{found['check']}")
        assert response.status_code == 200, response.text
        told: dict[str, Any] = response.json()
        return told

    def told(self, partner: str, candidate: str) -> list[tuple[str, dict[str, Any]]]:
        """The notices to a partner about a candidate."""
        return [
            (notice["kind"], notice["details"])
            for notice in notices(self.node, partner)
            if notice["details"].get("candidate_id") == candidate
        ]

    def recorded(self, kind: str, candidate: str) -> list[dict[str, Any]]:
        """The events of a kind about a candidate."""
        return [event for event in events(self.node, kind) if event.get("candidate_id") == candidate]

    def wait(self, time: timedelta) -> None:
        self.node.clock.turn(time)
        self.node.runtime.keep_house()


def unknown() -> dict[str, Any]:
    return {"flag": str(uuid4()), "candidate": str(uuid4()), "check": str(uuid4())}


def problem(response: Response) -> tuple[int, str]:
    """Status and word of a problem."""
    return response.status_code, response.json()["type"].rpartition(":")[2]
