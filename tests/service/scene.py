"""One situation on a node that several tests share: an agreement of its own, entries on one person, and that person."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from httpx2 import Response
from sqlalchemy import RowMapping

from models.fingerprint.synthetic import HARD, synthetic_template
from models.samples import Position
from service.identity import Caller, TokenRegister
from service.roles import Role
from service.schema import flag_candidates, flags
from tests.service.node import Node, base64_of, entry
from tests.service.test_ledger import events, rows
from tests.service.treaties import permit, sign
from watchlists.records import EntryKey, Partner, Watchlist

PERSON = 3
"""Number of the finger that everything is about."""


def smudged() -> dict[str, str]:
    """A poor impression of the person's finger: it is found, but not with the highest score."""
    position = Position.RIGHT_INDEX
    return {"position": position.value, "template": base64_of(synthetic_template(PERSON, 1, position, HARD))}


SEARCH, HIT, SCORE, REFERENCE, ALERT, EVERYTHING = (
    permit(action) for action in ("search", "see hit", "see score", "see reference", "see alert", "see biographics")
)


def add_third_partner(node: Node) -> None:
    """Let XC, which acts for the state XZ, take part: a terminal, a reviewer and a watchlist."""
    node.runtime.store.add_partner(Partner("xc", "Agency of XZ", "xz"))
    node.runtime.store.put_watchlist(Watchlist("xc-alerts", "xc", "Alerts of XC"))
    register = TokenRegister(node.runtime.store.engine)
    for role in (Role.TERMINAL, Role.SYNC, Role.REVIEWER):
        name = f"xc-{role}"
        node.access.tokens[name] = register.issue(Caller("xc", role, name), node.clock())


def rule(action: str, *, when: str = "true", forbid: bool = False, name: str = "", asks: str = "") -> str:
    """One rule; `asks` are its obligations. Unlike a `permit`, it speaks of one's own alerts too."""
    effect = "forbid" if forbid else "permit"
    identifier = name or f"{effect}-{action.replace(' ', '-')}"
    duties = f'@obligations("{asks}")\n' if asks else ""
    head = f'{effect} (principal, action == Action::"{action}", resource)'
    return f'@id("{identifier}")\n{duties}{head} when {{ {when} }};\n'


class Scene:
    """A shared node as a test finds it: the sample agreements alone, no entry, nobody checked lately."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._enrolled: set[tuple[str, str]] = set()
        self._samples = {folder.name for folder in self._agreements()}
        node.clock.turn(timedelta(days=1))  # all quotas are full again, and nobody was checked lately

    def clear(self) -> None:
        """Take back what the test did, but for what is on record."""
        for owner, name in self._enrolled:
            self.node.runtime.store.withdraw_entry(EntryKey(f"{owner}-alerts", name), owner)
        for folder in self._agreements():
            if folder.name not in self._samples:
                shutil.rmtree(folder)
        self.node.runtime.rules.reload()

    def agree(self, *rules: str, **more: Any) -> None:
        """Bring an agreement between XA, XB and XC into force."""
        sign(self.node, *rules, **{"parties": ("xa", "xb", "xc")} | more)

    def put(self, name: str = "E-1", owner: str = "xb", **fields: Any) -> Response:
        """Send an entry on the person to the owner's watchlist."""
        self._enrolled.add((owner, name))
        return self.node.put_entry(owner, name, entry(**{"finger_number": PERSON} | fields))

    def enrol(self, name: str = "E-1", owner: str = "xb", **fields: Any) -> None:
        """Put an entry on the person on the owner's watchlist; it must succeed."""
        response = self.put(name, owner, **fields)
        assert response.status_code in {200, 201}, response.text

    def import_lines(self, owner: str, bodies: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Import entries by name; return the result of each line."""
        self._enrolled |= {(owner, name) for name in bodies}
        lines = [json.dumps({"entry_id": name} | body).encode() for name, body in bodies.items()]
        return self.node.import_lines(owner, lines)

    def read(self, name: str = "E-1", owner: str = "xb") -> dict[str, Any]:
        """The entry as its owner reads it back."""
        found: dict[str, Any] = self.node.call(f"{owner}-sync", "GET", path_of(name, owner)).json()
        return found

    def request(self, **fields: Any) -> dict[str, Any]:
        """A check of the person, for the purpose of which only the tests' own agreements speak."""
        asked: dict[str, Any] = {"finger_number": PERSON, "purpose": "crime"} | fields
        return self.node.request(**asked)

    def send(self, asker: str = "xa", **fields: Any) -> Response:
        """Check the person; it must be answered."""
        response = self.node.send(asker, self.request(**fields))
        assert response.status_code == 200, response.text
        return response

    def check(self, asker: str = "xa", **fields: Any) -> dict[str, Any]:
        """What the terminal is answered."""
        answer: dict[str, Any] = self.send(asker, **fields).json()
        return answer

    def seen(self, asker: str = "xa", **fields: Any) -> dict[str, Any] | None:
        """What the terminal sees of the one candidate; None if there is no candidate. There must not be more."""
        candidates = self.check(asker, **fields)["candidates"]
        assert len(candidates) <= 1
        return candidates[0] if candidates else None

    def flag_of(self, check_id: str) -> RowMapping | None:
        """The flag that a check has opened, if any."""
        found = [row for row in rows(self.node, flags) if row["check_id"] == check_id]
        assert len(found) <= 1
        return found[0] if found else None

    def flagged(self, check_id: str) -> list[RowMapping]:
        """The candidates that reviewers find in the flag of a check, by entry."""
        flag = self.flag_of(check_id)
        found = [row for row in rows(self.node, flag_candidates) if flag and row["flag_id"] == flag["id"]]
        return sorted(found, key=lambda row: str(row["entry"]))

    def event_of(self, check_id: str) -> dict[str, Any]:
        """What is on record of a check."""
        (event,) = [event for event in events(self.node, "check-answered") if event["check_id"] == check_id]
        return event

    def _agreements(self) -> list[Path]:
        return [path for path in (self.node.home / "agreements").iterdir() if path.is_dir()]


def path_of(name: str, owner: str = "xb") -> str:
    return f"/v1/watchlists/{owner}-alerts/entries/{name}"


def comparable(answer: Response) -> bytes:
    """The body without receipt, number of changes, ids of check, flag and candidates: all else should be the same."""
    plain = re.sub(rb'"gallery_sequence":\d+', b'"gallery_sequence":0', without_receipt(answer.content))
    return re.sub(rb'"(check_id|flag_id|candidate_id)":"[0-9a-f-]{36}"', rb'"\1":"-"', plain)


def without_receipt(content: bytes) -> bytes:
    """The body of an answer with a receipt of the same size that says nothing; a receipt is random anyway."""
    return re.sub(rb'"receipt":\{[^}]*\}', lambda found: b"-" * len(found.group()), content)
