"""An entry as a row and back: what rules read in clear, the rest sealed under a data key of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from watchlists.errors import SealBroken
from watchlists.keys import OwnerKey
from watchlists.portraits import Portraits, pack_portraits, unpack_portraits
from watchlists.records import Entry, Subject, Templates, VisibilityClass
from watchlists.sealing import binding, bound_part, new_key, open_seal, seal
from watchlists.store.conditions import pack_conditions, unpack_conditions
from watchlists.templates import Details, pack_details, pack_templates, unpack_details, unpack_templates

SUBJECT = "subject"
"""What the seal of the details is tied to; the subject was once all of them."""
TEMPLATES = "templates"
PORTRAITS = "portraits"
_TEMPLATES_BINDING = binding(TEMPLATES)
_CLASSES = 4096
"""Visibility classes that are kept as one object each: a gallery of a million entries has few different ones."""


class Content:
    """The content of an entry as bytes, ready to be compared with what is stored, and to be sealed."""

    def __init__(self, entry: Entry, templates: Templates, portraits: Portraits = ()) -> None:
        self.entry = entry
        self._portraits = pack_portraits(portraits) if any(portraits) else None
        self._details = pack_details(Details(entry.subject, entry.links, entry.misused_identity, entry.provenance))
        self._templates = pack_templates(templates)

    def digest(self, owner_key: OwnerKey) -> bytes:
        """Return 32 bytes that are the same for the same content, and useless without the owner's key."""
        return owner_key.digest("entry", b"".join(len(part).to_bytes(8, "little") + part for part in self._parts()))

    def rows(self, owner_key: OwnerKey, digest: bytes, sequence: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return the rows to store, of the entry and of its portraits if it has any, sealed under a new data key."""
        entry, klass = self.entry, self.entry.klass
        clear = {
            "watchlist": klass.watchlist,
            "id": entry.id,
            "owner": klass.owner,
            "category": klass.category,
            "action": klass.action,
            "handling": list(klass.handling),
            "conditions": pack_conditions(klass.conditions),
            "review_at": entry.review_at,
            "expires_at": entry.expires_at,
            "author": entry.author or None,
        }
        data_key = new_key()
        bound = bound_to(entry)
        row = clear | {
            "sequence": sequence,
            "digest": digest,
            "key_generation": owner_key.generation,
            "wrapped_key": owner_key.wrap(data_key, bound),
            "sealed_subject": seal(data_key, self._details, bound + binding(SUBJECT)),
            "sealed_templates": seal(data_key, self._templates, bound + binding(TEMPLATES)),
        }
        if self._portraits is None:
            return row, None
        sealed = seal(data_key, self._portraits, bound + binding(PORTRAITS))
        return row, {"watchlist": klass.watchlist, "entry": entry.id, "sealed": sealed}

    def _parts(self) -> tuple[bytes, ...]:
        review_at = str(self.entry.review_at and self.entry.review_at.timestamp()).encode()
        parts = bound_to(self.entry), review_at, self._details, self._templates
        return parts if self._portraits is None else (*parts, self._portraits)


def bound_to(entry: Entry) -> bytes:
    """What the seals of an entry are tied to: its identity, and what decides who may see it and until when.

    A row that is moved to another owner, watchlist or entry does not open; nor does one whose handling codes,
    conditions or expiry were changed by other means than a write of its owner.
    """
    return ClassBinding.of(entry.klass).to(entry.id, entry.expires_at)


class ClassBinding:
    """What the seals of all entries of a class are tied to, reckoned once, around what is of one entry alone."""

    def __init__(self, klass: VisibilityClass) -> None:
        self._before = binding(*_kind(klass), klass.owner, klass.watchlist)
        self._between = binding(klass.category, klass.action)
        self._after = binding(*klass.handling)
        self._lasting = self._between + binding("") + self._after

    @staticmethod
    @lru_cache(maxsize=_CLASSES)
    def of(klass: VisibilityClass) -> ClassBinding:
        """Return the one for all entries of `klass`."""
        return ClassBinding(klass)

    def to(self, entry_id: str, expires_at: datetime | None) -> bytes:
        """Return what the seals of one entry are tied to."""
        if expires_at is None:
            return self._before + bound_part(entry_id) + self._lasting
        expiry = bound_part(repr(expires_at.timestamp()))
        return self._before + bound_part(entry_id) + self._between + expiry + self._after


def _kind(klass: VisibilityClass) -> tuple[str, ...]:
    conditions = pack_conditions(klass.conditions)
    if not conditions:  # as before there were any, so that what was sealed then still opens
        return ("entry",)
    return "entry under conditions", json.dumps(conditions, sort_keys=True)


def clear_entry(row: Any) -> Entry:
    """Return the entry of a row without what is sealed: with an empty subject and no links."""
    klass = class_of(row.owner, row.watchlist, row.category, row.action, row.handling, row.conditions)
    return Entry(row.id, klass, Subject(), row.review_at, row.expires_at, author=row.author or "")


def class_of(owner: str, watchlist: str, category: str, action: str, handling: Any, conditions: Any) -> VisibilityClass:
    """Return the visibility class of a row by the values of its columns: one object for all rows of equal class."""
    unpacked = unpack_conditions(conditions)
    return _interned(VisibilityClass(owner, watchlist, category, action, tuple(handling), unpacked))


def open_entry(row: Any, owner_key: OwnerKey) -> tuple[Entry, Templates]:
    """Open a row whole.

    Raises:
        SealBroken: the row was changed or moved, or its encoding is unknown.
    """
    clear = clear_entry(row)
    details = open_details(row, clear, owner_key)
    entry = replace(
        clear,
        subject=details.subject,
        links=details.links,
        misused_identity=details.misused_identity,
        provenance=details.provenance,
    )
    return entry, open_templates(row, clear, owner_key)


def open_details(row: Any, entry: Entry, owner_key: OwnerKey) -> Details:
    """Open the subject of a row, its links and the person whose identity it misuses.

    Raises:
        SealBroken: the row was changed or moved, or its encoding is unknown.
    """
    bound = bound_to(entry)
    opened = open_seal(owner_key.unwrap(row.wrapped_key, bound), row.sealed_subject, bound + binding(SUBJECT))
    try:
        return unpack_details(opened)
    except (ValueError, KeyError) as error:
        raise SealBroken(f"the details of an entry cannot be decoded: {type(error).__name__}") from None


def open_templates(row: Any, entry: Entry, owner_key: OwnerKey) -> Templates:
    """Open the templates of a row.

    Raises:
        SealBroken: the row was changed or moved, or its encoding is unknown.
    """
    packed = open_packed_templates(row.sealed_templates, row.wrapped_key, bound_to(entry), owner_key)
    try:
        return unpack_templates(packed)
    except ValueError as error:
        raise SealBroken(f"the templates of an entry cannot be decoded: {error}") from None


def open_portraits(row: Any, entry: Entry, owner_key: OwnerKey) -> Portraits:
    """Open the portraits of a row that was read beside them, as `sealed_portraits`; none if there are none.

    Raises:
        SealBroken: the row was changed or moved, or its encoding is unknown.
    """
    if row.sealed_portraits is None:
        return ()
    bound = bound_to(entry)
    data_key = owner_key.unwrap(row.wrapped_key, bound)
    opened = open_seal(data_key, row.sealed_portraits, bound + binding(PORTRAITS))
    try:
        return unpack_portraits(opened)
    except (ValueError, KeyError) as error:
        raise SealBroken(f"the portraits of an entry cannot be decoded: {type(error).__name__}") from None


def open_packed_templates(sealed: bytes, wrapped_key: bytes, bound: bytes, owner_key: OwnerKey) -> bytes:
    """Open templates that are tied to `bound`, and leave them packed.

    Raises:
        SealBroken: the row was changed or moved.
    """
    return open_seal(owner_key.unwrap(wrapped_key, bound), sealed, bound + _TEMPLATES_BINDING)


@lru_cache(maxsize=_CLASSES)
def _interned(klass: VisibilityClass) -> VisibilityClass:
    """Return the one object that stands for all equal classes."""
    return klass
