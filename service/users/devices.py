"""Devices on which a user has signed in before, by a cookie: there, nobody else's failures make the user wait.

A device that several people share is known for each of them by itself. What the cookie holds opens nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from service.user_schema import user_devices
from service.users.names import UserId
from service.users.secret_ids import digest_of
from service.users.sessions import is_of
from watchlists.database import upsert

KNOWN_FOR: Final = timedelta(days=180)
"""After the last sign-in there."""


def remember(connection: Connection, user: UserId, device: str, now: datetime) -> None:
    """Write down that a user has signed in on a device with both factors, in the transaction of `connection`."""
    row = {"device": digest_of(device), "partner": user.partner, "name": user.name, "used_at": now}
    insert = upsert(connection, user_devices).values(row)
    known = insert.on_conflict_do_update(index_elements=["device", "partner", "name"], set_={"used_at": now})
    connection.execute(known)


def forget_all(connection: Connection, user: UserId) -> None:
    """Let no device be a known one of that user any more."""
    connection.execute(user_devices.delete().where(*is_of(user_devices, user)))


def forget(connection: Connection, now: datetime) -> None:
    """Delete the devices that nobody has signed in on for long."""
    connection.execute(user_devices.delete().where(user_devices.c.used_at <= now - KNOWN_FOR))
