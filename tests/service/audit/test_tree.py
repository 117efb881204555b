"""The tree against the definition of RFC 9162 written down word for word, and against what others have published."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.audit import tree

# Leaves and roots of the reference implementation of Certificate Transparency, in hexadecimal.
KNOWN_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    return [*path(m, leaves[:k]), mth(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], is_whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if m == len(leaves):
        return [] if is_whole else [mth(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], is_whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def largest_power_below(count: int) -> int:
    return max(1 << power for power in range(count) if 1 << power < count)


class Leaves:
    """The nodes above some leaves."""

    def __init__(self, count: int) -> None:
        self.data = [b"leaf %d" % number for number in range(count)]

    def node(self, level: int, index: int) -> bytes:
        begin = index << level
        assert begin + 2**level <= len(self.data), "this subtree is not complete"
        return mth(self.data[begin : begin + 2**level])


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    frontier = tree.Frontier.empty()
    for text in KNOWN_LEAVES[:size]:
        frontier.grow(tree.leaf_hash(bytes.fromhex(text)))
    assert frontier.root().hex() == KNOWN_ROOTS[size - 1]


def test_the_empty_tree_has_a_root() -> None:
    assert tree.Frontier.empty().root() == tree.EMPTY_ROOT == tree.root(Leaves(0), 0) == mth([])


@given(size=st.integers(1, 300))
def test_a_frontier_has_the_root_of_the_definition_and_goes_through_bytes(size: int) -> None:
    leaves, grown = Leaves(size), tree.Frontier.empty()
    for data in leaves.data:
        grown = tree.Frontier.of_bytes(grown.size, grown.to_bytes())
        grown.grow(tree.leaf_hash(data))
    assert grown.size == size
    assert grown.root() == tree.root(leaves, size) == mth(leaves.data)


def test_a_frontier_yields_each_node_once_when_it_is_complete() -> None:
    leaves, frontier = Leaves(64), tree.Frontier.empty()
    nodes = [node for data in leaves.data for node in frontier.append(tree.leaf_hash(data))]
    assert len(nodes) == 127 == len({(node.level, node.place) for node in nodes})
    assert all(node.hash == leaves.node(node.level, node.place) for node in nodes)


@pytest.mark.parametrize(("size", "length"), [(0, 32), (3, 32), (1, 31), (-1, 0)])
def test_what_is_no_frontier_is_refused(size: int, length: int) -> None:
    with pytest.raises(ValueError, match="frontier"):
        tree.Frontier.of_bytes(size, bytes(length))


@given(st.data())
def test_inclusion_is_proved_as_defined_and_nothing_else_is(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 120))
    index = data.draw(st.integers(0, size - 1))
    leaves = Leaves(size)
    leaf, root, proof = tree.leaf_hash(leaves.data[index]), mth(leaves.data), tree.inclusion_proof(leaves, index, size)
    assert proof == path(index, leaves.data)
    assert tree.is_included(leaf, index, size, proof, root)

    assert not tree.is_included(tree.leaf_hash(b"other"), index, size, proof, root)
    assert not tree.is_included(leaf, index, size, proof, tree.leaf_hash(b"other"))
    assert not tree.is_included(leaf, index, size, [*proof, root], root)
    assert not any(tree.is_included(leaf, other, size, proof, root) for other in range(-1, size + 1) if other != index)
    if proof:
        assert not tree.is_included(leaf, index, size, proof[:-1], root)
        assert not tree.is_included(leaf, index, size, [*proof[:-1], bytes(32)], root)


@given(st.data())
def test_consistency_is_proved_as_defined_and_nothing_else_is(data: st.DataObject) -> None:
    second = data.draw(st.integers(1, 120))
    first = data.draw(st.integers(1, second))
    leaves = Leaves(second)
    old, new = mth(leaves.data[:first]), mth(leaves.data)
    proof = tree.consistency_proof(leaves, first, second)
    assert proof == subproof(first, leaves.data, True)
    assert tree.is_consistent(first, second, old, new, proof)

    forked = mth([*leaves.data[: first - 1], b"other"])
    assert not tree.is_consistent(first, second, forked, new, proof)
    assert not tree.is_consistent(first, second, old, forked, proof)
    assert not tree.is_consistent(first, second, old, new, [*proof, old])
    if proof:
        assert not tree.is_consistent(first, second, old, new, proof[:-1])
        assert not tree.is_consistent(first, second, old, new, [])
        assert not tree.is_consistent(second, first, new, old, proof)


def test_everything_begins_with_nothing() -> None:
    root = mth(Leaves(5).data)
    assert tree.consistency_proof(Leaves(5), 0, 5) == []
    assert tree.is_consistent(0, 5, tree.EMPTY_ROOT, root, [])
    assert not tree.is_consistent(0, 5, root, root, [])
    assert not tree.is_consistent(0, 5, tree.EMPTY_ROOT, root, [root])


def test_what_is_not_there_has_no_proof() -> None:
    with pytest.raises(ValueError, match="no leaf 5"):
        tree.inclusion_proof(Leaves(5), 5, 5)
    with pytest.raises(ValueError, match="not the beginning"):
        tree.consistency_proof(Leaves(5), 6, 5)
