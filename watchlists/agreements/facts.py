"""Who asks about what, and the same in the form that Cedar reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

import cedarpy

from watchlists.agreements.actions import CHECKED, OF_A_CHECK, SEARCH, Deed
from watchlists.agreements.policies import cedar_schema
from watchlists.records import VisibilityClass

_REQUESTER: Final = {"type": "Requester", "id": "requester"}
_ALERT: Final = {"type": "Alert", "id": "alert"}
MEMO_ENTITIES: Final = 1_000
"""How many pairs of a requester and a class are remembered, some 11 KiB each."""

Attribute = str | bool | int | tuple[str, ...]

_OWN_CONTEXT: Final = frozenset(Deed) - OF_A_CHECK - {Deed.TAKE_ACTION}
"""Deeds whose context has nothing of a check's."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, and what for. Strings as the terminal sent them; a word that no agreement lists permits nothing.

    Args:
        partner: id of the asking partner, from its token.
        role: role of the token, such as "terminal".
        purpose: why the person is checked, such as "border-check".
        case_reference: the asking partner's file, where it gave one.
        checkpoint: where the person is checked.
        country: the state the partner acts for; its id, if not given.
        authority: what kind of authority the token is for, such as "border-guard".
        justified: which justifications came with the request, of `obligations.JUSTIFICATIONS`.
        authorised_by: owners that have authorised this purpose for this case beforehand.
        emergency: an emergency that was declared and has not ended.
        exercise: nothing of it is real; only entries for exercises are compared.
        exhausted: ids of agreements whose quota for the day is used up.
    """

    partner: str
    role: str
    purpose: str
    case_reference: str | None
    checkpoint: str
    country: str = ""
    authority: str = ""
    justified: frozenset[str] = frozenset()
    authorised_by: frozenset[str] = frozenset()
    emergency: bool = False
    exercise: bool = False
    exhausted: frozenset[str] = frozenset()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "country", self.country or self.partner)
        named = (self.partner, self.role, self.purpose, self.case_reference, self.checkpoint, self.country)
        sets = (self.justified, self.authorised_by, self.exhausted)
        object.__setattr__(self, "_hash", hash((named, self.authority, sets, self.emergency, self.exercise)))

    def __hash__(self) -> int:
        return self._hash  # reckoned once: requests are looked up for every candidate


class Answer(NamedTuple):
    """What Cedar says of the rules in a question, by their numbers.

    Args:
        met: those that hold.
        failed: those that could not be evaluated.
        unreadable: the question itself could not be read, so that none was evaluated.
    """

    met: frozenset[int]
    failed: frozenset[int]
    unreadable: bool = False


NO_ANSWER: Final = Answer(frozenset(), frozenset())


class Facts:
    """One request about one class, for all questions about them.

    `answers` holds what was asked already.

    Args:
        request: who asks.
        klass: what is asked for; `hidden_until` is set only while it hides the class.
        score: match score in tenths, for the actions that see something.

    Raises:
        ValueError: the words of either side cannot be put to Cedar, such as text that is not valid Unicode.
    """

    def __init__(self, request: Request, klass: VisibilityClass, score: int = 0) -> None:
        _check_readable(request, klass)
        self._sides = (request.partner, request.country, request.role, request.authority, klass)
        self._requester, self._alert = _requester(*self._sides[:4]), _alert(klass)
        check = {"purpose": request.purpose, "checkpoint": request.checkpoint}
        self._deed: dict[str, Any] = {**check, "emergency": request.emergency, "exercise": request.exercise}
        self._search = {**self._deed, "authorised": klass.owner in request.authorised_by}
        if request.case_reference is not None:
            self._search["case_reference"] = request.case_reference
        self._see = {**self._search, "score": f"{score // 10}.{score % 10}"}
        self.readable = _is_text((request.purpose, request.checkpoint, request.case_reference or ""))
        """Whether Cedar can read the context; it denies everything where it cannot."""
        self.answers: dict[object, Answer] = {}

    @property
    def entities(self) -> cedarpy.Entities:
        """Both sides in the form that Cedar reads."""
        return entities_of(*self._sides)

    def variables(self, action: str, more: Mapping[str, Any] | None = None) -> Mapping[str, Mapping[str, Any]]:
        """What conditions can read when an action is asked: attributes by variable. Arguments as of `question`."""
        return {"principal": self._requester, "resource": self._alert, "context": self._context(action, more or {})}

    def question(self, action: str, more: Mapping[str, Any] | None = None) -> dict[str, object]:
        """The question in Cedar's structured form, which it reads 17 us faster than its own syntax.

        Args:
            action: what is asked.
            more: what the action's context has beside that of the request.
        """
        return {
            "principal": _REQUESTER,
            "action": {"type": "Action", "id": action},
            "resource": _ALERT,
            "context": json.dumps(self._context(action, more or {})),
        }

    def _context(self, action: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
        if action in CHECKED:
            return self._search if action == SEARCH else self._see
        return more if action in _OWN_CONTEXT else {**self._deed, **more}


@lru_cache(maxsize=MEMO_ENTITIES)
def entities_of(partner: str, country: str, role: str, authority: str, klass: VisibilityClass) -> cedarpy.Entities:
    """Requester and alert. Remembered: what is compared is asked about once more for each score that it is hit with."""
    document = [
        {"uid": _REQUESTER, "attrs": _requester(partner, country, role, authority), "parents": []},
        {"uid": _ALERT, "attrs": _alert(klass), "parents": []},
    ]
    return cedarpy.Entities.from_json_str(json.dumps(document), cedar_schema())


def _requester(partner: str, country: str, role: str, authority: str) -> dict[str, Attribute]:
    return {"partner": partner, "country": country, "role": role, "authority": authority}


def _alert(klass: VisibilityClass) -> dict[str, Attribute]:
    conditions = klass.conditions
    alert: dict[str, Attribute] = {
        "owner": klass.owner,
        "watchlist": klass.watchlist,
        "category": klass.category,
        "action": klass.action,
        "handling": klass.handling,
        "excluded": conditions.excluded,
        "flagged_by": conditions.flagged_by,
        "hidden": conditions.hidden_until is not None,
        "age": conditions.age,
        "in_child_interest": conditions.in_child_interest,
        "contested": conditions.contested,
        "exercise": conditions.exercise,
    }
    if conditions.gravity is not None:
        alert["gravity"] = conditions.gravity
    return alert


def _check_readable(request: Request, klass: VisibilityClass) -> None:
    """Refuse what Cedar would: whether it is asked, or its answer is remembered, must make no difference."""
    conditions = klass.conditions
    asking = (request.partner, request.country, request.role, request.authority)
    alert = (klass.owner, klass.watchlist, klass.category, klass.action)
    if not _is_text((*asking, *alert, *klass.handling, *conditions.excluded, *conditions.flagged_by)):
        raise ValueError("a word of the requester or of the class is not valid text")
    if not -(1 << 63) <= (conditions.gravity or 0) < 1 << 63:
        raise ValueError("a gravity needs more than 64 bits")


def _is_text(words: Iterable[str]) -> bool:
    """Whether no word holds half a surrogate pair, which JSON can spell and Cedar cannot read."""
    text = "\0".join(words)
    if text.isascii():
        return True
    try:
        text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return False
    return True
