"""The rule book in use, and how a new one takes its place: all of it at once, or not at all."""

from __future__ import annotations

from pathlib import Path

from watchlists.agreements.decide import RuleBook
from watchlists.agreements.load import load_agreements


class RuleBookHolder:
    """Holds the current rule book. A check takes `current` once and keeps it to its end, so it never mixes versions.

    Raises:
        AgreementInvalid: an agreement in the folder is not sound.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._book = RuleBook(load_agreements(folder))

    @property
    def current(self) -> RuleBook:
        return self._book

    def reload(self) -> RuleBook:
        """Load the folder again and swap; on an error the current rule book stays.

        Raises:
            AgreementInvalid: an agreement in the folder is not sound.
        """
        self._book = RuleBook(load_agreements(self._folder))
        return self._book
