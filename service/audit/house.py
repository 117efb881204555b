"""The parts of the log that a running service works with, and what it does to it without being asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from service.audit.desk import AuditDesk
from service.audit.heads import Heads
from service.audit.log import AuditLog
from service.audit.retention import delete_payloads
from service.audit.signatures import PublicKeys
from watchlists.keys import KeyRing


class AuditHouse:
    """Heads, desk and housekeeping of the log of one database."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._log = AuditLog(keys)
        self.heads = Heads(engine)
        self.desk = AuditDesk(engine, keys)

    def public_keys(self) -> PublicKeys:
        """Return the public keys of the log, by id."""
        with self._engine.connect() as connection:
            return self._log.public_keys(connection)

    def run(self, now: datetime) -> int:
        """Sign the tree if it has grown, and delete payloads whose time is over; return how many these were."""
        self.heads.sign(now)
        return delete_payloads(self._engine, now)
