"""Data folders for tests that need no model: a database of either kind, a partner, an entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.settings import Settings
from service.storage import make_data_folder, open_store
from tests.databases import Databases
from tests.service.sample_folder import database_setting
from tests.watchlists.makers import entry, faces
from watchlists.records import EntryKey, Partner, Watchlist
from watchlists.store import Store

E1 = EntryKey("xb-alerts", "e1")


def new_settings(home: Path, databases: Databases) -> Settings:
    """Return the settings of a data folder that is not there yet, with an empty database of its own."""
    return Settings(home=home, database=database_setting(databases.empty(home)))  # type: ignore[arg-type]  # pydantic converts


def other(settings: Settings, **changes: Any) -> Settings:
    return Settings.model_validate(settings.model_dump() | changes)


def filled(settings: Settings) -> Store:
    """Make the data folder, with the partners XA and XB and an entry of the latter."""
    make_data_folder(settings)
    store = open_store(settings)
    for partner in ("xa", "xb"):
        store.add_partner(Partner(partner, f"State of {partner.upper()}"))
        store.put_watchlist(Watchlist(f"{partner}-alerts", partner, "Alerts"))
    store.put_entry(entry("e1"), faces(1))
    return store
