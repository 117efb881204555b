"""How templates write values: moments in UTC, distances in time, numbers, ids, and the words of closed lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from babel.dates import format_timedelta
from babel.numbers import format_compact_decimal, format_decimal
from jinja2 import Environment
from markupsafe import Markup

from service.pages.desk import words
from service.pages.desk.drawing import GAP
from service.pages.desk.handling import code_of
from service.pages.translation import Language
from service.review.comparison import Absent, Side
from service.review.views import HistoryLine
from watchlists.agreements.release import ReleaseState, Settlement

MILLION: Final = 1_000_000
SHORT: Final = 8
"""Hexadecimal digits of an id that people call a flag by."""


def install(environment: Environment, language: Language) -> None:
    """Give the templates of one language what they write values with."""
    writers: dict[str, Callable[..., object]] = {
        "moment": _moment,
        "distance": lambda distance: _distance(distance, language),
        "decimal": lambda number: format_decimal(number, format="#,##0.0", locale=language.locale),
        "many": lambda number: _many(number, language),
        "px": lambda length: f"{length:.1f}".removesuffix(".0"),
        "short": lambda id_: str(id_)[:SHORT],
        "handling_code": code_of,
    }
    environment.filters.update(writers)
    environment.tests["absent"] = lambda value: isinstance(value, Absent)
    environment.globals |= {
        "word": words.word,
        "sides": Side,
        "releases": ReleaseState,
        "settlements": Settlement,
        "gap": GAP,
        "levels": words.LEVELS,
        "duties": words.DUTIES,
        "biographic": words.FIELDS,
        "history_word": history_word,
    }


def history_word(line: HistoryLine) -> str:
    """Return the source text for what a line of the history adds; what has none stays as it is."""
    return words.OTHERS.get(line.word or "", line.word or "")


def short(id_: UUID) -> str:
    """Return what people call a flag by."""
    return str(id_)[:SHORT]


def _moment(at: datetime) -> Markup:
    utc = at.astimezone(UTC)
    machine, human = utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(machine, human)


def _many(number: int, language: Language) -> str:
    """Write a large number to two digits, from a million on in words; more would pretend to a false precision."""
    unit = 10 ** max(0, len(str(number)) - 2)
    rounded = number // unit * unit
    if rounded < MILLION:
        return format_decimal(rounded, locale=language.locale)
    return format_compact_decimal(rounded, format_type="long", locale=language.locale, fraction_digits=1)


def _distance(distance: timedelta, language: Language) -> str:
    """Write how far away a moment is, such as "in 3 hours"."""
    return format_timedelta(distance, add_direction=True, locale=language.locale)
