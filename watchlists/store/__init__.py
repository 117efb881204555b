"""The store: what is on the watchlists, sealed, with the log of its changes."""

from watchlists.store.results import Outcome, PutResult, StoredEntry, StoredTemplates
from watchlists.store.store import Store
from watchlists.store.writing import Writing

__all__ = ["Outcome", "PutResult", "Store", "StoredEntry", "StoredTemplates", "Writing"]
