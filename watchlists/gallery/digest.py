"""A hash over what is in a gallery, so that two nodes, or the log and the store, can be compared at a glance.

It covers identity, owner, visibility class and templates of every entry, in a canonical order. It leaves out what is
each node's own: the numbers of its changes, and until when a copy may live.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from watchlists.changes import Follower
from watchlists.gallery.local import TemplateSource
from watchlists.records import Change, EntryKey
from watchlists.sealing import binding
from watchlists.store import StoredTemplates
from watchlists.store.conditions import pack_conditions

_UNREADABLE = b"templates that do not open"


def entry_digest(stored: StoredTemplates) -> bytes:
    """Return 32 bytes for what a gallery knows of an entry."""
    klass = stored.klass
    conditions = json.dumps(pack_conditions(klass.conditions), sort_keys=True)
    names = (stored.key.watchlist, stored.key.entry, klass.owner, klass.category, klass.action, conditions)
    packed = _UNREADABLE if stored.packed is None else hashlib.sha256(stored.packed).digest()
    return hashlib.sha256(binding(*names, *klass.handling) + packed).digest()


def gallery_digest(entries: Iterable[StoredTemplates]) -> str:
    """Return the hash over entries in hexadecimal, in whatever order they come.

    `gallery_digest(store.open_templates())` is that of a node.
    """
    return digest_of({stored.key: entry_digest(stored) for stored in entries})


def digest_of(digests: Mapping[EntryKey, bytes]) -> str:
    """Return the hash over entries of which each one's `entry_digest` is known."""
    whole = hashlib.sha256()
    for key in sorted(digests):
        whole.update(digests[key])
    return whole.hexdigest()


class DigestFollower(Follower):
    """Follows the log as a gallery does, and keeps the digest of each entry alone."""

    def __init__(self, source: TemplateSource) -> None:
        super().__init__(source.log)
        self._source = source
        self._sequence = 0
        self.digests: dict[EntryKey, bytes] = {}

    @property
    def sequence(self) -> int:
        return self._sequence

    def follow(self, new: Sequence[Change]) -> None:
        keys = {change.key for change in new}
        present = {stored.key: entry_digest(stored) for stored in self._source.open_templates(list(keys))}
        for key in keys - present.keys():
            self.digests.pop(key, None)
        self.digests |= present
        self._sequence = new[-1].sequence
