"""Payloads are kept as long as the rules say, and then deleted; what commits to them stays, so the tree stays whole."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Engine, select

from service.schema import audit_payloads
from watchlists.database import wipe_deleted, writing

BATCH: Final = 1000
"""Payloads that are deleted at once, so that no other writer waits long."""


def delete_payloads(engine: Engine, now: datetime) -> int:
    """Delete a batch of payloads whose time is over by `now`; return how many they were.

    No event is written of it: each entry says itself until when its payload is kept, and the verifier takes no other.
    """
    over = select(audit_payloads.c.number).where(audit_payloads.c.keep_until <= now).limit(BATCH)
    with engine.connect() as connection:
        numbers = connection.execute(over).scalars().all()
    if not numbers:
        return 0
    with writing(engine) as connection:
        deleted = connection.execute(audit_payloads.delete().where(audit_payloads.c.number.in_(numbers))).rowcount
    wipe_deleted(engine, audit_payloads)
    return deleted
