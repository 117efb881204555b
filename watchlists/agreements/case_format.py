"""The format of `cases.yaml`: what a lawyer writes, checked key by key (docs/agreements.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from models.samples import ReasonCode
from watchlists.agreements.actions import WITHOUT_PURPOSE, Deed, Extra
from watchlists.agreements.duties import Duty
from watchlists.agreements.facts import Request
from watchlists.agreements.findings import Why
from watchlists.agreements.levels import Level
from watchlists.agreements.obligations import JUSTIFICATIONS, parse_obligations
from watchlists.agreements.vocabulary import ROLES
from watchlists.records import Age, Conditions, VisibilityClass

DEFAULT_SCORE: Final = 6.0
DEFAULT_ACTION: Final = "inform-officer"
NOTHING_WORD: Final = "nothing"


def _level(word: Any) -> Any:
    """Level `none` is called nothing: what a partner sees."""
    levels = {NOTHING_WORD: Level.NONE, **{level.word: level for level in Level if level}}
    if word not in levels:
        raise ValueError(f"a level is one of {', '.join(levels)}")
    return levels[word]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _role(word: str) -> str:
    if word not in ROLES:
        raise ValueError(f"a role is one of {', '.join(sorted(ROLES))}")
    return word


def _zoned(text: Any) -> Any:
    """A moment is spelt out: a bare number would be read as seconds since 1970."""
    if isinstance(text, str) and "T" not in text:
        raise ValueError("a moment has date, time and zone, such as 2026-07-01T00:00:00Z")
    return text


def _spelt_out(at: datetime) -> datetime:
    if not 1900 <= at.year < 9999:
        raise ValueError("the year must be between 1900 and 9998")
    return at


def _duties(value: Any) -> list[Duty]:
    texts = _listed(value)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("duties are a list of obligations")
    return [duty for text in texts for duty in parse_obligations(text)]


Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Words = Annotated[list[Word], BeforeValidator(_listed)]
Moment = Annotated[AwareDatetime, BeforeValidator(_zoned), AfterValidator(_spelt_out)]
SeenLevel = Annotated[Level, BeforeValidator(_level)]


class _Block(BaseModel):
    """Keys are spelt with hyphens; those that are not known are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


class Asks(_Block):
    """Who asks, and what for."""

    partner: Word
    purpose: Word | None = None
    role: Annotated[Word, AfterValidator(_role)] = "terminal"
    authority: Word | Literal[""] = ""
    country: Word | Literal[""] = ""
    checkpoint: Word = "GATE-1"
    case_reference: Text | None = None
    justification: Text | None = None
    authorised: bool = False
    emergency: bool = False
    exercise: bool = False
    quota_used_up: bool = False

    def request(self, owner: str, agreement: str) -> Request:
        """As the rule book reads it. `authorised` is by the owner of the entry; the quota is that of `agreement`."""
        given = {"case-reference": self.case_reference, "justification": self.justification}
        return Request(
            partner=self.partner,
            role=self.role,
            purpose=self.purpose or "",
            case_reference=self.case_reference,
            checkpoint=self.checkpoint,
            country=self.country,
            authority=self.authority,
            justified=frozenset(name for name in JUSTIFICATIONS if given[name] is not None),
            authorised_by=frozenset({owner} if self.authorised else ()),
            emergency=self.emergency,
            exercise=self.exercise,
            exhausted=frozenset({agreement} if self.quota_used_up else ()),
        )


class About(_Block):
    """An entry like this."""

    owner: Word
    category: Word
    action: Word = DEFAULT_ACTION
    watchlist: Word | None = None
    handling: Words = []
    excluded: Words = []
    flagged_by: Words = []
    hidden_until: Moment | None = None
    age: Age = Age.UNKNOWN
    in_child_interest: bool = False
    gravity: Annotated[int, Field(ge=0, lt=10_000)] | None = None
    contested: bool = False
    exercise: bool = False

    def klass(self) -> VisibilityClass:
        """The visibility class of the entry."""
        conditions = Conditions(
            excluded=tuple(self.excluded),
            flagged_by=tuple(self.flagged_by),
            hidden_until=self.hidden_until,
            age=self.age,
            in_child_interest=self.in_child_interest,
            gravity=self.gravity,
            contested=self.contested,
            exercise=self.exercise,
        )
        watchlist = self.watchlist or f"{self.owner}-list"
        return VisibilityClass(self.owner, watchlist, self.category, self.action, tuple(self.handling), conditions)


class With(_Block):
    """What else a deed comes with.

    Args:
        others: categories in which the owner has already entered the same person.
    """

    action: Word | None = None
    recipient: Word | Literal[""] = ""
    recipient_country: Word | Literal[""] = ""
    consent: bool = False
    warnings: Annotated[list[ReasonCode], BeforeValidator(_listed)] = []
    faces: Annotated[int, Field(ge=0, lt=1000)] = 1
    fingers: Annotated[int, Field(ge=0, lt=1000)] = 0
    others: Words = []


CONTEXT_OF: Final = {
    Deed.TAKE_ACTION: ("action",),
    Deed.TRANSFER: ("recipient", "recipient_country", "consent"),
    Deed.ENTER: ("warnings", "faces", "fingers", "others"),
}
"""What each deed may come with."""


class Expect(_Block):
    """What the parties agreed must happen. What is not named is not looked at, except `later` and `silent`."""

    level: SeenLevel | None = None
    later: SeenLevel = Level.NONE
    silent: bool = False
    action: Word | None = None
    handling: Words | None = None
    duties: Annotated[list[Any], BeforeValidator(_duties)] = []
    extras: Annotated[list[Extra], BeforeValidator(_listed)] | None = None
    because: Words = []
    why: Annotated[list[Why], BeforeValidator(_listed)] = []
    allowed: bool | None = None


class CaseText(_Block):
    """One case as it is written."""

    case: Text
    clause: Annotated[Words, Field(min_length=1)]
    asks: Asks
    about: About
    deed: Deed | None = None
    with_: Annotated[With, Field(alias="with")] = With()
    score: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = DEFAULT_SCORE
    at: Moment | None = None
    expect: Expect

    @model_validator(mode="after")
    def _fits_together(self) -> CaseText:
        if self.asks.purpose is None and self.deed not in WITHOUT_PURPOSE:
            raise ValueError("asks: say the purpose")
        known = {name.replace("_", "-") for name in CONTEXT_OF.get(self.deed, ())} if self.deed else set[str]()
        given = {name.replace("_", "-") for name in self.with_.model_fields_set}
        if strange := sorted(given - known):
            raise ValueError(f"with: {strange[0]} does not belong to {self.deed or 'a hit'}")
        self._check_expectation()
        return self

    def _check_expectation(self) -> None:
        """A deed is allowed or not; of a hit, a level is seen."""
        of_a_hit = self.expect.model_fields_set & {"level", "later", "silent", "action", "extras", "why"}
        if self.deed is None and (self.expect.level is None or self.expect.allowed is not None):
            raise ValueError("expect: of a hit, say the level (nothing, hit, ...), and not allowed")
        if self.deed is not None and (self.expect.allowed is None or of_a_hit):
            raise ValueError("expect: of a deed, say allowed: true or false, and no level, later, silent, action, why")
