"""The change log: without gaps, and leading to exactly the entries that are there."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, func, select

from watchlists.gallery import DigestFollower, digest_of
from watchlists.inspection.entries import Seen, named
from watchlists.inspection.part import Flaw, Part
from watchlists.records import ChangeKind, EntryKey
from watchlists.schema import change_head, changes
from watchlists.store import Store

_BATCH: Final = 5000
_FROM_BACKUP: Final = "Restore a backup from before; find out who can write to the database."


def log_of(connection: Connection) -> tuple[Part, int]:
    """Look at the numbers of the changes; return the last one."""
    head = connection.execute(select(change_head.c.last_sequence)).scalar_one_or_none()
    query = select(func.count(), func.min(changes.c.sequence), func.max(changes.c.sequence))
    count, first, last = connection.execute(query).one()
    flaws = []
    if head is None or head != (last or 0):
        flaws.append(Flaw(f"the head of the log is {head}, its last change {last or 0}", _FROM_BACKUP))
    if count and (first, last) != (1, count):
        flaws.append(Flaw(f"{count} changes are numbered {first} to {last}: there are gaps", _FROM_BACKUP))
    return Part("change log", f"{count} changes without a gap, the head at the last", tuple(flaws)), last or 0


def replay_of(connection: Connection, seen: Seen) -> Part:
    """Play the log again from its beginning, and compare what it leads to with the entries that are there."""
    present: dict[EntryKey, int] = {}
    query = select(changes.c.sequence, changes.c.kind, changes.c.watchlist, changes.c.entry)
    ordered = query.order_by(changes.c.sequence)
    for row in connection.execute(ordered, execution_options={"yield_per": _BATCH}):
        key = EntryKey(row.watchlist, row.entry)
        if row.kind == ChangeKind.PUT:
            present[key] = row.sequence
        else:
            present.pop(key, None)
    flaws = [
        Flaw(f"entry {key.watchlist}/{key.entry} {_difference(key, present, seen)}", _FROM_BACKUP)
        for key in sorted(present.keys() | seen.sequences.keys())
        if present.get(key) != seen.sequences.get(key)
    ]
    return Part("replay", f"the log leads to the {len(present)} entries that are there", named(flaws))


def _difference(key: EntryKey, present: dict[EntryKey, int], seen: Seen) -> str:
    if key not in seen.sequences:
        return "is in the log, but is not there"
    if key not in present:
        return "is there, but the log never had it, or had it withdrawn"
    return f"was written by change {seen.sequences[key]}, by the log {present[key]}"


def gallery_of(store: Store, seen: Seen, head: int) -> Part:
    """Build what a gallery holds from the log alone, and compare it with the store as it was at change `head`."""
    follower = DigestFollower(store)
    reached = follower.catch_up()
    since: set[EntryKey] = set()
    while head < reached and (new := store.log.after(head)):
        since |= {change.key for change in new}
        head = new[-1].sequence
    unlike = {key for key, digest in seen.digests.items() if follower.digests.get(key) != digest}
    surplus = follower.digests.keys() - seen.sequences.keys()
    flaws = [
        Flaw(f"entry {key.watchlist}/{key.entry} is not the same in a gallery that follows the log", _FROM_BACKUP)
        for key in sorted((unlike | surplus) - since)
    ]
    return Part("gallery digest", f"{digest_of(seen.digests)} of {len(seen.digests)} entries", named(flaws))
