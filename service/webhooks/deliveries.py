"""What a partner sees of its webhooks: what was sent, when, what came of it, and when it is tried again. No secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, RowMapping, and_, or_, select

from service.identity import Caller, require
from service.notices import NoticeKind
from service.roles import Role
from service.schema import notices
from service.webhook_schema import webhook_deliveries
from service.webhooks.endpoints import Endpoint, Endpoints
from service.webhooks.transport import Outcome


class DeliveryState(StrEnum):
    """How it stands with one notice at one endpoint."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    FAILED = "failed"
    """It is tried again."""
    PAUSED = "paused"
    """The operator has paused the endpoint."""
    PARKED = "parked"
    """It was tried for long enough: the operator has to look."""
    LEFT_OUT = "left-out"
    """It never arrived, and is not sent any more. It can be fetched."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice at one endpoint.

    Args:
        webhook: name of the endpoint.
        number: of the notice.
        kind: of the notice.
        at: when the notice was posted.
        tries: how often it was sent.
        first_at, last_at: the first and the last time.
        outcome: of the last try.
        status: that HTTP gave in answer.
        next_try_at: not before.
    """

    webhook: str
    number: int
    kind: NoticeKind
    at: datetime
    state: DeliveryState
    tries: int
    first_at: datetime | None
    last_at: datetime | None
    outcome: Outcome | None
    status: int | None
    next_try_at: datetime | None


class Deliveries:
    """Shows partners what became of their notices."""

    def __init__(self, engine: Engine, endpoints: Endpoints) -> None:
        self._engine = engine
        self._endpoints = endpoints

    def endpoints(self, caller: Caller) -> Sequence[Endpoint]:
        """Return the endpoints of the caller's partner.

        Raises:
            WrongRole: the caller neither reviews nor audits for the partner, nor keeps its watchlists.
        """
        require(caller, Role.REVIEWER, Role.AUDITOR, Role.SYNC)
        return self._endpoints.all(caller.partner)

    def by_endpoint(self, caller: Caller, limit: int) -> Sequence[tuple[Endpoint, Sequence[Delivery]]]:
        """Return the endpoints of the caller's partner, each with its newest deliveries.

        Raises:
            WrongRole: as `endpoints`.
        """
        return [(endpoint, self.at(endpoint, limit)) for endpoint in self.endpoints(caller)]

    def at(self, endpoint: Endpoint, limit: int) -> Sequence[Delivery]:
        """Return the newest deliveries of an endpoint: what was tried, and what waits."""
        sent = webhook_deliveries.c
        mine = and_(sent.webhook == endpoint.id, sent.number == notices.c.number)
        shown = *notices.c["number", "kind", "at"], *sent["tries", "first_at", "last_at", "outcome", "status"]
        of_partner = notices.c.partner == endpoint.partner
        query = select(*shown).select_from(notices.outerjoin(webhook_deliveries, mine)).where(of_partner)
        query = query.where(or_(sent.number.is_not(None), notices.c.number > endpoint.delivered))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(notices.c.number.desc()).limit(limit)).mappings().all()
        return [_delivery(endpoint, row) for row in rows]


def _delivery(endpoint: Endpoint, row: RowMapping) -> Delivery:
    outcome = None if row["outcome"] is None else Outcome(row["outcome"])
    state = state_of(endpoint, row["number"], outcome)
    known: dict[str, Any] = {name: row[name] for name in ("number", "at", "first_at", "last_at", "status")}
    return Delivery(
        webhook=endpoint.name,
        kind=NoticeKind(row["kind"]),
        state=state,
        tries=row["tries"] or 0,
        outcome=outcome,
        next_try_at=endpoint.next_try_at if state in (DeliveryState.FAILED, DeliveryState.WAITING) else None,
        **known,
    )


def state_of(endpoint: Endpoint, number: int, outcome: Outcome | None) -> DeliveryState:
    """Return how it stands with a notice whose last try, if any, has come to `outcome`."""
    if number <= endpoint.delivered:
        return DeliveryState.DELIVERED if outcome is Outcome.DELIVERED else DeliveryState.LEFT_OUT
    if endpoint.parked_at is not None:
        return DeliveryState.PARKED
    if endpoint.paused_at is not None:
        return DeliveryState.PAUSED
    return DeliveryState.WAITING if outcome in (None, Outcome.DELIVERED) else DeliveryState.FAILED
