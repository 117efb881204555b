"""The addresses that partners are told at: registered by the operator, each change on record in the partner's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, func, or_, select

from service import audit
from service.audit import EventKind
from service.identity import Caller, InvalidName
from service.notices import hold_partners
from service.roles import Role
from service.schema import notices
from service.webhook_schema import webhook_deliveries, webhook_secrets, webhooks
from service.webhooks.address import AddressPolicy, require_url
from service.webhooks.errors import WebhookNameTaken, WebhookUnknown
from service.webhooks.signing import Scheme, WebhookSecret, new_secret, read_secret
from watchlists.database import wipe_deleted, writing
from watchlists.keys import KeyRing

SEALED_SECRET: Final = "webhook secret"  # noqa: S105 -- what is sealed
NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address as it stands.

    Args:
        delivered: number of the last notice that arrived, or was left out.
        failures: tries of the next one that came to nothing.
        failing_since: the first of these.
        next_try_at: None for at once.
        paused_at: by the operator.
        parked_at: given up, until the operator says otherwise.
    """

    id: str
    partner: str
    name: str
    url: str
    made_at: datetime
    delivered: int
    failures: int
    failing_since: datetime | None
    next_try_at: datetime | None
    paused_at: datetime | None
    parked_at: datetime | None


class Endpoints:
    """Registers, changes and removes endpoints."""

    def __init__(self, engine: Engine, keys: KeyRing, policy: AddressPolicy) -> None:
        self._engine = engine
        self._keys = keys
        self._policy = policy

    def add(
        self, partner: str, name: str, url: str, scheme: Scheme, now: datetime, after: int | None = None
    ) -> WebhookSecret:
        """Register an endpoint; return the secret that the receiver verifies with.

        Args:
            partner: whose notices it gets.
            name: of the endpoint, among the partner's.
            url: where they are sent.
            scheme: how they are signed.
            now: the moment.
            after: number of the last notice that is not sent; None for the newest.

        Raises:
            WebhookUrlInvalid: the address is none that may be used.
            InvalidName: the name has other characters than lower-case letters, digits and single dashes.
            WebhookNameTaken: the partner has an endpoint of that name.
        """
        if len(name) > _LONGEST_NAME or not NAME.fullmatch(name):
            raise InvalidName("the name of an endpoint is 1 to 64 lower-case letters, digits and single dashes")
        address = require_url(url, self._policy)
        with writing(self._engine) as connection:
            hold_partners(connection)  # so that no notice is posted before the newest one is asked for
            if connection.execute(select(webhooks.c.id).where(*_named(partner, name))).first():
                raise WebhookNameTaken(f"{partner} has an endpoint {name}")
            newest = select(func.coalesce(func.max(notices.c.number), 0)).where(notices.c.partner == partner)
            webhook = str(uuid4())
            row = {
                "id": webhook,
                "partner": partner,
                "name": name,
                "url": str(address),
                "made_at": now,
                "delivered": connection.execute(newest).scalar_one() if after is None else after,
                "failures": 0,
            }
            connection.execute(webhooks.insert().values(row))
            secret = self._make_secret(connection, webhook, partner, 1, scheme, now)
            details = {"webhook": name, "host": address.host, "scheme": scheme.value}
            _record(connection, EventKind.WEBHOOK_ADDED, partner, "add", now, details)
        return secret

    def rotate(
        self, partner: str, name: str, now: datetime, overlap: timedelta, scheme: Scheme | None = None
    ) -> WebhookSecret:
        """Make a new secret; until `overlap` is over messages are signed with those of before as well.

        Raises:
            WebhookUnknown: the partner has no such endpoint.
        """
        with self._changing(partner, name) as (connection, endpoint):
            of_it = webhook_secrets.c.webhook == endpoint.id
            newest = select(webhook_secrets).where(of_it).order_by(webhook_secrets.c.number.desc()).limit(1)
            last = connection.execute(newest).mappings().one()
            ends = now + overlap
            lasting = or_(webhook_secrets.c.ends_at.is_(None), webhook_secrets.c.ends_at > ends)
            connection.execute(webhook_secrets.update().where(of_it, lasting).values(ends_at=ends))
            chosen = scheme or Scheme(last["scheme"])
            secret = self._make_secret(connection, endpoint.id, partner, last["number"] + 1, chosen, now)
            details = {"webhook": name, "scheme": chosen.value, "old_until": ends.isoformat()}
            _record(connection, EventKind.WEBHOOK_ROTATED, partner, "rotate", now, details)
        return secret

    def pause(self, partner: str, name: str, now: datetime) -> None:
        """Send nothing more until `resume`.

        Raises:
            WebhookUnknown: the partner has no such endpoint.
        """
        with self._changing(partner, name) as (connection, endpoint):
            connection.execute(webhooks.update().where(webhooks.c.id == endpoint.id).values(paused_at=now))
            _record(connection, EventKind.WEBHOOK_PAUSED, partner, "pause", now, {"webhook": name})

    def resume(self, partner: str, name: str, now: datetime, *, skip: bool = False) -> None:
        """Send again what waits, whether it was paused or given up.

        Args:
            partner: whose endpoint it is.
            name: of the endpoint.
            now: the moment.
            skip: leave out the next notice, which the receiver cannot take.

        Raises:
            WebhookUnknown: the partner has no such endpoint.
        """
        with self._changing(partner, name) as (connection, endpoint):
            fresh = {"paused_at": None, "parked_at": None, "next_try_at": None, "failing_since": None, "failures": 0}
            delivered = endpoint.delivered + skip
            anew = webhooks.update().where(webhooks.c.id == endpoint.id).values(delivered=delivered, **fresh)
            connection.execute(anew)
            details = {"webhook": name, "left_out": delivered if skip else None}
            _record(connection, EventKind.WEBHOOK_RESUMED, partner, "resume", now, details)

    def remove(self, partner: str, name: str, now: datetime) -> None:
        """Forget an endpoint, its secrets and what was sent to it.

        Raises:
            WebhookUnknown: the partner has no such endpoint.
        """
        with self._changing(partner, name) as (connection, endpoint):
            for table in (webhook_deliveries, webhook_secrets):
                connection.execute(table.delete().where(table.c.webhook == endpoint.id))
            connection.execute(webhooks.delete().where(webhooks.c.id == endpoint.id))
            _record(connection, EventKind.WEBHOOK_REMOVED, partner, "remove", now, {"webhook": name})
        wipe_deleted(self._engine, webhook_secrets)

    def tested(self, endpoint: Endpoint, outcome: str, now: datetime) -> None:
        """Write down that a test message was sent."""
        with writing(self._engine) as connection:
            details = {"webhook": endpoint.name, "outcome": outcome}
            _record(connection, EventKind.WEBHOOK_TESTED, endpoint.partner, "test", now, details)

    def all(self, partner: str | None = None) -> Sequence[Endpoint]:
        """Return the endpoints of a partner, or of all, by partner and name."""
        query = select(webhooks).order_by(webhooks.c.partner, webhooks.c.name)
        if partner is not None:
            query = query.where(webhooks.c.partner == partner)
        with self._engine.connect() as connection:
            return [Endpoint(**row) for row in connection.execute(query).mappings()]

    def of(self, partner: str, name: str) -> Endpoint:
        """Return an endpoint.

        Raises:
            WebhookUnknown: the partner has none of that name.
        """
        with self._engine.connect() as connection:
            return _endpoint(connection, partner, name)

    def secrets(self, connection: Connection, endpoint: Endpoint, now: datetime) -> list[WebhookSecret]:
        """Return the secrets that are in force, the newest first.

        Raises:
            SealBroken: one was changed.
        """
        in_force = or_(webhook_secrets.c.ends_at.is_(None), webhook_secrets.c.ends_at > now)
        query = select(webhook_secrets).where(webhook_secrets.c.webhook == endpoint.id, in_force)
        rows = connection.execute(query.order_by(webhook_secrets.c.number.desc())).mappings().all()
        return [self._opened(connection, row) for row in rows]

    def forget(self, now: datetime, keep: timedelta) -> None:
        """Destroy secrets that are replaced, and what is remembered of deliveries that are `keep` ago."""
        over = webhook_secrets.c.ends_at <= now
        old = webhook_deliveries.c.last_at < now - keep
        with self._engine.connect() as connection:
            ended = connection.execute(select(webhook_secrets.c.number).where(over).limit(1)).first() is not None
            aged = connection.execute(select(webhook_deliveries.c.number).where(old).limit(1)).first() is not None
        if ended or aged:
            with writing(self._engine) as connection:
                connection.execute(webhook_secrets.delete().where(over))
                connection.execute(webhook_deliveries.delete().where(old))
        if ended:
            wipe_deleted(self._engine, webhook_secrets)

    def _make_secret(
        self, connection: Connection, webhook: str, partner: str, number: int, scheme: Scheme, now: datetime
    ) -> WebhookSecret:
        secret = new_secret(scheme)
        sealed = self._keys.seal_for(
            partner, SEALED_SECRET, secret.raw(), webhook, str(number), scheme.value, connection=connection
        )
        row = {"webhook": webhook, "number": number, "partner": partner, "scheme": scheme.value, "made_at": now}
        connection.execute(webhook_secrets.insert().values(**row, sealed=sealed))
        return secret

    def _opened(self, connection: Connection, row: RowMapping) -> WebhookSecret:
        parts = row["webhook"], str(row["number"]), row["scheme"]
        raw = self._keys.open_for(row["partner"], SEALED_SECRET, row["sealed"], *parts, connection=connection)
        return read_secret(Scheme(row["scheme"]), raw)

    @contextmanager
    def _changing(self, partner: str, name: str) -> Iterator[tuple[Connection, Endpoint]]:
        with writing(self._engine) as connection:
            yield connection, _endpoint(connection, partner, name)


def _endpoint(connection: Connection, partner: str, name: str) -> Endpoint:
    row = connection.execute(select(webhooks).where(*_named(partner, name))).mappings().one_or_none()
    if row is None:
        raise WebhookUnknown(f"{partner} has no endpoint {name}")
    return Endpoint(**row)


def _named(partner: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return webhooks.c.partner == partner, webhooks.c.name == name


def _record(
    connection: Connection, kind: EventKind, partner: str, command: str, now: datetime, details: audit.Details
) -> None:
    audit.record(connection, kind, Caller(partner, Role.OPERATOR, f"crosscheck webhook {command}"), now, details)
