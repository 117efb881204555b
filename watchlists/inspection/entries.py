"""Entries: each opens under its key, as the entry and the owner that it says, and is what was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from watchlists.errors import SealBroken
from watchlists.gallery import entry_digest
from watchlists.inspection.keys import KeysByGeneration
from watchlists.inspection.part import Flaw, Part
from watchlists.records import EntryKey
from watchlists.schema import entries, watchlists
from watchlists.store import StoredTemplates
from watchlists.store.choice import WITH_PORTRAITS
from watchlists.store.sealed_rows import Content, open_entry, open_portraits
from watchlists.templates import pack_templates

NAMED: Final = 20
"""Flaws of one part that are named; of more, their number is said."""
_BATCH: Final = 500
_WRITE_AGAIN: Final = "Have its owner write it again or withdraw it; find out who can write to the database."


@dataclass(frozen=True, slots=True)
class Seen:
    """The entries of the store: by which change each was written, and its digest as a gallery has it."""

    sequences: dict[EntryKey, int] = field(default_factory=dict)
    digests: dict[EntryKey, bytes] = field(default_factory=dict)


def entries_of(
    connection: Connection, keys: KeysByGeneration, progress: Callable[[int, int], None]
) -> tuple[Part, Seen]:
    """Open every entry whole."""
    owners = {row.id: row.owner for row in connection.execute(select(watchlists))}
    total = connection.execute(select(func.count()).select_from(entries)).scalar_one()
    seen, flaws = Seen(), list[Flaw]()
    for row in connection.execute(WITH_PORTRAITS, execution_options={"yield_per": _BATCH}):
        flaw = _look_at(row, owners, keys, seen)
        if flaw is not None:
            flaws.append(Flaw(f"entry {row.watchlist}/{row.id} {flaw}", _WRITE_AGAIN))
        if len(seen.sequences) % _BATCH == 0:
            progress(len(seen.sequences), total)
    checked = f"{total - len(flaws)} of {total} entries open under their keys, bound to owner and entry, digests equal"
    return Part("seals", checked, named(flaws)), seen


def named(flaws: list[Flaw]) -> tuple[Flaw, ...]:
    """Return the first flaws, and the number of the others."""
    rest = len(flaws) - NAMED
    return (
        tuple(flaws) if rest <= 0 else (*flaws[:NAMED], Flaw(f"and {rest} more", "Mend these first, then look again."))
    )


def _look_at(row: Row[Any], owners: dict[str, str], keys: KeysByGeneration, seen: Seen) -> str | None:
    key = EntryKey(row.watchlist, row.id)
    seen.sequences[key] = row.sequence
    owner_key = keys.get((row.owner, row.key_generation))
    if owner_key is None:
        return "is sealed under a key that is not there"
    try:
        entry, templates = open_entry(row, owner_key)
        portraits = open_portraits(row, entry, owner_key)
    except SealBroken as error:
        return f"does not open: {error.detail}"
    stored = StoredTemplates(key, entry.klass, entry.expires_at, row.sequence, pack_templates(templates))
    seen.digests[key] = entry_digest(stored)
    if owners.get(row.watchlist) != row.owner:
        return "belongs to another partner than its watchlist"
    return None if Content(entry, templates, portraits).digest(owner_key) == row.digest else "is not what was written"
