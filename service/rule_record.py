"""Every change of the rules in use is an event: which versions, and the digests of all that was agreed."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Engine, select

from service import audit
from service.audit import EventKind
from service.audit.entries import ENTRIES, Reader
from service.identity import Caller
from service.roles import Role
from service.schema import audit_events
from watchlists.agreements import RuleBook
from watchlists.database import writing
from watchlists.keys import KeyRing

ACTOR: Final = Caller("", Role.OPERATOR, "rules")


class RuleRecord:
    """Writes down which rules are in use, whenever they are not those that were written down last."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys
        self._noted: RuleBook | None = None

    def note(self, rules: RuleBook, now: datetime) -> None:
        """Write down the agreements that are in use, unless that is done. Cheap if they are those of the last call."""
        if rules is self._noted:
            return
        loaded = [_described(agreement.id, agreement.version, agreement.whole) for agreement in rules.agreements]
        with writing(self._engine) as connection:
            if self._last(connection) != loaded:
                audit.record(connection, EventKind.AGREEMENTS_LOADED, ACTOR, now, {"agreements": loaded})
        self._noted = rules

    def _last(self, connection: Connection) -> Any:
        query = select(audit_events.c.number).where(
            audit_events.c.partner.is_(None), audit_events.c.kind == EventKind.AGREEMENTS_LOADED.value
        )
        number = connection.execute(query.order_by(audit_events.c.at.desc(), audit_events.c.number.desc())).scalar()
        if number is None:
            return None
        (entry,) = Reader(connection, self._keys).batch(ENTRIES, number - 1, 1)
        return None if entry.payload is None else entry.payload.details["agreements"]


def _described(agreement: str, version: int, text: str) -> dict[str, str | int]:
    return {"agreement": agreement, "version": version, "digest": sha256(text.encode()).hexdigest()}
