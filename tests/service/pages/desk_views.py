"""Views of the desk, made by hand: a flag in every state that the rules can bring it into, and a comparison."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request

from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.explanation import explain
from models.fingerprint.synthetic import synthetic_template
from models.samples import Modality, Position, ReasonCode
from service.identity import Caller
from service.pages.desk.comparing import Compared, as_shown
from service.review.comparison import (
    Absent,
    Comparison,
    FacePicture,
    Faces,
    FingerPair,
    Fingers,
    Impression,
    Minutia,
    Missing,
)
from service.review.views import (
    CandidateView,
    Deciding,
    Demanded,
    FlagState,
    FlagView,
    HistoryKind,
    HistoryLine,
    LaterView,
    OwedView,
    QueueItem,
    SampleNote,
    ScoreView,
    Seen,
    Urgency,
    VerdictView,
    WhyNot,
)
from service.roles import Role
from service.users.sessions import SignedIn
from watchlists.agreements import Clause, Obligation
from watchlists.agreements.release import ReleaseState, Settlement, VerdictKind

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
FLAG = UUID("3f2a9c1e-5b7d-4e0a-8c64-1d2e3f405162")
CANDIDATE = UUID("a81f0c6e-0b5e-4c55-9d0c-6b1c2d3e4f50")
CLAUSE = Clause("xa-xb", 3, "biographics", "Art. 7(2)")


def sign_in(request: Request, *roles: Role) -> None:
    """Let the page be looked at by somebody."""
    caller = Caller("xa", (roles or (Role.REVIEWER,))[0], "m.okafor")
    request.state.signed_in = SignedIn(caller, roles or (Role.REVIEWER,), "s-1", "token", NOW)


def item(number: int, urgency: Urgency, **fields: Any) -> QueueItem:
    """A flag in the queue."""
    given: dict[str, Any] = {
        "id": UUID(int=FLAG.int + number * 2**96),
        "partner": "xa",
        "opened_at": NOW - timedelta(minutes=7 * number + 3),
        "due_at": NOW + timedelta(hours=2 * number - 1),
        "urgency": urgency,
        "purpose": "border-check",
        "checkpoint": f"XA-GATE-{number:02}",
        "exercise": False,
        "emergency": False,
        "silent": False,
        "state": FlagState.OPEN,
        "candidates": 1,
        "desk": None,
        "mine": True,
        "withdrawn": False,
    }
    return QueueItem(**given | fields)


def candidate(**fields: Any) -> CandidateView:
    """A candidate of whom two reviewers have still to say something."""
    given: dict[str, Any] = {
        "id": CANDIDATE,
        "owner": "xb",
        "seen": Seen(
            level="reference",
            scores=(
                ScoreView(None, 9.4, 2_500_000_000),
                ScoreView(Modality.FACE, 5.1, 120_000),
                ScoreView(Modality.FINGERPRINT, 6.3, 1_900_000),
            ),
            reference="xb-alerts/E-2026-0017",
            handling=("tlp-amber-strict", "no-onward-transfer"),
        ),
        "later": LaterView("biographics", by_owner=False),
        "decided_by": (Deciding(CLAUSE, "Agreement between XA and XB on wanted persons"),),
        "duties": ("reviewers(2)", "confirm-within(12 h)"),
        "owed": (OwedView(Obligation.CONFIRM_WITHIN, NOW + timedelta(hours=3), "xa"),),
        "demanded": Demanded(count=2, asked=2, waivable=False, waived=False),
        "review": Settlement.OPEN,
        "release": ReleaseState.WAITING_FOR_REVIEWERS,
        "verdicts": (),
        "why_not": None,
        "may_waive": False,
        "may_authorise": False,
        "action": None,
        "action_waits": True,
        "silent": False,
        "withdrawn": False,
        "changed": False,
        "voided_at": None,
    }
    return CandidateView(**given | fields)


def flag(*candidates: CandidateView, **fields: Any) -> FlagView:
    """A flag with these candidates."""
    given: dict[str, Any] = {
        "id": FLAG,
        "check_id": UUID(int=7),
        "partner": "xa",
        "opened_at": NOW - timedelta(hours=1),
        "due_at": NOW + timedelta(hours=3),
        "overdue_at": None,
        "urgency": Urgency.URGENT,
        "purpose": "border-check",
        "checkpoint": "XA-GATE-07",
        "exercise": False,
        "emergency": False,
        "silent": any(each.silent for each in candidates),
        "complete": True,
        "state": FlagState.OPEN,
        "desk": None,
        "samples": (
            SampleNote(Modality.FACE, None, True, (ReasonCode.TOO_DARK,)),
            SampleNote(Modality.FINGERPRINT, Position.RIGHT_INDEX, True, ()),
        ),
        "candidates": candidates,
        "history": (
            HistoryLine(NOW - timedelta(hours=1), HistoryKind.OPENED),
            HistoryLine(NOW - timedelta(minutes=20), HistoryKind.ESCALATED, None, CANDIDATE, "half"),
        ),
    }
    return FlagView(**given | fields)


def verdict(kind: VerdictKind, reviewer: str, reason: str, *, own: bool = False) -> VerdictView:
    return VerdictView("xa", reviewer, kind, NOW - timedelta(minutes=12), reason, own)


SAME = verdict(VerdictKind.SAME_PERSON, "m.okafor", "Scar over the left eyebrow; ears the same.", own=True)
DIFFERENT = verdict(VerdictKind.DIFFERENT_PERSON, "j.lindqvist", "The ridge ends where the other one forks.")
DEMANDED_ONE = Demanded(count=1, asked=2, waivable=True, waived=True, ground="Border Code of XA, section 12(3)")

STATES: dict[str, CandidateView] = {
    "first": candidate(),
    "waits-for-second": candidate(verdicts=(SAME,), why_not=WhyNot.GIVEN),
    "disagreement": candidate(
        review=Settlement.THIRD,
        release=ReleaseState.WAITING_FOR_THIRD,
        verdicts=(replace(SAME, own=False), DIFFERENT),
    ),
    "waits-for-owner": candidate(
        review=Settlement.SAME_PERSON,
        release=ReleaseState.WAITING_FOR_OWNER,
        verdicts=(SAME,),
        why_not=WhyNot.SETTLED,
        later=LaterView("biographics", by_owner=True),
    ),
    "released": candidate(
        review=Settlement.SAME_PERSON,
        release=ReleaseState.RELEASED,
        verdicts=(SAME,),
        why_not=WhyNot.SETTLED,
        later=None,
        action="inform-officer",
        action_waits=False,
        seen=replace(
            candidate().seen or Seen("alert"),
            level="biographics",
            category="wanted",
            subject={"family_name": "Quillfeather", "given_names": "Ottoline", "documents": ["P 123", "I 4"]},
            misused_identity={"family_name": "Marlowe"},
            links=({"kind": "associated", "reference": "xb-alerts/E-9"},),
        ),
    ),
    "withheld": candidate(
        review=Settlement.DIFFERENT_PERSON, release=ReleaseState.REFUSED, why_not=WhyNot.SETTLED, action_waits=False
    ),
    "lapsed": candidate(release=ReleaseState.LAPSED, later=None, owed=(), action_waits=False),
    "waived": candidate(demanded=DEMANDED_ONE),
    "may-waive": candidate(may_waive=True, may_authorise=True),
    "silent": candidate(silent=True),
    "withdrawn": candidate(seen=None, withdrawn=True),
    "void": candidate(
        seen=None, later=None, voided_at=NOW, why_not=WhyNot.VOID, release=ReleaseState.LAPSED, action_waits=False
    ),
}


def impression(template: FingerTemplate) -> Impression:
    """An impression as the desk shows it."""
    minutiae = template.minutiae
    places = [
        Minutia(float(x), float(y), float(angle) * 57.29578 % 360, "ending" if index % 3 else "bifurcation", 60)
        for index, ((x, y), angle) in enumerate(zip(minutiae.xy, minutiae.angle, strict=True))
    ]
    width, height = (max(getattr(each, axis) for each in places) + 16 for axis in ("x", "y"))
    return Impression(template.position, width, height, tuple(places))


def finger_pair(number: int = 3) -> FingerPair:
    """Two impressions of one generated finger."""
    position = Position.RIGHT_INDEX
    probe, entry = (
        encode_fingerprint(synthetic_template(number, taken, position), position).templates[0] for taken in (1, 0)
    )
    explained = explain(probe, entry)
    return FingerPair(impression(probe), impression(entry), explained.pairs, explained.motion, 6.3)


def compared(**fields: Any) -> Compared:
    """What is shown of the candidate: both faces, a finger."""
    given: dict[str, Any] = {
        "candidate_id": CANDIDATE,
        "faces": Faces((FacePicture(0, (ReasonCode.TOO_DARK,)),), (FacePicture(0),)),
        "fingers": Fingers((finger_pair(),)),
        "face_clauses": (CLAUSE,),
        "finger_clauses": (CLAUSE,),
    }
    return as_shown(Comparison(**given | fields))


def nothing_compared(why: Missing, *clauses: Clause) -> Compared:
    """Nothing is shown, for that reason."""
    nothing = Absent(why, clauses)
    return compared(faces=Faces(nothing, nothing), fingers=Fingers((), nothing), face_clauses=(), finger_clauses=())
