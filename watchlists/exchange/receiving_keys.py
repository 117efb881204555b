"""The keys that feeds are sealed to for the partners of this node. Older ones stay: contents may be sealed to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, Engine, select

from watchlists.database import writing
from watchlists.feed.content import receiving_key_id
from watchlists.feed_schema import feed_receiving_keys
from watchlists.keys import KeyRing

_PURPOSE: Final = "feed receiving key"


class ReceivingKeys:
    """The X25519 keys of the partners of this node, sealed for each."""

    def __init__(self, engine: Engine, keys: KeyRing) -> None:
        self._engine = engine
        self._keys = keys

    def make(self, partner: str, now: datetime, note: Callable[[Connection], None] | None = None) -> bytes:
        """Make a new key for a partner; return its public half, 32 bytes, to be handed to those who publish to it.

        Args:
            partner: of this node.
            now: the moment.
            note: told in the transaction, to put it on record.

        Raises:
            UnknownPartner: there is no such partner.
        """
        key = X25519PrivateKey.generate()
        name = receiving_key_id(key.public_key())
        with writing(self._engine) as connection:
            sealed = self._keys.seal_for(partner, _PURPOSE, key.private_bytes_raw(), name, connection=connection)
            values = {"partner": partner, "key_id": name, "sealed_key": sealed, "made_at": now}
            connection.execute(feed_receiving_keys.insert().values(values))
            if note is not None:
                note(connection)
        return key.public_key().public_bytes_raw()

    def newest(self, partner: str) -> bytes | None:
        """Return the public half of the newest key of a partner; None if it has none."""
        with self._engine.connect() as connection:
            found = self.all(connection, partner)
        return list(found.values())[-1].public_key().public_bytes_raw() if found else None

    def all(self, connection: Connection, partner: str) -> dict[str, X25519PrivateKey]:
        """Return all keys of a partner by id, the newest last."""
        table = feed_receiving_keys
        query = select(table).where(table.c.partner == partner).order_by(table.c.made_at, table.c.key_id)
        found = {}
        for row in connection.execute(query):
            raw = self._keys.open_for(partner, _PURPOSE, row.sealed_key, row.key_id, connection=connection)
            found[row.key_id] = X25519PrivateKey.from_private_bytes(raw)
        return found
