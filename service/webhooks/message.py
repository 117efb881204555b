"""What is sent of a notice: that there is one, and what its details say. Never its sealed text, which is personal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from service.schema import notices

TEST_TYPE: Final = "webhook.test"
_SHOWN: Final = select(*notices.c["partner", "number", "kind", "at", "details", "sealed_text"])


@dataclass(frozen=True, slots=True)
class Message:
    """One message, the same at each try.

    Args:
        id: of the notice, for ever: whoever has seen it need not look again.
        number: of the notice among its partner's; 0 for a test.
        body: JSON.
    """

    id: str
    number: int
    body: bytes


def messages_after(connection: Connection, partner: str, number: int, limit: int) -> Sequence[Message]:
    """Return the messages of a partner's notices with numbers above `number`, in order, at most `limit`."""
    query = _SHOWN.where(notices.c.partner == partner, notices.c.number > number).order_by(notices.c.number)
    rows = connection.execute(query.limit(limit)).mappings().all()
    return [_of_row(row) for row in rows]


def _of_row(row: RowMapping) -> Message:
    """Return the message of a notice. That there is a text is said, so that somebody fetches it."""
    shown = {name: row[name] for name in ("partner", "number", "kind", "details")}
    plain = shown | {"has_text": row["sealed_text"] is not None}
    # With its moment: a node that was set back to a backup gives the same numbers to other notices.
    moment = row["at"].astimezone(UTC).isoformat()
    named = sha256("\0".join((row["partner"], str(row["number"]), row["kind"], moment)).encode()).hexdigest()[:32]
    return Message(f"notice_{named}", row["number"], _body("notice." + row["kind"].replace("-", "_"), row["at"], plain))


def trial_message(partner: str, name: str, at: datetime) -> Message:
    """Return a message that says nothing, to try an endpoint with."""
    named = sha256(f"{partner}\0{name}\0{at.isoformat()}".encode()).hexdigest()[:32]
    return Message(f"test_{named}", 0, _body(TEST_TYPE, at, {"partner": partner, "webhook": name}))


def _body(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    timestamp = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return json.dumps({"type": kind, "timestamp": timestamp, "data": data}, separators=(",", ":")).encode()
