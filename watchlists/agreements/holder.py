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
        self._seen = self._state()
        self._book = self._load()

    @property
    def current(self) -> RuleBook:
        return self._book

    def follow(self) -> bool:
        """Load the folder again if a file in it changed since the last look; return whether that is in use now.

        A folder that changes while it is read is left for the next look: half a file can lack a forbid.

        Raises:
            AgreementInvalid: as `reload`; once for each change.
        """
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        book = self._load()
        if self._state() != state:  # still being written: the next look finds yet another state
            return False
        self._book = book
        return True

    def reload(self) -> RuleBook:
        """Load the folder again and swap; on an error the current rule book stays.

        Raises:
            AgreementInvalid: an agreement in the folder is not sound.
        """
        self._book = self._load()
        return self._book

    def _state(self) -> frozenset[tuple[str, int, int, int]]:
        """What changes with any file. The time of modification alone does not: archives and copies bring their own."""
        files = ((path, path.stat()) for path in self._folder.rglob("*") if path.is_file())
        return frozenset((str(path), found.st_mtime_ns, found.st_ctime_ns, found.st_size) for path, found in files)

    def _load(self) -> RuleBook:
        return RuleBook(load_agreements(self._folder))
