"""A node without models whose partners have endpoints, and couriers that are sent when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, func, select

from service.audit import open_log
from service.notices import NoticeKind, Notices
from service.schema import notices
from service.settings import Settings
from service.webhooks.address import AddressPolicy
from service.webhooks.courier import Courier
from service.webhooks.deliveries import Delivery
from service.webhooks.house import Webhooks, make_webhooks
from service.webhooks.signing import Scheme, WebhookSecret
from service.webhooks.transport import Transport
from tests.watchlists.makers import open_node
from watchlists.database import writing

TEXT = "XA-2026/331 Quillfeather"
LOOPBACK = AddressPolicy(plain_on_loopback=True)


class Post:
    """The webhooks of a node with the partners XA and XB."""

    def __init__(self, folder: Path, place: Path | URL | None = None, **settings: Any) -> None:
        self._ahead = timedelta()
        self._node = open_node(folder, place)
        open_log(self._node.engine, self._node.store.keys, self.now())
        self.store, self.engine, self.keys = self._node.store, self._node.engine, self._node.store.keys
        self.settings = Settings(home=folder, **{"webhook_dangerously_plain_on_loopback": True} | settings)
        self.webhooks: Webhooks = make_webhooks(self.settings, self.engine, self.keys, self.now)
        self.courier = self.webhooks.courier
        self._board = Notices(self.engine, self.keys, timedelta(days=30))

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def turn(self, ahead: timedelta) -> None:
        """Turn the clock."""
        self._ahead += ahead

    def register(
        self, url: str, name: str = "desk", partner: str = "xb", scheme: Scheme = Scheme.HMAC
    ) -> WebhookSecret:
        return self.webhooks.endpoints.add(partner, name, url, scheme, self.now())

    def tell(self, count: int = 1, partner: str = "xb", text: str | None = None) -> int:
        """Post notices; return the number of the last one."""
        with writing(self.engine) as connection:
            for _ in range(count):
                details = {"partner": "xa", "purpose": "asylum", "entry": "E-1"}
                self._board.post(connection, NoticeKind.ENTRY_FOUND, partner, self.now(), details, text=text)
            newest = select(func.max(notices.c.number)).where(notices.c.partner == partner)
            return int(connection.execute(newest).scalar_one())

    def another_courier(self, transport: Transport | None = None) -> Courier:
        """The courier of another process on the same database."""
        made = make_webhooks(self.settings, self.engine, self.keys, self.now)
        return made.courier if transport is None else Courier(self.engine, made.endpoints, transport, self.now)

    def go(self, courier: Courier | None = None) -> int:
        """Send a courier until nothing is due any more; return how many times it went out."""
        went = 0
        while due := (courier or self.courier).look():
            for endpoint in due:
                (courier or self.courier).deliver(endpoint)
            went += len(due)
        return went

    def standing(self, name: str = "desk", partner: str = "xb") -> list[tuple[int, str, int]]:
        """Number, state and tries of what was sent to an endpoint, in order."""
        found = self.webhooks.deliveries.at(self.webhooks.endpoints.of(partner, name), 1000)
        return [(each.number, each.state.value, each.tries) for each in reversed(found)]

    def delivery(self, number: int, name: str = "desk", partner: str = "xb") -> Delivery:
        found = self.webhooks.deliveries.at(self.webhooks.endpoints.of(partner, name), 1000)
        return next(each for each in found if each.number == number)

    def close(self) -> None:
        self.engine.dispose()
