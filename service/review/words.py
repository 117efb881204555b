"""What reviewers write in their own words may name people: it is sealed for the partner that asked."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from service.identity import Caller
from service.review.cases import CaseFile
from watchlists.keys import KeyRing

SEALED_REASON: Final = "reason of a verdict"
SEALED_GROUND: Final = "ground of a waiver"


class Words:
    """Seals reasons and grounds, each for its candidate and its author, and opens them."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(self, connection: Connection, purpose: str, case: CaseFile, by: Caller, text: str) -> bytes:
        parts = case.id, by.partner, by.name
        return self._keys.seal_for(case.partner, purpose, text.encode(), *parts, connection=connection)

    def open(self, connection: Connection, purpose: str, case: CaseFile, by: tuple[str, str], sealed: bytes) -> str:
        """Return what `seal` was given; `by` is partner and name.

        Raises:
            SealBroken: it was changed.
        """
        return self._keys.open_for(case.partner, purpose, sealed, case.id, *by, connection=connection).decode()
