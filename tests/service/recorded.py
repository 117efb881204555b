"""What is in the audit log of a node or data folder."""

from __future__ import annotations

from typing import Any

from service.audit.entries import ENTRIES, Reader
from service.schema import audit_events
from watchlists.store import Store


def recorded(store: Store, *kinds: str, partner: str | None = None) -> list[dict[str, Any]]:
    """Return the events of those kinds, or all, in order: number, kind, partner, actor, at, details."""
    query = ENTRIES
    if kinds:
        query = query.where(audit_events.c.kind.in_(kinds))
    if partner is not None:
        query = query.where(audit_events.c.partner == partner)
    found = []
    with store.engine.connect() as connection:
        for entry in Reader(connection, store.keys).entries(query=query):
            payload = entry.payload
            assert payload is not None
            found.append(
                {
                    "number": entry.leaf.number,
                    "kind": entry.leaf.kind,
                    "partner": entry.leaf.partner,
                    "actor": payload.actor,
                    "at": payload.at,
                    "details": payload.details,
                }
            )
    return found
