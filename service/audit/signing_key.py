"""The key that the log is signed with: made with the log, sealed under the key of the node."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select

from service.audit.signatures import PublicKeys
from service.schema import audit_keys
from watchlists.feed.signing import LocalSigner, Signer, key_id
from watchlists.keys import KeyRing
from watchlists.schema import NODE, partners

_PURPOSE: Final = "audit signing key"


class SigningKeys:
    """The signing keys of this log. Each is opened once. Thread-safe."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._opened: dict[str, Signer] = {}

    def make(self, connection: Connection, now: datetime) -> str:
        """Make a key, and before the first one that of the node; return its id."""
        there = select(partners.c.id).where(partners.c.id == NODE)
        if connection.execute(there).first() is None:
            connection.execute(partners.insert().values(id=NODE, name="this node", country=""))
            self._keys.make(connection, NODE)
        key = Ed25519PrivateKey.generate()
        keyid = key_id(LocalSigner(key).public)
        sealed = self._keys.seal_for(NODE, _PURPOSE, key.private_bytes_raw(), keyid, connection=connection)
        connection.execute(audit_keys.insert().values(keyid=keyid, owner=NODE, sealed_key=sealed, made_at=now))
        return keyid

    def has(self, connection: Connection, keyid: str) -> bool:
        """Whether there is such a key."""
        return connection.execute(select(audit_keys.c.keyid).where(audit_keys.c.keyid == keyid)).first() is not None

    def signer(self, connection: Connection, keyid: str) -> Signer:
        """Return a key.

        Raises:
            SealBroken: it was changed, or is not of this node.
        """
        known = self._opened.get(keyid)
        if known is None:
            query = select(audit_keys.c.sealed_key).where(audit_keys.c.keyid == keyid)
            sealed = connection.execute(query).scalar_one()
            raw = self._keys.open_for(NODE, _PURPOSE, sealed, keyid, connection=connection)
            known = self._opened[keyid] = LocalSigner(Ed25519PrivateKey.from_private_bytes(raw))
        return known

    def public(self, connection: Connection) -> PublicKeys:
        """Return the public keys of the log. They follow from the sealed ones, which nobody forges without our keys.

        Raises:
            SealBroken: one was changed, or is not of this node.
        """
        names = connection.execute(select(audit_keys.c.keyid).order_by(audit_keys.c.made_at)).scalars().all()
        return {name: self.signer(connection, name).public for name in names}
