"""What one reviewer may look at of one candidate, decided at the moment of looking.

1. The reviewer sits at the desk that has the flag, or is of the partner that owns the entry. To anybody else there is
   no such candidate.
2. Of a candidate that is void with its agreement nothing is shown.
3. The entry's side is shown as far as `compare face` and `compare fingers` permit it to the reviewer's partner, by the
   agreements in force now, for the check as it was asked. Owners see their own.
4. The probe's side is shown to those who keep it by `keep probe`, until the end of its time: at the desk what the
   asking partner keeps, to owners what they keep themselves.
5. Each look is an event of the audit log: who, at what, of which candidate. It is on record before anything is
   returned.

What the caller still owes: that the reviewer is who they say, and that nothing of this is stored or cached.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from models.errors import CrosscheckError
from models.fingerprint.cylinders import FingerTemplate
from service import audit
from service.audit import EventKind
from service.errors import UnknownFlag
from service.identity import Caller, require
from service.kept_probes import KeptProbes
from service.probe_shelf import Probe
from service.review.access import desks_of
from service.review.comparison import Absent, Comparison, Cut, FacePicture, Faces, Missing, Picture, Side
from service.review.fingers import compare_fingers
from service.review.found import Found, found_of
from service.review.pictures import PictureMaker
from service.roles import Role
from service.validity import Validity
from watchlists.agreements import Deed, RuleBook, Ruling
from watchlists.database import writing
from watchlists.errors import SealBroken, UnknownEntry
from watchlists.store import Store, StoredEntry

_NOTHING: Final = Ruling(allowed=False)


class PictureNotShown(CrosscheckError):
    """Args: absent: why."""

    slug = "picture-not-shown"
    hint = "The page of the flag says of each picture that is missing why it is."

    def __init__(self, absent: Absent) -> None:
        super().__init__(f"this picture is not shown: {absent.why.value.replace('-', ' ')}")
        self.absent = absent


@dataclass(frozen=True, slots=True)
class _Sight:
    """Everything that may be looked at, opened, before it is made into something to show."""

    found: Found
    probe: Probe | Absent
    entry: StoredEntry | Absent
    face: Ruling
    fingers: Ruling


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Lets reviewers compare. `rules` returns the rule book in force, `copies` the watchlists of other nodes."""

    store: Store
    validity: Validity
    kept: KeptProbes
    rules: Callable[[], RuleBook]
    pictures: PictureMaker
    copies: Callable[[], Collection[str]]
    clock: Callable[[], datetime]

    def look(self, reviewer: Caller, candidate_id: UUID) -> Comparison:
        """Return what the reviewer may compare of a candidate: minutiae at once, pictures by their numbers.

        Raises:
            WrongRole: the caller is no reviewer.
            UnknownFlag: there is no such candidate for them.
        """
        sight = self._sight(reviewer, candidate_id)
        probe, entry = _fingers(sight.probe), _fingers(_shown(sight.entry, sight.fingers))
        comparison = Comparison(
            candidate_id=candidate_id,
            faces=Faces(_probe_faces(sight.probe), self._entry_faces(sight)),
            fingers=compare_fingers(probe, entry),
            face_clauses=sight.face.decided_by if sight.face.allowed else (),
            finger_clauses=sight.fingers.decided_by if sight.fingers.allowed else (),
        )
        sides = ((Side.PROBE, probe), (Side.ENTRY, entry))
        shown = [f"minutiae of the {side.value}" for side, there in sides if there and not isinstance(there, Absent)]
        self._record(reviewer, sight.found, ", ".join(shown) or "nothing")
        return comparison

    def picture(self, reviewer: Caller, candidate_id: UUID, side: Side, number: int, cut: Cut) -> Picture:
        """Return one picture of a side.

        Args:
            reviewer: who looks.
            candidate_id: at which candidate.
            side: of the probe, or of the entry.
            number: of the face, as `FacePicture` has it.
            cut: how much of the picture.

        Raises:
            WrongRole: the caller is no reviewer.
            UnknownFlag: there is no such candidate for them.
            PictureNotShown: with the reason.
        """
        sight = self._sight(reviewer, candidate_id)
        picture = self._probe_picture(sight, number, cut) if side is Side.PROBE else self._portrait(sight, number, cut)
        if isinstance(picture, Absent):
            raise PictureNotShown(picture)
        self._record(reviewer, sight.found, f"face {number} of the {side.value}, {cut.value}")
        return picture

    def _sight(self, reviewer: Caller, candidate_id: UUID) -> _Sight:
        require(reviewer, Role.REVIEWER)
        rules, now = self.rules(), self.clock()
        with self.store.engine.connect() as connection:
            found = found_of(connection, candidate_id)
            desks = desks_of(reviewer.partner, rules.in_force(now))
            keeper = None if found is None else found.keeper_for(reviewer.partner, desks)
            if found is None or keeper is None:
                raise UnknownFlag
            if found.key is None or not self.validity.stands(connection, candidate_id, now):
                void = Absent(Missing.VOID)
                return _Sight(found, void, void, _NOTHING, _NOTHING)
            keeping = self.kept.open(connection, found.flag_id, keeper, now)
        probe = Absent(Missing.NOT_KEPT) if keeping is None else keeping.probe or Absent(Missing.DAMAGED)
        entry = self._entry(found)
        if isinstance(entry, Absent):
            return _Sight(found, probe, entry, _NOTHING, _NOTHING)
        asked = found.asked_by(reviewer)
        deeds = (Deed.COMPARE_FACE, Deed.COMPARE_FINGERS)
        face, fingers = (rules.ask(deed, asked, entry.entry.klass, now) for deed in deeds)
        return _Sight(found, probe, entry, face, fingers)

    def _entry(self, found: Found) -> StoredEntry | Absent:
        if found.key is None or found.key not in self.store.classes_of([found.key]):  # gone, or expired
            return Absent(Missing.WITHDRAWN)
        try:
            return self.store.samples(found.key)
        except UnknownEntry:
            return Absent(Missing.WITHDRAWN)
        except SealBroken:
            return Absent(Missing.DAMAGED)

    def _entry_faces(self, sight: _Sight) -> tuple[FacePicture, ...] | Absent:
        entry = _shown(sight.entry, sight.face)
        if isinstance(entry, Absent):
            return entry
        if not entry.templates.faces:
            return Absent(Missing.NO_SAMPLE)
        if not any(entry.portraits):
            at_home = entry.entry.klass.watchlist in self.copies()
            return Absent(Missing.AT_HOME if at_home else Missing.NO_PORTRAIT)
        numbered = enumerate(entry.portraits)
        return tuple(FacePicture(number, portrait.notes) for number, portrait in numbered if portrait is not None)

    def _probe_picture(self, sight: _Sight, number: int, cut: Cut) -> Picture | Absent:
        if isinstance(sight.probe, Absent):
            return sight.probe
        if sight.probe.image is None or number != 0:
            return Absent(Missing.NOT_SENT)
        return self.pictures.of_probe(sight.probe.image, cut)

    def _portrait(self, sight: _Sight, number: int, cut: Cut) -> Picture | Absent:
        faces, entry = self._entry_faces(sight), sight.entry
        if isinstance(faces, Absent) or isinstance(entry, Absent):
            return faces if isinstance(faces, Absent) else Absent(Missing.NO_SAMPLE)
        portrait = entry.portraits[number] if number in {face.number for face in faces} else None
        return Absent(Missing.NO_PORTRAIT) if portrait is None else self.pictures.of_portrait(portrait, cut)

    def _record(self, reviewer: Caller, found: Found, shown: str) -> None:
        now = self.clock()
        details = {"flag_id": str(found.flag_id), "candidate_id": str(found.candidate_id), "shown": shown}
        with writing(self.store.engine) as connection:
            kind = EventKind.CANDIDATE_COMPARED
            audit.record(connection, kind, reviewer, now, details, found.log_until(now))


def _shown(entry: StoredEntry | Absent, ruling: Ruling) -> StoredEntry | Absent:
    """Return an entry as far as it is permitted; that it is gone is said first, for then there was nothing to ask."""
    if isinstance(entry, Absent) or ruling.allowed:
        return entry
    return Absent(Missing.FORBIDDEN if ruling.decided_by else Missing.NOT_ALLOWED, ruling.decided_by)


def _fingers(side: Probe | StoredEntry | Absent) -> tuple[FingerTemplate, ...] | Absent:
    if isinstance(side, Absent):
        return side
    return side.fingers if isinstance(side, Probe) else side.templates.fingers


def _probe_faces(probe: Probe | Absent) -> tuple[FacePicture, ...] | Absent:
    if isinstance(probe, Absent):
        return probe
    return Absent(Missing.NOT_SENT) if probe.image is None else (FacePicture(0),)
