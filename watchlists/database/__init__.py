"""The database: opened, written, cleaned and examined in the same words, whichever of the two kinds it is."""

from watchlists.database.backend import DatabaseState, Turn
from watchlists.database.connections import (
    UNAVAILABLE,
    examine,
    in_use,
    open_database,
    upsert,
    wipe_deleted,
    writing,
)
from watchlists.database.ready import ReadyStatement, Row

__all__ = [
    "UNAVAILABLE",
    "DatabaseState",
    "ReadyStatement",
    "Row",
    "Turn",
    "examine",
    "in_use",
    "open_database",
    "upsert",
    "wipe_deleted",
    "writing",
]
