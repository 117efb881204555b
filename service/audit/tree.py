"""The Merkle tree of RFC 9162 (section 2.1; the same as that of RFC 6962): hashes, roots, proofs, and what they prove.

Pure. A tree is named by its size alone: nothing in it ever changes, so that the first n leaves are the tree of size n
for ever. Leaves are counted from 0, levels of nodes from 0 (the leaves).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf. No leaf has the hash of a node: they are hashed with different first bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node above two others."""
    return sha256(b"\x01" + left + right).digest()


class Node(NamedTuple):
    """A complete subtree: of the 2**level leaves from place * 2**level on."""

    level: int
    place: int
    hash: bytes


@dataclass(slots=True)
class Frontier:
    """The edge at which a tree grows: its complete subtrees, the largest first, as the binary digits of its size.

    To append a leaf costs two hashes on average, and one for each level at most.
    """

    size: int
    hashes: list[bytes]

    @classmethod
    def empty(cls) -> Frontier:
        return cls(0, [])

    @classmethod
    def of_bytes(cls, size: int, joined: bytes) -> Frontier:
        """Read what `to_bytes` gave.

        Raises:
            ValueError: that is not as long as a tree of this size has it.
        """
        if size < 0 or len(joined) != size.bit_count() * HASH_SIZE:
            raise ValueError(f"{len(joined)} bytes are no frontier of a tree of size {size}")
        return cls(size, [joined[at : at + HASH_SIZE] for at in range(0, len(joined), HASH_SIZE)])

    def to_bytes(self) -> bytes:
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> Iterator[Node]:
        """Append the hash of a leaf; yield the nodes that are complete with it, the leaf first. Read it to the end."""
        index, level, node = self.size, 0, leaf
        yield Node(0, index, node)
        while index & 1:
            node = node_hash(self.hashes.pop(), node)
            index, level = index >> 1, level + 1
            yield Node(level, index, node)
        self.hashes.append(node)
        self.size += 1

    def grow(self, leaf: bytes) -> None:
        """Append the hash of a leaf."""
        for _ in self.append(leaf):
            pass

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return _joined(self.hashes)


class Nodes(Protocol):
    """Where the hashes of complete subtrees come from."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""
        ...


def root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the tree of that size."""
    return _range_hash(nodes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the proof that a leaf is in the tree of `size`: PATH of RFC 9162, 2.1.3.1.

    Raises:
        ValueError: that tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of size {size} has no leaf {index}")
    path, begin, end = list[bytes](), 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range_hash(nodes, middle, end))
            end = middle
        else:
            path.append(_range_hash(nodes, begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(nodes: Nodes, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of size `first` is the beginning of that of `second`: PROOF of RFC 9162, 2.1.4.1.

    It is empty where there is nothing to prove: from the empty tree, or to the same size.

    Raises:
        ValueError: the first is larger.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of size {first} is not the beginning of one of size {second}")
    if first in (0, second):
        return []
    path, begin, end, is_whole = list[bytes](), 0, second, True
    while first - begin != end - begin:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append(_range_hash(nodes, middle, end))
            end = middle
        else:
            path.append(_range_hash(nodes, begin, middle))
            begin, is_whole = middle, False
    if not is_whole:
        path.append(_range_hash(nodes, begin, end))
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` proves that `leaf` is leaf `index` of the tree of `size` with that root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, reached = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            reached = node_hash(step, reached)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            reached = node_hash(reached, step)
        place, last = place >> 1, last >> 1
    return last == 0 and reached == root


def is_consistent(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` proves that the first tree is the beginning of the second (RFC 9162, 2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    steps = list(proof) if first & (first - 1) else [first_root, *proof]
    if not steps:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, step)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(count: int) -> int:
    """Return the largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def _range_hash(nodes: Nodes, begin: int, end: int) -> bytes:
    """Return the hash over leaves `begin` to `end`, of which `begin` is aligned as it is in a tree."""
    hashes = list[bytes]()
    while begin < end:
        level = (end - begin).bit_length() - 1
        hashes.append(nodes.node(level, begin >> level))
        begin += 1 << level
    return _joined(hashes)


def _joined(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    reached = hashes[-1]
    for left in reversed(hashes[:-1]):
        reached = node_hash(left, reached)
    return reached
