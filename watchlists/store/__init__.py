"""The store: what is on the watchlists, sealed, with the log of its changes."""

from watchlists.store.columns import TemplateColumns
from watchlists.store.dates import Dates
from watchlists.store.results import (
    AgeChange,
    DateChange,
    DatedEntry,
    Due,
    Outcome,
    PutResult,
    StoredEntry,
    StoredTemplates,
)
from watchlists.store.store import Store
from watchlists.store.writing import Writing
from watchlists.templates import Details

__all__ = [
    "AgeChange",
    "DateChange",
    "DatedEntry",
    "Dates",
    "Details",
    "Due",
    "Outcome",
    "PutResult",
    "Store",
    "StoredEntry",
    "StoredTemplates",
    "TemplateColumns",
    "Writing",
]
