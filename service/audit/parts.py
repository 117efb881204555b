"""The part of the log that concerns a partner: a tree of its own entries alone, which each signed head commits to.

The tree of the whole log proves that an entry is there. That none was left out of what a partner is shown, it does not:
so a head commits to the **parts** as well. A part says how many entries were done in a partner's name, and is the root
of the tree over them, in their order; the parts of all partners, by name, are leaves of a tree whose root is in the
head. Whoever has all the entries of a part reckons its root, and whoever has a path to it proves that the head says so.

Nobody learns of others from it: a path is of hashes, and each has a root in it that follows from random bytes.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.audit import tree
from service.audit.signatures import Head, PublicKeys
from service.audit.tree import Frontier
from watchlists.feed.signing import canonical
from watchlists.schema import NODE


@dataclass(frozen=True, slots=True)
class Part:
    """What concerns one partner.

    Args:
        partner: whose; `NODE` for what was done in the name of none.
        size: how many entries.
        root: of the tree over them.
    """

    partner: str
    size: int
    root: bytes

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"partner": self.partner, "size": self.size, "root": self.root.hex()}

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Part:
        """Read what `plain` gave.

        Raises:
            ValueError: it is none.
        """
        try:
            return cls(str(plain["partner"]), int(plain["size"]), bytes.fromhex(plain["root"]))
        except (KeyError, TypeError):
            raise ValueError("a part lacks a part") from None

    def hash(self) -> bytes:
        """Return its hash in the tree of the parts: of its canonical JSON."""
        return tree.leaf_hash(canonical(self.plain()))


class Growing:
    """The parts of a log as it grows."""

    def __init__(self, frontiers: Mapping[str, Frontier] | None = None) -> None:
        self.frontiers = dict(frontiers or {})

    def add(self, partner: str | None, leaf: bytes) -> None:
        """Append the hash of an entry to the part of whoever did it."""
        self.frontiers.setdefault(partner or NODE, Frontier.empty()).grow(leaf)

    def root(self) -> bytes:
        """Return the root of the tree of the parts as they are now."""
        return parts_root(Part(name, edge.size, edge.root()) for name, edge in self.frontiers.items())


@dataclass(frozen=True, slots=True)
class ProvedPart:
    """A part with the proof that a signed head commits to it. It is proved without us, by `is_proved`.

    Args:
        part: which.
        head: that commits to it.
        place: from 0, among the parts of the head.
        count: of the parts.
        proof: the path.
    """

    part: Part
    head: Head
    place: int
    count: int
    proof: Sequence[bytes]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "part": self.part.plain(),
            "head": self.head.plain(),
            "place": self.place,
            "count": self.count,
            "proof": [step.hex() for step in self.proof],
        }

    @classmethod
    def read(cls, plain: dict[str, Any]) -> ProvedPart:
        """Read what `plain` gave.

        Raises:
            ValueError: it is none.
        """
        try:
            part, head = Part.read(plain["part"]), Head.read(plain["head"])
            proof = [bytes.fromhex(step) for step in plain["proof"]]
            return cls(part, head, int(plain["place"]), int(plain["count"]), proof)
        except (KeyError, TypeError):
            raise ValueError("the proof of a part lacks a part") from None

    def is_proved(self, keys: PublicKeys) -> bool:
        """Whether one of those keys has signed a head that commits to this part."""
        if self.head.parts is None or not self.head.is_signed(keys):
            return False
        return tree.is_included(self.part.hash(), self.place, self.count, self.proof, self.head.parts)

    def is_whole(self, leaves: Iterable[bytes]) -> bool:
        """Whether those are the hashes of all entries of the part, in order; more may follow, which are newer."""
        frontier = Frontier.empty()
        for leaf in leaves:
            if frontier.size == self.part.size:
                break
            frontier.grow(leaf)
        return (frontier.size, frontier.root()) == (self.part.size, self.part.root)


def prove_part(parts: Iterable[Part], partner: str, head: Head) -> ProvedPart | None:
    """Return the part of a partner with its proof; None if it has none.

    Args:
        parts: as they were when the head was signed.
        partner: whose.
        head: that commits to them.
    """
    ordered = _ordered(parts)
    place = next((number for number, part in enumerate(ordered) if part.partner == partner), None)
    if place is None:
        return None
    proof = tree.inclusion_proof(_Leaves([part.hash() for part in ordered]), place, len(ordered))
    return ProvedPart(ordered[place], head, place, len(ordered), proof)


def parts_root(parts: Iterable[Part]) -> bytes:
    """Return the root of the tree of those parts."""
    hashes = [part.hash() for part in _ordered(parts)]
    return tree.root(_Leaves(hashes), len(hashes))


def _ordered(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: part.partner)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """A small tree, of which only the leaves are kept."""

    hashes: Sequence[bytes]

    def node(self, level: int, index: int) -> bytes:
        frontier = Frontier.empty()
        for each in self.hashes[index << level : (index + 1) << level]:
            frontier.grow(each)
        return frontier.root()
