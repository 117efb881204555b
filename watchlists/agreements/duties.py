"""The words of obligations, and a duty: one of them with its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

UNITS: Final[Mapping[str, timedelta]] = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
"""Units of a duration. A year has 365 days: never longer than one of the calendar."""


class Obligation(StrEnum):
    """Every word there is; `SPECIFICATIONS` says what value it takes and where it may stand.

    TLP: FIRST, Traffic Light Protocol 2.0. H0 to H3: the handling codes of Europol information exchange (SIENA).
    """

    TLP_CLEAR = "tlp-clear"
    TLP_GREEN = "tlp-green"
    TLP_AMBER = "tlp-amber"
    TLP_AMBER_STRICT = "tlp-amber-strict"
    TLP_RED = "tlp-red"
    EUROPOL_H0 = "europol-h0"
    EUROPOL_H1 = "europol-h1"
    EUROPOL_H2 = "europol-h2"
    EUROPOL_H3 = "europol-h3"
    NO_ONWARD_TRANSFER = "no-onward-transfer"
    ONWARD_TRANSFER_BY_CONSENT = "onward-transfer-by-consent"

    JUSTIFY = "justify"
    QUOTA = "quota"
    OWNER_AUTHORISATION = "owner-authorisation"
    LOG_FOR = "log-for"
    LOG_FIELDS = "log-fields"
    LOG_REVIEW_EVERY = "log-review-every"

    SILENT_ALARM = "silent-alarm"
    DOWNGRADE = "downgrade"
    CANDIDATES = "candidates"
    SCORE_FORM = "score-form"
    FIELDS = "fields"
    MASK = "mask"
    PSEUDONYM = "pseudonym"

    REVIEWERS = "reviewers"
    CONFIRM_WITHIN = "confirm-within"
    RELEASE_BY_OWNER = "release-by-owner"
    NOTIFY_OWNER = "notify-owner"
    OWNER_LOG = "owner-log"
    ALWAYS_REVIEW = "always-review"
    EX_POST_AUTHORISATION = "ex-post-authorisation"

    RETAIN_AT_MOST = "retain-at-most"
    REVIEW_EVERY = "review-every"
    WARN_BEFORE = "warn-before"
    DELETE_AFTER_PURPOSE = "delete-after-purpose"
    MAJORITY_NOTICE = "majority-notice"
    COPIES_AT_MOST = "copies-at-most"
    KEEP_AT_MOST = "keep-at-most"
    KEPT_BY = "kept-by"
    ANSWER_WITHIN = "answer-within"
    CONSULT_OWNER = "consult-owner"
    NEITHER_CONFIRM_NOR_DENY = "neither-confirm-nor-deny"


class ScoreForm(StrEnum):
    """In which form a score goes out, finest first. `RAW` invites hill-climbing (docs/probing.md)."""

    RAW = "raw"
    TENTHS = "tenths"
    HALVES = "halves"
    WHOLE = "whole"
    BAND = "band"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Reviewers:
    """How many people must confirm, independently; and whether the second may be waived on a recorded legal ground."""

    count: int
    waivable: bool = False

    def __str__(self) -> str:
        return f"{self.count} waivable" if self.waivable else str(self.count)


Value = timedelta | int | str | tuple[str, ...] | Reviewers | None


@dataclass(frozen=True, slots=True)
class Duty:
    """One obligation with its value, such as `confirm-within(12 h)`."""

    obligation: Obligation
    value: Value = None

    def __str__(self) -> str:
        if self.value is None:
            return self.obligation.value
        return f"{self.obligation.value}({text_of(self.value)})"


def text_of(value: Value) -> str:
    """A value as it is written between the brackets."""
    if isinstance(value, timedelta):
        unit = next(unit for unit in ("y", "w", "d", "h", "min") if not value % UNITS[unit])
        return f"{value // UNITS[unit]} {unit}"
    return " ".join(value) if isinstance(value, tuple) else str(value)
