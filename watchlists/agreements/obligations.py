"""What a rule asks of those who receive the data: the closed list of words that `@obligations("...")` may hold.

Cedar itself knows no obligations; it answers yes or no. A rule therefore carries them as an annotation, and a word that
is not listed here refuses the whole agreement: an obligation that nobody reads would be a promise that nobody keeps.
For the same reason each word says which actions it may stand on: elsewhere nobody would look for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from watchlists.agreements.actions import CHECKED, SEARCH, Deed
from watchlists.agreements.duties import UNITS, Duty, Obligation, Reviewers, ScoreForm, Value, text_of


@dataclass(frozen=True, slots=True)
class Specification:
    """What value an obligation takes, which of two values is the stricter, and on which actions it may stand."""

    read: Callable[[str], Value]
    stricter: Callable[[Any, Any], Any]
    actions: frozenset[str]
    form: str = ""


LONGEST: Final = 100 * UNITS["y"]
"""The longest duration that a rule may name: a moment that far ahead is still one that a calendar has."""
HALF_A_YEAR: Final = 26 * UNITS["w"]
"""The longest time between two reviews of the logs: a treaty may ask for more of them, and not for fewer."""
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4}) ?(min|h|d|w|y)")
_NAME: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_WORD: Final = re.compile(r"\s*([a-z0-9-]+)\s*(?:\(([^()]*)\)\s*)?(?:,|$)")


def parse_obligations(text: str) -> tuple[Duty, ...]:
    """Read the value of an `@obligations` annotation: words separated by commas, at least one, none twice.

    Raises:
        ValueError: a word is unknown, empty or repeated, or its value is missing or wrong; the message names it.
    """
    duties: list[Duty] = []
    position = 0
    while position < len(text) or not duties:
        found = _WORD.match(text, position)
        if found is None:
            raise ValueError(f"obligations are words with commas between them, not {text[position:].strip()!r}")
        duties.append(_read_duty(found[1], found[2]))
        position = found.end()
    if text.rstrip().endswith(","):
        raise ValueError("obligations end in a comma")
    if len({duty.obligation for duty in duties}) != len(duties):
        raise ValueError("the same obligation is named twice")
    return tuple(duties)


def check_place(duties: tuple[Duty, ...], actions: frozenset[str]) -> None:
    """Check that each obligation stands where it is looked for.

    Raises:
        ValueError: one would never be read.
    """
    for duty in duties:
        allowed = SPECIFICATIONS[duty.obligation].actions
        if not actions <= allowed:
            places = ", ".join(f'"{action}"' for action in sorted(allowed))
            raise ValueError(f"the obligation {duty.obligation} has no effect here; it may stand on {places}")


def _read_duty(word: str, value: str | None) -> Duty:
    if word not in Obligation.__members__.values():
        raise ValueError(f"unknown obligation {word!r}; the known ones are {', '.join(Obligation)}")
    obligation = Obligation(word)
    specification = SPECIFICATIONS[obligation]
    try:
        return Duty(obligation, specification.read(value.strip() if value is not None else ""))
    except ValueError as error:
        raise ValueError(f"{word}: {error}; write {word}{specification.form}") from error


def _nothing(text: str) -> None:
    if text:
        raise ValueError("it takes no value")


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("a duration is a whole number and min, h, d, w or y")
    duration = int(found[1]) * UNITS[found[2]]
    if duration > LONGEST:
        raise ValueError(f"no duration is longer than {text_of(LONGEST)}")
    return duration


def _duration_of_at_most(longest: timedelta) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        duration = _duration(text)
        if duration > longest:
            raise ValueError(f"{text_of(longest)} is the longest")
        return duration

    return read


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise ValueError("a positive whole number is needed")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split())
    if not names or not all(_NAME.fullmatch(name) for name in names) or len(set(names)) != len(names):
        raise ValueError("words separated by blanks are needed, none twice")
    return names


def _names_of(*known: str) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        names = _names(text)
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(known)}")
        return names

    return read


def _score_form(text: str) -> str:
    if text not in ScoreForm.__members__.values():
        raise ValueError(f"{text!r} is not one of {', '.join(ScoreForm)}")
    return text


def _reviewers(text: str) -> Reviewers:
    found = re.fullmatch(r"(1|2)( waivable)?", text)
    if found is None or text == "1 waivable":
        raise ValueError("one or two reviewers, of two the second may be waivable")
    return Reviewers(int(found[1]), waivable=bool(found[2]))


def _either(one: Any, _: Any) -> Any:
    return one


def _coarsest(one: Any, other: Any) -> Any:
    return max(one, other, key=list(ScoreForm).index)


def _common(one: Any, other: Any) -> Any:
    return tuple(name for name in one if name in other)


def _both(one: Any, other: Any) -> Any:
    return tuple(dict.fromkeys((*one, *other)))


def _most_reviewers(one: Any, other: Any) -> Any:
    return Reviewers(max(one.count, other.count), one.waivable and other.waivable)


SUBJECT_FIELDS: Final = ("family_name", "given_names", "birth_date", "nationality", "documents")
JUSTIFICATIONS: Final = ("case-reference", "justification")
LOG_FIELDS: Final = ("purpose", "case_digest", "checkpoint", "gallery_sequence", "samples")
"""What a log may leave out at a rule's wish; who, when, what was disclosed and by which clause always stays
(Directive (EU) 2016/680, Art. 25)."""

_SEARCH: Final = frozenset({SEARCH})
_ENTER: Final = frozenset({Deed.ENTER.value})
_TO_HANDLE: Final = CHECKED | {Deed.COPY.value, Deed.TRANSFER.value}


def _plain(actions: frozenset[str]) -> Specification:
    return Specification(_nothing, _either, actions)


def _time(actions: frozenset[str], form: str) -> Specification:
    return Specification(_duration, min, actions, f"({form})")


SPECIFICATIONS: Final[Mapping[Obligation, Specification]] = {
    **{
        code: _plain(_TO_HANDLE)
        for code in Obligation
        if code.startswith(("tlp-", "europol-")) or "onward-transfer" in code
    },
    Obligation.JUSTIFY: Specification(_names_of(*JUSTIFICATIONS), _both, _SEARCH, "(case-reference justification)"),
    Obligation.QUOTA: Specification(_count, min, _SEARCH, "(1000)"),
    Obligation.OWNER_AUTHORISATION: _plain(_SEARCH),
    Obligation.LOG_FOR: _time(_SEARCH, "3 y"),
    Obligation.LOG_FIELDS: Specification(_names_of(*LOG_FIELDS), _common, _SEARCH, "(purpose checkpoint)"),
    Obligation.LOG_REVIEW_EVERY: Specification(_duration_of_at_most(HALF_A_YEAR), min, _SEARCH, "(26 w)"),
    Obligation.SILENT_ALARM: _plain(CHECKED),
    Obligation.DOWNGRADE: Specification(_names, _common, CHECKED, "(specific-check inquiry-check discreet-check)"),
    Obligation.CANDIDATES: Specification(_count, min, CHECKED, "(5)"),
    Obligation.SCORE_FORM: Specification(_score_form, _coarsest, CHECKED, "(halves)"),
    Obligation.FIELDS: Specification(_names_of(*SUBJECT_FIELDS), _common, CHECKED, "(family_name birth_date)"),
    Obligation.MASK: Specification(_names_of(*SUBJECT_FIELDS), _both, CHECKED, "(documents)"),
    Obligation.PSEUDONYM: _plain(CHECKED),
    Obligation.REVIEWERS: Specification(_reviewers, _most_reviewers, CHECKED, "(2) or (2 waivable)"),
    Obligation.CONFIRM_WITHIN: _time(CHECKED, "12 h"),
    Obligation.RELEASE_BY_OWNER: _time(CHECKED, "24 h"),
    Obligation.NOTIFY_OWNER: _plain(CHECKED),
    Obligation.OWNER_LOG: _plain(CHECKED),
    Obligation.ALWAYS_REVIEW: _plain(CHECKED),
    Obligation.EX_POST_AUTHORISATION: _time(CHECKED, "48 h"),
    Obligation.RETAIN_AT_MOST: _time(_ENTER, "3 y"),
    Obligation.REVIEW_EVERY: _time(_ENTER, "1 y"),
    Obligation.WARN_BEFORE: Specification(_duration, max, _ENTER, "(30 d)"),
    Obligation.DELETE_AFTER_PURPOSE: _time(_ENTER, "30 d"),
    Obligation.MAJORITY_NOTICE: _plain(_ENTER),
    Obligation.COPIES_AT_MOST: _time(frozenset({Deed.COPY.value}), "72 h"),
    Obligation.KEEP_AT_MOST: _time(frozenset({Deed.KEEP_PROBE.value}), "24 h"),
    Obligation.KEPT_BY: Specification(
        _names_of("asker", "owner"), _common, frozenset({Deed.KEEP_PROBE.value}), "(asker)"
    ),
    Obligation.ANSWER_WITHIN: _time(frozenset({Deed.REPORT_ERROR.value, Deed.ANSWER_SUBJECT.value}), "14 d"),
    Obligation.CONSULT_OWNER: _time(frozenset({Deed.ANSWER_SUBJECT.value}), "7 d"),
    Obligation.NEITHER_CONFIRM_NOR_DENY: _plain(frozenset({Deed.ANSWER_SUBJECT.value})),
}
