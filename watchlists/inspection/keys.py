"""Keys of owners, and the values of the service that are sealed under them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, select

from watchlists.errors import SealBroken
from watchlists.inspection.part import Flaw, Part
from watchlists.keys import KeyRing, OwnerKey, OwnerKeyRow, sealed_columns
from watchlists.keys.values import GENERATION_SIZE, generation_of
from watchlists.schema import owner_keys, partners

KeysByGeneration = dict[tuple[str, int], OwnerKey]
_FROM_BACKUP: Final = "Restore a backup from before; find out who can write to the database."
_BATCH: Final = 500


def owner_keys_of(connection: Connection, ring: KeyRing) -> tuple[Part, KeysByGeneration]:
    """Unwrap every key of an owner; return those that open."""
    keys: KeysByGeneration = {}
    generations = defaultdict[str, int](int)
    flaws = []
    for found in connection.execute(select(owner_keys)).mappings():
        row = OwnerKeyRow(**found)
        generations[row.owner] += 1
        try:
            keys[row.owner, row.generation] = OwnerKey.from_row(ring.root, row)
        except SealBroken:
            flaws.append(Flaw(f"the key of {row.owner}, generation {row.generation}, does not open", _FROM_BACKUP))
    flaws += _out_of_number(connection, generations)
    return Part("owner keys", f"{len(keys)} open under the root key", tuple(flaws)), keys


def _out_of_number(connection: Connection, generations: dict[str, int]) -> Iterator[Flaw]:
    for owner in connection.execute(select(partners.c.id).order_by(partners.c.id)).scalars():
        if not generations[owner]:
            yield Flaw(f"{owner} has no key", _FROM_BACKUP)
        elif generations[owner] > 1:
            hint = f"Unless that runs just now, finish it with `crosscheck key rotate --owner {owner}`."
            yield Flaw(f"the rotation of the key of {owner} is not finished", hint)


def sealed_values(connection: Connection, keys: KeysByGeneration) -> Part:
    """Open the data keys of all values that are sealed for partners; not the values."""
    flaws, count = [], 0
    for column in sealed_columns():
        query = select(column.owner, column.values).where(column.values.is_not(None))
        broken = 0
        for owner, sealed in connection.execute(query, execution_options={"yield_per": _BATCH}):
            count += 1
            broken += not _opens(keys, owner, sealed)
        if broken:
            hint = "They are lost, as after a restore without their keys; what they belong to has to be made again."
            flaws.append(Flaw(f"{broken} values of {column.table.name}.{column.values.name} do not open", hint))
    return Part("sealed values", f"{count} values of the service have keys that open", tuple(flaws))


def _opens(keys: KeysByGeneration, owner: str, sealed: bytes) -> bool:
    key = keys.get((owner, generation_of(sealed)))
    return key is not None and key.can_open(sealed[GENERATION_SIZE:])
