"""Nonces that were spent: no signature counts twice, in any process of the node, nor after a restart.

Only a digest is kept, and only for as long as the signature could be taken for one of now.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from service.machine_schema import spent_nonces
from service.machines.errors import SignatureReplayed
from service.machines.signatures import Signature
from watchlists.database import ReadyStatement, writing

_INSERT = ReadyStatement(spent_nonces.insert())


class SpentNonces:
    """The nonces of the last two minutes, in the database that all processes share."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def spend(self, signature: Signature) -> None:
        """Note the nonce of a signature that is known to be genuine: others must not fill the table.

        Raises:
            SignatureReplayed: it was spent before.
        """
        digest = sha256(f"{signature.keyid} {signature.nonce}".encode()).digest()
        try:
            with writing(self._engine) as connection:
                _INSERT.write(connection, {"digest": digest, "until": signature.last_moment})
        except IntegrityError:
            raise SignatureReplayed("this signature was used before") from None

    def forget(self, now: datetime) -> None:
        """Delete what no clock takes for a signature of now any more."""
        with writing(self._engine) as connection:
            connection.execute(spent_nonces.delete().where(spent_nonces.c.until < now))
