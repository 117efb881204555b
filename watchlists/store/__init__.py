"""The store: what is on the watchlists, sealed, with the log of its changes."""

from watchlists.store.results import AgeChange, Outcome, PutResult, Review, StoredEntry, StoredTemplates
from watchlists.store.store import Store
from watchlists.store.writing import Writing
from watchlists.templates import Details

__all__ = [
    "AgeChange",
    "Details",
    "Outcome",
    "PutResult",
    "Review",
    "Store",
    "StoredEntry",
    "StoredTemplates",
    "Writing",
]
