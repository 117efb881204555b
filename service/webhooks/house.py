"""The webhooks of a node, put together; and the loop that delivers while the service runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import anyio
import anyio.to_thread
from sqlalchemy import Engine

from service.errors import place_of
from service.settings import Settings
from service.telemetry import log
from service.webhooks.address import AddressPolicy
from service.webhooks.courier import Courier
from service.webhooks.deliveries import Deliveries
from service.webhooks.endpoints import Endpoint, Endpoints
from service.webhooks.transport import HttpTransport, tls
from watchlists.database import UNAVAILABLE
from watchlists.keys import KeyRing

AT_ONCE: Final = 8
"""Endpoints that are delivered to at the same time."""
LOOK_EVERY: Final = 2.0
"""Seconds; the moments are on a grid that nothing moves."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Endpoints, what was sent to them, and who brings it there."""

    endpoints: Endpoints
    deliveries: Deliveries
    courier: Courier

    async def run(self) -> None:
        """Deliver until cancelled. What is under way then is sent again by whoever delivers next."""
        limiter = anyio.CapacityLimiter(AT_ONCE)
        async with anyio.create_task_group() as tasks:
            while True:
                for endpoint in await anyio.to_thread.run_sync(self._look):
                    tasks.start_soon(self._deliver, endpoint, limiter)
                await anyio.sleep(LOOK_EVERY - anyio.current_time() % LOOK_EVERY)

    async def _deliver(self, endpoint: Endpoint, limiter: anyio.CapacityLimiter) -> None:
        await anyio.to_thread.run_sync(self.courier.deliver, endpoint, limiter=limiter, abandon_on_cancel=True)

    def _look(self) -> Sequence[Endpoint]:
        try:
            return self.courier.look()
        except UNAVAILABLE:
            log.warning("webhooks wait: the database is busy or away")
        except Exception as error:  # noqa: BLE001 -- else nothing would be delivered any more
            log.error("webhooks wait: unhandled %s at %s", type(error).__name__, place_of(error))
        return []

    def close(self) -> None:
        """Let another process deliver."""
        try:
            self.courier.close()
        except UNAVAILABLE:
            log.warning("another process delivers webhooks once this one's turn is over: the database is away")


def make_webhooks(settings: Settings, engine: Engine, keys: KeyRing, clock: Callable[[], datetime]) -> Webhooks:
    """Put the webhooks of a node together. Needs none of the models.

    Raises:
        WebhookCertificateUnusable: the certificates that the settings name cannot be read.
    """
    policy = AddressPolicy(
        private_hosts=frozenset(settings.webhook_private_hosts.lower().replace(",", " ").split()),
        plain_on_loopback=settings.webhook_dangerously_plain_on_loopback,
    )
    endpoints = Endpoints(engine, keys, policy)
    transport = HttpTransport(policy, tls(settings.webhook_authorities))
    return Webhooks(endpoints, Deliveries(engine, endpoints), Courier(engine, endpoints, transport, clock))
