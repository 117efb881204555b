"""The words of closed lists as pages say them. Every member of every list has one, which a test looks after.

Words of agreements that partners make up themselves, such as purposes and actions, have none: they are shown as they
are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from models.calibration import Band
from models.samples import Modality, Position, ReasonCode
from service.pages.translation import marked
from service.review.comparison import Missing, Side
from service.review.escalation import Step
from service.review.views import FlagState, HistoryKind, Urgency, WhyNot
from watchlists.agreements import Obligation
from watchlists.agreements.release import ReleaseState, Settlement, VerdictKind

_WORDS: Final[Mapping[type[Enum], Mapping[Enum, str]]] = MappingProxyType(
    {
        FlagState: {
            FlagState.OPEN: marked("To be reviewed"),
            FlagState.WAITING: marked("Reviewed, waiting for others"),
            FlagState.SETTLED: marked("Settled"),
            FlagState.VOID: marked("Void"),
        },
        Urgency: {
            Urgency.ROUTINE: marked("Routine"),
            Urgency.RAISED: marked("Raised"),
            Urgency.URGENT: marked("Urgent"),
            Urgency.OVERDUE: marked("Overdue"),
        },
        VerdictKind: {
            VerdictKind.SAME_PERSON: marked("Same person"),
            VerdictKind.DIFFERENT_PERSON: marked("Different person"),
            VerdictKind.INCONCLUSIVE: marked("Inconclusive"),
        },
        Settlement: {
            Settlement.OPEN: marked("Not decided yet"),
            Settlement.THIRD: marked("The verdicts differ: one more reviewer decides"),
            Settlement.SAME_PERSON: marked("Same person"),
            Settlement.DIFFERENT_PERSON: marked("Different person"),
            Settlement.INCONCLUSIVE: marked("Inconclusive"),
        },
        ReleaseState: {
            ReleaseState.NOTHING_WAITS: marked("Nothing more is to be released."),
            ReleaseState.WAITING_FOR_REVIEWERS: marked("More is released when enough reviewers have confirmed."),
            ReleaseState.WAITING_FOR_THIRD: marked("More is released if the third reviewer confirms."),
            ReleaseState.WAITING_FOR_OWNER: marked("More is released when the owner of the entry agrees."),
            ReleaseState.RELEASED: marked("Released: what the agreement allows after review is shown below."),
            ReleaseState.REFUSED: marked("Withheld: it was not confirmed, or the owner has refused."),
            ReleaseState.LAPSED: marked("Lapsed: the time for it is over, and nothing more is released."),
        },
        WhyNot: {
            WhyNot.GIVEN: marked("You have given your verdict. It stays as it is."),
            WhyNot.AUTHOR: marked("You have entered this alert yourself, so others have to decide."),
            WhyNot.SETTLED: marked("As many as are needed have given their verdict."),
            WhyNot.VOID: marked("This candidate is void: there is nothing to decide any more."),
        },
        HistoryKind: {
            HistoryKind.OPENED: marked("Check made, flag opened"),
            HistoryKind.VERDICT: marked("Verdict"),
            HistoryKind.WAIVED: marked("Second reviewer waived"),
            HistoryKind.SETTLED: marked("Settled"),
            HistoryKind.RELEASED: marked("Released"),
            HistoryKind.RELEASE_GRANTED: marked("The owner has agreed to the release"),
            HistoryKind.RELEASE_REFUSED: marked("The owner has refused the release"),
            HistoryKind.AUTHORISED_AFTERWARDS: marked("Authorised afterwards"),
            HistoryKind.REFUSED_AFTERWARDS: marked("Not authorised afterwards"),
            HistoryKind.DUTY_SETTLED: marked("Done"),
            HistoryKind.DUTY_LAPSED: marked("Not done in time"),
            HistoryKind.ESCALATED: marked("Reminder sent"),
            HistoryKind.VOIDED: marked("Void: what was disclosed is purged"),
        },
        Missing: {
            Missing.VOID: marked("The candidate is void with its agreement: nothing of it is shown any more."),
            Missing.NOT_ALLOWED: marked("No clause of an agreement permits you to see this."),
            Missing.FORBIDDEN: marked("A clause forbids that you see this."),
            Missing.NOT_KEPT: marked(
                "What the checkpoint captured was not kept: no rule permits it, or its time is over."
            ),
            Missing.NOT_SENT: marked("The checkpoint has sent none."),
            Missing.WITHDRAWN: marked("The owner has withdrawn the entry."),
            Missing.NO_SAMPLE: marked("The entry has none."),
            Missing.NO_PORTRAIT: marked("The owner of the entry has not given a portrait."),
            Missing.AT_HOME: marked("Portraits of this entry stay with its owner; ask there."),
            Missing.NO_FACE: marked("No face can be found in the picture."),
            Missing.DAMAGED: marked("It is stored, but cannot be opened. Tell the operator."),
        },
        Side: {
            Side.PROBE: marked("At the checkpoint"),
            Side.ENTRY: marked("In the entry"),
        },
        Modality: {
            Modality.FACE: marked("Face"),
            Modality.FINGERPRINT: marked("Fingerprints"),
        },
        Band: {
            Band.NONE: marked("no meaning: strangers are this alike often"),
            Band.WEAK: marked("weak: one false match in 1,000 to 10,000 comparisons of different people"),
            Band.MODERATE: marked("moderate: one false match in 10,000 to 100,000 comparisons of different people"),
            Band.STRONG: marked("strong: one false match in 100,000 to 1,000,000 comparisons of different people"),
            Band.VERY_STRONG: marked(
                "very strong: less than one false match in a million comparisons of different people"
            ),
        },
        Position: {
            Position.UNKNOWN: marked("Finger, not said which"),
            Position.RIGHT_THUMB: marked("Right thumb"),
            Position.RIGHT_INDEX: marked("Right index finger"),
            Position.RIGHT_MIDDLE: marked("Right middle finger"),
            Position.RIGHT_RING: marked("Right ring finger"),
            Position.RIGHT_LITTLE: marked("Right little finger"),
            Position.LEFT_THUMB: marked("Left thumb"),
            Position.LEFT_INDEX: marked("Left index finger"),
            Position.LEFT_MIDDLE: marked("Left middle finger"),
            Position.LEFT_RING: marked("Left ring finger"),
            Position.LEFT_LITTLE: marked("Left little finger"),
        },
        ReasonCode: {
            ReasonCode.NO_FACE: marked("no face was found"),
            ReasonCode.SEVERAL_FACES: marked("more than one face: the largest was compared"),
            ReasonCode.FACE_TOO_SMALL: marked("the face is small"),
            ReasonCode.TOO_DARK: marked("the picture is dark"),
            ReasonCode.TOO_BRIGHT: marked("the picture is bright"),
            ReasonCode.TURNED_AWAY: marked("the face is turned away"),
            ReasonCode.LOW_CONFIDENCE: marked("the face is hard to make out: a miss is likelier"),
            ReasonCode.TOO_FEW_MINUTIAE: marked("few minutiae"),
            ReasonCode.TOO_SMALL_AREA: marked("a small part of the finger"),
            ReasonCode.IMPLAUSIBLE_DENSITY: marked("more minutiae than a finger has there"),
            ReasonCode.DUPLICATE_MINUTIAE: marked("minutiae are given twice"),
            ReasonCode.DOUBTFUL_RESOLUTION: marked("the resolution given is doubtful"),
        },
    }
)

VERDICT_MEANINGS: Final[Mapping[VerdictKind, str]] = MappingProxyType(
    {
        VerdictKind.SAME_PERSON: marked("What you see leaves no reasonable doubt."),
        VerdictKind.DIFFERENT_PERSON: marked("Something that you see cannot be of the same person."),
        VerdictKind.INCONCLUSIVE: marked("What you see is not enough for either."),
    }
)

DUTIES: Final[Mapping[Obligation, str]] = MappingProxyType(
    {
        Obligation.CONFIRM_WITHIN: marked("Confirmation by reviewers"),
        Obligation.RELEASE_BY_OWNER: marked("Release by the owner of the entry"),
        Obligation.EX_POST_AUTHORISATION: marked("Authorisation afterwards"),
        Obligation.ALWAYS_REVIEW: marked("Review of an emergency"),
        Obligation.NOTIFY_OWNER: marked("Word to the owner of the entry"),
    }
)
"""Duties that people, or the service, owe because of a candidate."""

STEPS: Final[Mapping[Step, str]] = MappingProxyType(
    {
        Step.HALF: marked("half of the time is gone"),
        Step.NEAR_END: marked("the time is nearly over"),
    }
)

LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": marked("nothing"),
        "hit": marked("that there is a hit"),
        "band": marked("how strong the match is, in words"),
        "score": marked("the score"),
        "reference": marked("the reference of the entry"),
        "alert": marked("the alert and the action to be taken"),
        "biographics": marked("the alert, the action to be taken and biographic data"),
    }
)

FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "family_name": marked("Family name"),
        "given_names": marked("Given names"),
        "birth_date": marked("Date of birth"),
        "nationality": marked("Nationality"),
        "sex": marked("Sex"),
        "documents": marked("Documents"),
    }
)
"""Biographic fields; one that is not here is shown by its own name."""


OTHERS: Final[Mapping[str, str]] = MappingProxyType(
    {kind.value: text for kind, text in _WORDS[VerdictKind].items()}
    | {duty.value: text for duty, text in DUTIES.items()}
    | dict(LEVELS)
    | {step.value: text for step, text in STEPS.items()}
)
"""What a line of the history may add."""


def word(member: Enum) -> str:
    """Return the source text for a member of a closed list."""
    return _WORDS[type(member)][member]


def lists() -> Mapping[type[Enum], Mapping[Enum, str]]:
    """Return the closed lists that have words."""
    return _WORDS
