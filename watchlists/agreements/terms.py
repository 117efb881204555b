"""The terms of a disclosure: all duties of the rules that helped, the strictest where they differ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self, overload

from watchlists.agreements.duties import Duty, Obligation, Reviewers, ScoreForm, Value
from watchlists.agreements.obligations import SPECIFICATIONS

_TLP: Final = ("tlp-clear", "tlp-green", "tlp-amber", "tlp-amber-strict", "tlp-red")
"""Of Traffic Light Protocol 2.0, the strictest last."""
_UNRESTRICTED: Final = "europol-h0"
_RESTRICTED: Final = re.compile(r"europol-h[1-9]")


@dataclass(frozen=True, slots=True)
class Terms:
    """Duties by obligation, each once. Equal terms are equal whatever order they came in."""

    duties: tuple[Duty, ...] = ()

    @classmethod
    def merge(cls, duties: Iterable[Duty]) -> Self:
        """Join duties: what takes a value keeps the strictest of them."""
        merged: dict[Obligation, Value] = {}
        for obligation, value in ((duty.obligation, duty.value) for duty in duties):
            known = obligation in merged
            merged[obligation] = SPECIFICATIONS[obligation].stricter(merged[obligation], value) if known else value
        return cls(tuple(Duty(obligation, merged[obligation]) for obligation in sorted(merged)))

    def has(self, obligation: Obligation) -> bool:
        return any(duty.obligation is obligation for duty in self.duties)

    @overload
    def duration(self, obligation: Obligation) -> timedelta | None: ...
    @overload
    def duration(self, obligation: Obligation, otherwise: timedelta) -> timedelta: ...
    def duration(self, obligation: Obligation, otherwise: timedelta | None = None) -> timedelta | None:
        """The time that an obligation gives; `otherwise` if it is not among the terms."""
        value = self._value(obligation)
        return value if isinstance(value, timedelta) else otherwise

    def count(self, obligation: Obligation) -> int | None:
        value = self._value(obligation)
        return value if isinstance(value, int) else None

    def words(self, obligation: Obligation) -> tuple[str, ...]:
        """The words of an obligation; empty if it is not among the terms, or if no word is left of it."""
        value = self._value(obligation)
        return value if isinstance(value, tuple) else ()

    @property
    def reviewers(self) -> Reviewers:
        """Who must confirm; nobody, if the terms say nothing."""
        value = self._value(Obligation.REVIEWERS)
        return value if isinstance(value, Reviewers) else Reviewers(0)

    @property
    def score_form(self) -> ScoreForm:
        """The form of the score; tenths, unless a rule says otherwise."""
        value = self._value(Obligation.SCORE_FORM)
        return ScoreForm(value) if isinstance(value, str) else ScoreForm.TENTHS

    @property
    def codes(self) -> tuple[str, ...]:
        """The handling codes among the duties, sorted."""
        return tuple(duty.obligation.value for duty in self.duties if is_handling(duty.obligation.value))

    @property
    def texts(self) -> tuple[str, ...]:
        """The duties that are no handling codes, as a rule spells them."""
        return tuple(str(duty) for duty in self.duties if not is_handling(duty.obligation.value))

    def _value(self, obligation: Obligation) -> Value:
        return next((duty.value for duty in self.duties if duty.obligation is obligation), None)


NO_TERMS: Final = Terms()


def is_handling(word: str) -> bool:
    """Whether a word is a handling code, which travels with the data, and not a duty of whoever holds them."""
    return word.startswith(("tlp-", "europol-")) or "onward-transfer" in word


def strictest(codes: Iterable[str]) -> tuple[str, ...]:
    """Join handling codes: the strictest colour of the TLP, every Europol restriction, and all others.

    Europol's H1 to H3 restrict different things, so each stays; H0, which restricts nothing more, gives way to them.
    Codes of the TLP and of Europol are known by their lower-case names; a code in another spelling stays as it is.
    """
    found = dict.fromkeys(codes)
    colours = [code for code in _TLP if code in found]
    for weaker in colours[:-1]:
        del found[weaker]
    if any(_RESTRICTED.fullmatch(code) for code in found):
        found.pop(_UNRESTRICTED, None)
    if Obligation.NO_ONWARD_TRANSFER in found:
        found.pop(Obligation.ONWARD_TRANSFER_BY_CONSENT, None)
    return tuple(found)
