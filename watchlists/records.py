"""Frozen record types of the watchlist side: what an entry is, and what changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.cylinders import FingerTemplate


@dataclass(frozen=True, slots=True)
class Partner:
    """A state or agency. `id` is a short lower-case code such as "xa"."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Watchlist:
    id: str
    owner: str
    title: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Biographic fields of an entry. Sealed at rest; disclosed only at level `biographics`."""

    family_name: str | None = None
    given_names: str | None = None
    birth_date: date | None = None
    nationality: str | None = None
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class VisibilityClass:
    """The attributes of an entry that rules read: entries that share them are visible to the same requests."""

    owner: str
    watchlist: str
    category: str
    action: str
    handling: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FaceTemplate:
    """One face: a float32 vector of `len(vector)` whose inner product with another's is the fused similarity.

    `model` names the embedding that made it; vectors of different models are never compared.
    """

    model: str
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject on a watchlist, without templates. `(watchlist, id)` identifies it; the owner chooses `id`."""

    id: str
    klass: VisibilityClass
    subject: Subject
    review_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def key(self) -> EntryKey:
        return EntryKey(self.klass.watchlist, self.id)


@dataclass(frozen=True, slots=True, order=True)
class EntryKey:
    watchlist: str
    entry: str


@dataclass(frozen=True, slots=True)
class Templates:
    """All templates of one entry, or of one probe."""

    faces: tuple[FaceTemplate, ...] = ()
    fingers: tuple[FingerTemplate, ...] = ()


class ChangeKind(StrEnum):
    PUT = "put"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered record of the change log; `sequence` grows by commit order."""

    sequence: int
    kind: ChangeKind
    key: EntryKey
    owner: str
    at: datetime = field(compare=False)
