"""The inspection: all parts, of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from watchlists.inspection.entries import entries_of
from watchlists.inspection.history import gallery_of, log_of, replay_of
from watchlists.inspection.keys import owner_keys_of, sealed_values
from watchlists.inspection.part import Part
from watchlists.inspection.references import references_of
from watchlists.store import Store


def inspect(store: Store, progress: Callable[[str, int, int], None]) -> Iterator[Part]:
    """Yield one part after the other. The service may run: what is written meanwhile is not looked at.

    Everything is held against everything: keys against the root key, entries against their keys and digests, the log
    against its head, its replay against the entries, and what a gallery makes of the log against the store.
    """
    with store.engine.connect() as connection:  # one transaction, which sees one moment
        part, keys = owner_keys_of(connection, store.keys)
        yield part
        yield sealed_values(connection, keys)
        part, seen = entries_of(connection, keys, lambda done, total: progress("opening entries", done, total))
        yield part
        part, head = log_of(connection)
        yield part
        progress("replaying the log", 0, 1)
        yield replay_of(connection, seen)
        yield references_of(connection)
        progress("replaying the log", 1, 1)
    progress("building a gallery from the log", 0, 1)
    yield gallery_of(store, seen, head)
    progress("building a gallery from the log", 1, 1)
