"""The conditions of an entry as the value of a JSON column, and back."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from watchlists.records import NO_CONDITIONS, Age, Conditions, Quarantine

UNREADABLE = Conditions(hidden_until=datetime.max.replace(tzinfo=UTC))
"""What stands for stored conditions that cannot be read: the strictest there is. The seals of such a row do not open,
for they are tied to what was written."""


def pack_conditions(conditions: Conditions) -> dict[str, Any]:
    """Return what differs from `NO_CONDITIONS`, by field; equal conditions give equal values, in equal order."""
    if conditions == NO_CONDITIONS:
        return {}
    pairs = ((field.name, getattr(conditions, field.name), getattr(NO_CONDITIONS, field.name)) for field in _FIELDS)
    return {name: _plain(value) for name, value, default in pairs if value != default}


def unpack_conditions(stored: object) -> Conditions:
    """Return the conditions that `pack_conditions` gave; `UNREADABLE` for anything else."""
    if stored == {}:
        return NO_CONDITIONS
    try:
        conditions = _conditions(**stored)  # type: ignore[arg-type]  # whatever lies in the database
    except (TypeError, ValueError, AttributeError):
        return UNREADABLE
    return conditions if pack_conditions(conditions) == stored else UNREADABLE


_FIELDS = fields(Conditions)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _conditions(
    *, hidden_until: str | None = None, age: str = Age.UNKNOWN, quarantine: str | None = None, **others: Any
) -> Conditions:
    moment = None if hidden_until is None else datetime.fromisoformat(hidden_until)
    reason = None if quarantine is None else Quarantine(quarantine)
    return Conditions(hidden_until=moment, age=Age(age), quarantine=reason, **others)
