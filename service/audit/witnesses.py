"""The keys that partners countersign heads with. The operator registers them; the log says so."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from service.audit.errors import WitnessInvalid, WitnessUnknown
from service.audit.events import Actor, EventKind
from service.audit.log import record
from service.schema import audit_witnesses
from watchlists.database import upsert, writing
from watchlists.feed.signing import key_id

_PUBLIC: Final = re.compile(r"[0-9a-f]{64}")


class Witnesses:
    """Registers and withdraws keys."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, actor: Actor, public: str, now: datetime) -> None:
        """Register a public key of the partner of `actor`; one that is registered already stays as it is.

        Raises:
            WitnessInvalid: it is no key.
        """
        if not _PUBLIC.fullmatch(public):
            raise WitnessInvalid("a public key has 64 lower-case hexadecimal digits")
        values = {"keyid": key_id(public), "partner": actor.partner, "public": public, "registered_at": now}
        with writing(self._engine) as connection:
            inserted = upsert(connection, audit_witnesses).values(values).on_conflict_do_nothing()
            if connection.execute(inserted.returning(audit_witnesses.c.keyid)).first() is not None:
                record(connection, EventKind.WITNESS_REGISTERED, actor, now, {"public": public})

    def withdraw(self, actor: Actor, public: str, now: datetime) -> None:
        """Accept no more signatures of a key; those that there are stay good.

        Raises:
            WitnessUnknown: the partner has no such key in force.
        """
        in_force = (
            audit_witnesses.c.partner == actor.partner,
            audit_witnesses.c.public == public,
            audit_witnesses.c.withdrawn_at.is_(None),
        )
        with writing(self._engine) as connection:
            if not connection.execute(audit_witnesses.update().where(*in_force).values(withdrawn_at=now)).rowcount:
                raise WitnessUnknown(f"{actor.partner} has no such key in force")
            record(connection, EventKind.WITNESS_WITHDRAWN, actor, now, {"public": public})
