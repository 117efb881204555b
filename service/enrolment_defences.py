"""What an owner is told of a new entry: whom of its own lists it is like; and why it is kept from searches, if it is.

An entry is compared with the entries of its owner and with nothing else, so that nobody learns anything of others.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from models import calibration
from models.hubs import is_like_everybody
from watchlists.gallery import Gallery
from watchlists.records import Entry, EntryKey, LinkKind, Quarantine, Templates

MOST_REPORTED = 20


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Another entry of the same owner, of the same person as it seems. `score` is cut to tenths."""

    key: EntryKey
    score: float


@dataclass(frozen=True, slots=True)
class Defences:
    """Looks at entries before they are stored, and once more at those that were written together."""

    gallery: Gallery

    def near_duplicates(self, entry: Entry, templates: Templates, now: datetime) -> list[NearDuplicate]:
        """Return the owner's other entries that the templates are like, best first.

        Those of exercises are compared with those of exercises, live ones with live ones, and none in quarantine.
        """
        self.gallery.catch_up()
        classes, exercise = self.gallery.classes(), entry.klass.conditions.exercise
        own = [klass for klass in classes if klass.owner == entry.klass.owner and klass.conditions.quarantine is None]
        visible = [klass for klass in own if klass.conditions.exercise == exercise]
        found = self.gallery.search(
            templates, visible, considered=classes, target_fpir=calibration.DUPLICATE_FPIR, now=now
        )
        others = (candidate for candidate in found.candidates if candidate.key != entry.key)
        return [NearDuplicate(other.key, math.floor(other.score * 10) / 10) for other in others]

    def quarantined(self, entry: Entry, templates: Templates, like: Collection[NearDuplicate]) -> Entry:
        """Return the entry with the reason for its quarantine, if there is one.

        Args:
            entry: new, or in place of what was there.
            templates: its own.
            like: from `near_duplicates`.
        """
        reason = _reason(entry, templates, like)
        conditions = replace(entry.klass.conditions, quarantine=reason)
        return entry if reason is None else replace(entry, klass=replace(entry.klass, conditions=conditions))


def _reason(entry: Entry, templates: Templates, like: Collection[NearDuplicate]) -> Quarantine | None:
    if any(is_like_everybody(face.model, face.vector) for face in templates.faces):
        return Quarantine.FACE_LIKE_EVERYBODY
    same_person = {link.to for link in entry.links if link.kind is LinkKind.SAME_PERSON}
    strangers = [other for other in like if other.key not in same_person]
    return Quarantine.LIKE_MANY_ENTRIES if len(strangers) > calibration.LIKE_MANY_LIMIT else None
