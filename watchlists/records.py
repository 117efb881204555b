"""Frozen record types of the watchlist side: what an entry is, and what changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.fingerprint.cylinders import FingerTemplate

_LENGTH_TOLERANCE: Final = 1e-3


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.utcoffset() is None:
        raise ValueError("the datetimes of an entry need a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput("a date of the entry lies outside the years 1 to 9999 in UTC") from None


@dataclass(frozen=True, slots=True)
class Partner:
    """A state or agency. `id` is a short lower-case code such as "xa".

    `country` is the code of the state it acts for; where none is given, its id.
    """

    id: str
    name: str
    country: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "country", self.country or self.id)


@dataclass(frozen=True, slots=True)
class Watchlist:
    """A named list of entries. `id` is unique among all partners; `owner` is the partner that alone writes to it."""

    id: str
    owner: str
    title: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Biographic fields of an entry. Sealed at rest; disclosed only at level `biographics`."""

    family_name: str | None = field(default=None, repr=False)
    given_names: str | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)
    nationality: str | None = field(default=None, repr=False)
    documents: tuple[str, ...] = field(default=(), repr=False)


class Age(StrEnum):
    """How old the subject of an entry is, as far as rules may know it: no date of birth leaves the seal."""

    UNKNOWN = "unknown"
    UNDER_12 = "under-12"
    MINOR = "minor"
    ADULT = "adult"


class Quarantine(StrEnum):
    """Why an entry is kept from every search: it would be found whoever stands there."""

    FACE_LIKE_EVERYBODY = "face-like-everybody"
    LIKE_MANY_ENTRIES = "like-many-entries"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an entry carries of its own for rules to read, beside what every alert has.

    Args:
        excluded: partners, or countries, to whom the entry does not exist; whatever any agreement says.
        flagged_by: partners in whose territory the action is not taken (flags of Regulation (EU) 2018/1862, Art. 24).
        hidden_until: before this moment the entry exists for its owner alone; aware, kept in UTC.
        age: of the subject.
        in_child_interest: entered to protect the child it is about.
        gravity: longest sentence that the offence carries, in months.
        contested: the subject contests that the data are accurate.
        exercise: for exercise or research; never compared with a live probe.
        quarantine: why it is not searched, nor copied to other nodes; None if it is.
    """

    excluded: tuple[str, ...] = ()
    flagged_by: tuple[str, ...] = ()
    hidden_until: datetime | None = None
    age: Age = Age.UNKNOWN
    in_child_interest: bool = False
    gravity: int | None = None
    contested: bool = False
    exercise: bool = False
    quarantine: Quarantine | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "excluded", tuple(sorted(set(self.excluded))))
        object.__setattr__(self, "flagged_by", tuple(sorted(set(self.flagged_by))))
        object.__setattr__(self, "hidden_until", _utc(self.hidden_until))


NO_CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True)
class VisibilityClass:
    """The attributes of an entry that rules read: entries that share them are visible to the same requests.

    Handling codes are a set; they are kept sorted and without duplicates, so that equal sets make equal classes.
    """

    owner: str
    watchlist: str
    category: str
    action: str
    handling: tuple[str, ...] = ()
    conditions: Conditions = NO_CONDITIONS
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "handling", tuple(sorted(set(self.handling))))
        fields = (self.owner, self.watchlist, self.category, self.action, self.handling, self.conditions)
        object.__setattr__(self, "_hash", hash(fields))

    def __hash__(self) -> int:
        return self._hash  # reckoned once: classes are looked up at every search


@dataclass(frozen=True, slots=True, eq=False)
class FaceTemplate:
    """One face: a float32 vector of `len(vector)` whose inner product with another's is the fused similarity.

    `model` names the embedding that made it; vectors of different models are never compared.
    """

    model: str
    vector: NDArray[np.float32] = field(repr=False)

    @property
    def has_unit_length(self) -> bool:
        """Whether the vector is of length 1, give or take a thousandth; one that is not of finite numbers never is."""
        return bool(abs(np.linalg.norm(self.vector.astype(np.float64)) - 1) <= _LENGTH_TOLERANCE)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FaceTemplate)
            and self.model == other.model
            and self.vector.tobytes() == other.vector.tobytes()
        )

    def __hash__(self) -> int:
        return hash((self.model, self.vector.tobytes()))


@dataclass(frozen=True, slots=True, order=True)
class EntryKey:
    """What identifies an entry; the owner of the watchlist chooses `entry`."""

    watchlist: str
    entry: str


class LinkKind(StrEnum):
    SAME_PERSON = "same-person"
    ASSOCIATED = "associated"


@dataclass(frozen=True, slots=True)
class Link:
    """From one entry to another, of the same owner or of another. Sealed with the subject: it is about people."""

    kind: LinkKind
    to: EntryKey


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an entry comes from; sealed, for its owner alone.

    Args:
        source: the authority, register or case that it was entered from.
        captured_at: when its samples were; aware, kept in UTC; None if that is not known.
    """

    source: str = field(repr=False)
    captured_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "captured_at", _utc(self.captured_at))


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject on a watchlist, without templates. `(watchlist, id)` identifies it; the owner chooses `id`.

    Args:
        links: to other entries; seen by those who may see both.
        misused_identity: the person whose identity the subject uses, so that they can be told apart (Regulation (EU)
            2018/1862, Art. 62); sealed.
        provenance: where it comes from; None for a copy of another partner's, and for what is older than this.
        review_at: when its owner must look at it again; aware, kept in UTC.
        expires_at: from when on it is not matched; aware, kept in UTC.
        author: who wrote it, as `partner/name`; for its owner alone, and so that they do not confirm it themselves. ""
            where that is not known: for a copy of another partner's, and for what is older than this.

    Raises:
        ValueError: a datetime has no zone.
        InvalidInput: a datetime is so far off that UTC cannot express it.
    """

    id: str
    klass: VisibilityClass
    subject: Subject
    review_at: datetime | None = None
    expires_at: datetime | None = None
    links: tuple[Link, ...] = field(default=(), repr=False)
    misused_identity: Subject | None = field(default=None, repr=False)
    provenance: Provenance | None = field(default=None, repr=False)
    author: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "review_at", _utc(self.review_at))
        object.__setattr__(self, "expires_at", _utc(self.expires_at))

    @property
    def key(self) -> EntryKey:
        return EntryKey(self.klass.watchlist, self.id)


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
