"""What the bearer of a token may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    TERMINAL = "terminal"
    SYNC = "sync"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    OPERATOR = "operator"
