"""What the store answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from watchlists.portraits import Portraits
from watchlists.records import Age, Entry, EntryKey, Templates, VisibilityClass
from watchlists.templates import unpacked


class Outcome(StrEnum):
    """What a write did. A write can be repeated: the second time it is `unchanged`."""

    CREATED = "created"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class PutResult:
    """Args: sequence: of the change that wrote the entry as it now stands, also where this write changed nothing."""

    outcome: Outcome
    sequence: int


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry, opened.

    Args:
        sequence: of the change that wrote this version.
        portraits: one for each face of `templates`, None where the owner left it out; empty if there is none at all.
    """

    entry: Entry
    templates: Templates
    sequence: int
    portraits: Portraits = ()


@dataclass(frozen=True, slots=True)
class Due:
    """An entry of which something is due, such as a review, and when."""

    key: EntryKey
    klass: VisibilityClass
    at: datetime


@dataclass(frozen=True, slots=True)
class AgeChange:
    """An entry whose subject has come into another age band.

    Args:
        sequence: of the change that wrote the version of which that is true.
        age: the band that the subject is in now.
    """

    key: EntryKey
    owner: str
    sequence: int
    age: Age


@dataclass(frozen=True, slots=True)
class DatedEntry:
    """An entry with its dates. Args: sequence: of the change that wrote it so."""

    key: EntryKey
    klass: VisibilityClass
    entered_at: datetime
    review_at: datetime | None
    expires_at: datetime | None
    sequence: int


@dataclass(frozen=True, slots=True)
class DateChange:
    """Other dates for an entry. Args: sequence: of the change that wrote the version that they are for."""

    key: EntryKey
    owner: str
    sequence: int
    review_at: datetime | None
    expires_at: datetime | None


class StoredTemplates(NamedTuple):
    """What a gallery needs of an entry; a tuple, because there are very many.

    Args:
        packed: from `watchlists.templates.pack_templates`; None if the seal is broken.
    """

    key: EntryKey
    klass: VisibilityClass
    expires_at: datetime | None
    sequence: int
    packed: bytes | None

    @property
    def templates(self) -> Templates | None:
        """None if the seal is broken or the encoding unknown: the entry is there but cannot be compared."""
        return unpacked(self.packed)
