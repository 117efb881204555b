"""An entry of the log as the tree knows it: what it commits to, in one form in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.audit import tree
from watchlists.feed.signing import canonical


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry.

    Args:
        number: from 1, without gaps; the index in the tree is one less.
        at: when it was written down: never before the entry in front of it.
        kind: of the event.
        partner: in whose name it was done; None for the operator of the node.
        keep_until: when its payload has to be deleted; None if it is kept. Before then it must not be gone.
        commitment: SHA-256 of the payload.
    """

    number: int
    at: datetime
    kind: str
    partner: str | None
    keep_until: datetime | None
    commitment: bytes

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "at": text_of(self.at),
            "commitment": self.commitment.hex(),
            "keep_until": None if self.keep_until is None else text_of(self.keep_until),
            "kind": self.kind,
            "number": self.number,
            "partner": self.partner,
        }

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Leaf:
        """Read what `plain` gave.

        Raises:
            ValueError: it is none.
        """
        try:
            until = plain["keep_until"]
            return cls(
                int(plain["number"]),
                moment_of(plain["at"]),
                str(plain["kind"]),
                plain["partner"],
                None if until is None else moment_of(until),
                bytes.fromhex(plain["commitment"]),
            )
        except (KeyError, TypeError):
            raise ValueError("an entry lacks a part") from None

    def hash(self) -> bytes:
        """Return its hash in the tree: of its canonical JSON."""
        return tree.leaf_hash(canonical(self.plain()))


def text_of(moment: datetime) -> str:
    """Return a moment in the one form that is hashed and signed: UTC, microseconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment_of(text: str) -> datetime:
    """Read what `text_of` gave.

    Raises:
        ValueError: it is no moment, or in another form.
    """
    moment = datetime.fromisoformat(text)
    if text_of(moment) != text:
        raise ValueError("a moment is in another form than it is signed in")
    return moment
