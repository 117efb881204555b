"""How much of an alert is disclosed, on what terms, and the mask that cuts a candidate down to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor, isfinite
from types import MappingProxyType
from typing import Any, Final, TypedDict

from watchlists.agreements.actions import Extra
from watchlists.agreements.duties import Obligation, ScoreForm
from watchlists.agreements.levels import Level
from watchlists.agreements.terms import NO_TERMS, Terms

NO_ACTION: Final = "none"
"""The action of an alert that the asking partner may not carry out, nor any of its substitutes."""

FIELD_LEVEL: Final[Mapping[str, Level]] = MappingProxyType(
    {
        "band": Level.BAND,
        "score": Level.SCORE,
        "reference": Level.REFERENCE,
        "alert": Level.ALERT,
        "subject": Level.BIOGRAPHICS,
    }
)
"""The lowest level that discloses each field of a candidate. A field that is not in this table is never disclosed."""

_STEPS: Final = {ScoreForm.TENTHS: 10, ScoreForm.HALVES: 2, ScoreForm.WHOLE: 1}


@dataclass(frozen=True, slots=True, order=True)
class Clause:
    """A clause that decided: the `@id` of a rule in one version of an agreement, and the article it cites, if any."""

    agreement: str
    version: int
    clause: str
    cites: str | None = None

    @property
    def source(self) -> str:
        """The version of the agreement that it stands in, as `id@version`."""
        return f"{self.agreement}@{self.version}"


@dataclass(frozen=True, slots=True)
class Later:
    """What may be seen once people have confirmed or the owner has released it; it includes what is seen at once."""

    level: Level
    handling: tuple[str, ...]
    decided_by: tuple[Clause, ...]
    terms: Terms
    extras: frozenset[Extra] = frozenset()


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What the asking partner may see of one candidate, how it must be handled, and which clauses said so.

    Args:
        level: what is seen at once.
        handling: codes that travel with every field.
        terms: the duties that come with what is seen at once.
        later: what is seen after a confirmation, if that is more.
        silent: the terminal sees nothing of it, now or later: as if there were no candidate. The supervisor does.
        action: what the asking side is to do, after flags and substitutes; `NO_ACTION` if nothing.
        extras: what is seen beside the level.
        priority: of the alert among others about one person, 0 first.
    """

    level: Level
    handling: tuple[str, ...] = ()
    decided_by: tuple[Clause, ...] = ()
    terms: Terms = NO_TERMS
    later: Later | None = None
    silent: bool = False
    action: str = NO_ACTION
    extras: frozenset[Extra] = frozenset()
    priority: int = 0

    @property
    def known(self) -> bool:
        """Whether anybody at all may know of the candidate, be it later."""
        return self.level is not Level.NONE or self.later is not None

    @property
    def shown(self) -> Level:
        """What the terminal sees."""
        return Level.NONE if self.silent else self.level

    @property
    def duties(self) -> Terms:
        """The terms of everything that may be seen, now or later."""
        return self.terms if self.later is None else self.later.terms

    @property
    def deciding(self) -> tuple[Clause, ...]:
        """The clauses behind everything that may be seen, now or later."""
        return self.decided_by if self.later is None else tuple(dict.fromkeys(self.decided_by + self.later.decided_by))


NOTHING: Final = Disclosure(Level.NONE)


@dataclass(frozen=True, slots=True)
class FullCandidate:
    """Everything that is known of a candidate before the rules are applied. Never leaves the service as it is.

    Args:
        score: match score, -log10(FMR).
        band: the score in a word.
        reference: the owner's identifier of the entry.
        pseudonym: what stands for the reference where a rule hides it.
        category: what the alert is about.
        subject: biographic fields by name.
        links, misused_identity: what is seen beside the levels, None if there is nothing.
    """

    score: float
    band: str
    reference: str
    category: str
    subject: Mapping[str, Any]
    pseudonym: str = ""
    links: tuple[Mapping[str, str], ...] = ()
    misused_identity: Mapping[str, Any] | None = field(default=None, repr=False)


class MaskedCandidate(TypedDict):
    """What the asking partner gets; `None` where the level or the terms hide a field."""

    level: str
    band: str | None
    score: float | None
    reference: str | None
    alert: dict[str, str] | None
    subject: dict[str, Any] | None
    links: list[dict[str, str]] | None
    misused_identity: dict[str, Any] | None
    handling: list[str]
    duties: list[str]
    decided_by: list[dict[str, str | int | None]]


def tenths(score: float) -> int:
    """Cut a match score (-log10 FMR) to whole tenths, at least 0: rules read, and answers show, the same figure.

    Cut and not rounded, so that a rule that asks for 4.0 is not met by 3.96. Fine steps of a raw score would let
    somebody climb it from probe to probe. The millionth makes up for binary fractions: 0.3 is just below three tenths.

    Raises:
        ValueError: the score is not finite.
    """
    if not isfinite(score):
        raise ValueError("a match score must be a finite number")
    return max(0, floor(score * 10 + 1e-6))


def mask(disclosure: Disclosure, candidate: FullCandidate) -> MaskedCandidate:
    """Keep of a candidate what the disclosure shows at once: by its level, the table `FIELD_LEVEL` and its terms.

    Raises:
        ValueError: the level is `NONE`; such a candidate is left out of the answer, not shown empty.
    """
    level, terms = disclosure.level, disclosure.terms
    if level is Level.NONE:
        raise ValueError("a candidate of level none is left out, not masked")

    def seen(name: str) -> bool:
        return level >= FIELD_LEVEL[name]

    def also(extra: Extra) -> bool:
        return extra in disclosure.extras

    reference = candidate.pseudonym if terms.has(Obligation.PSEUDONYM) else candidate.reference
    misused = candidate.misused_identity if also(Extra.MISUSED_IDENTITY) else None
    return MaskedCandidate(
        level=level.word,
        band=candidate.band if seen("band") and terms.score_form is not ScoreForm.NONE else None,
        score=shown_score(candidate.score, terms.score_form) if seen("score") else None,
        reference=reference if seen("reference") else None,
        alert={"category": candidate.category, "action": disclosure.action} if seen("alert") else None,
        subject=allowed_fields(candidate.subject, terms) if seen("subject") else None,
        links=[dict(link) for link in candidate.links] if also(Extra.LINKS) else None,
        misused_identity=None if misused is None else allowed_fields(misused, terms),
        handling=list(disclosure.handling),
        duties=list(terms.texts),
        decided_by=[
            {"agreement": by.agreement, "version": by.version, "clause": by.clause, "cites": by.cites}
            for by in disclosure.decided_by
        ],
    )


def shown_score(score: float, form: ScoreForm) -> float | None:
    """A score in the form that the terms ask for, cut down to it; None where they allow no figure."""
    if form is ScoreForm.RAW:
        return score
    if form not in _STEPS:
        return None
    step = 10 // _STEPS[form]
    return tenths(score) // step * step / 10


def allowed_fields(subject: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """The biographic fields that the terms leave: those of `fields(...)`, or all, without those of `mask(...)`."""
    kept = terms.words(Obligation.FIELDS) if terms.has(Obligation.FIELDS) else tuple(subject)
    hidden = terms.words(Obligation.MASK)
    return {name: value for name, value in subject.items() if name in kept and name not in hidden}
