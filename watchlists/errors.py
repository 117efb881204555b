"""Errors of the watchlist side, part of the project's one error tree."""

from __future__ import annotations

from models.errors import CrosscheckError


class AgreementInvalid(CrosscheckError):
    """An agreement's folder cannot be used; nothing of it takes effect, and what was in force before stays so.

    Args:
        file: the file that is wrong, as `folder/name`.
        reason: what is wrong with it.
        line: the line in `file`, from 1, where it is known.
    """

    slug = "agreement-invalid"
    hint = "Mend the file and load the agreements again; until then those in force before stay in force."

    def __init__(self, file: str, reason: str, *, line: int | None = None, hint: str | None = None) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {reason}", hint=hint)
        self.file = file
        self.line = line
        self.reason = reason
