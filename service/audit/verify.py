"""Proves a whole log, or names the first bad entry and what is wrong with it. Trusts public keys, and heads kept apart.

What is found depends on who has had a hand in it:

- Without the signing key nobody changes, leaves out, puts in, moves or dates anything without its being found, entry by
  entry: each is signed with its number.
- With the key (the operator) somebody can sign another history. It contradicts the heads, and the receipts, that others
  have kept; between the last head that fits and the first that does not lies the first bad entry.
- That entries are cut off at the end shows only against what says that there were more: a head in the log, or one that
  somebody else has kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from service.audit.entries import Entry, PayloadState
from service.audit.heads import Countersignature
from service.audit.leaf import text_of
from service.audit.log import TILE
from service.audit.parts import Growing
from service.audit.payload import commitment_to
from service.audit.signatures import Head, PublicKeys, Receipt
from service.audit.tree import Frontier


class Fault(StrEnum):
    """What can be wrong with a log."""

    CHANGED = "changed"
    MISSING = "missing"
    OUT_OF_ORDER = "out-of-order"
    BACK_DATED = "back-dated"
    TRUNCATED = "truncated"
    FORKED = "forked"
    PAYLOAD_CHANGED = "payload-changed"
    PAYLOAD_GONE = "payload-gone"
    HEAD_FORGED = "head-forged"
    COUNTERSIGNATURE_FORGED = "countersignature-forged"
    RECEIPT_FORGED = "receipt-forged"
    PROMISE_BROKEN = "promise-broken"
    NODES_CHANGED = "nodes-changed"
    PARTS_CHANGED = "parts-changed"


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first thing that is wrong.

    Args:
        first, last: the first bad entry is one of these; mostly they are the same.
    """

    fault: Fault
    first: int
    last: int
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified, up to the first flaw.

    Args:
        entries: that were read.
        root: of the tree over them, in hexadecimal.
        heads: signed ones that fit.
        countersigned: the largest size that each partner has countersigned.
        deleted: payloads that were deleted when their time was over.
        withheld: payloads that were not shown, so that nothing is said of them.
        flaw: None if all is well.
    """

    entries: int
    root: str
    heads: int
    countersigned: Mapping[str, int]
    deleted: int
    withheld: int
    flaw: Flaw | None


class Source(Protocol):
    """A log to be verified: a database, or a file."""

    @property
    def keys(self) -> PublicKeys:
        """Public keys that are trusted to sign for it."""
        ...

    @property
    def size(self) -> int:
        """How many entries it says it has."""
        ...

    @property
    def heads(self) -> Sequence[Head]: ...

    @property
    def countersignatures(self) -> Sequence[Countersignature]: ...

    @property
    def nodes(self) -> Mapping[tuple[int, int], bytes] | None:
        """Stored nodes by level and place; None if it stores none."""
        ...

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the entries with numbers above `after`, in the order in which they stand."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What others have kept, apart from the log."""

    heads: Sequence[Head] = ()
    receipts: Sequence[Receipt] = ()


class _Found(Exception):
    def __init__(self, fault: Fault, first: int, detail: str, last: int | None = None) -> None:
        self.flaw = Flaw(fault, first, first if last is None else last, detail)


class Verification:
    """One run over one log.

    Args:
        source: the log.
        now: the moment, which says what may be deleted already; aware.
        evidence: what others have kept.
        quick: leave out the signatures of entries that a signed head covers: they are needed only to say which of many
            entries is bad.
    """

    def __init__(self, source: Source, now: datetime, evidence: Evidence | None = None, *, quick: bool = False) -> None:
        self._source = source
        self._keys = source.keys
        self._now = now
        self._quick = quick
        self._evidence = evidence or Evidence()
        self._heads = defaultdict[int, list[Head]](list)
        for head in (*source.heads, *self._evidence.heads):
            self._heads[head.size].append(head)
        self._kept = {head.size for head in self._evidence.heads}
        self._covered = max(self._heads, default=0)
        self._promised = {receipt.leaf: receipt for receipt in self._evidence.receipts}
        self._nodes = source.nodes
        self._frontier = Frontier.empty()
        self._parts = Growing()
        self._has_parts = False
        self._last_at: datetime | None = None
        self._fits = self._fits_kept = self._fitting = 0
        self._deleted = self._withheld = 0

    def run(self) -> Report:
        """Verify everything."""
        flaw = None
        try:
            self._require_signatures()
            for entry in self._source.entries():
                self._take(entry)
            self._require_end()
        except _Found as found:
            flaw = found.flaw
        return Report(
            entries=self._frontier.size,
            root=self._frontier.root().hex(),
            heads=self._fitting,
            countersigned=self._countersigned(),
            deleted=self._deleted,
            withheld=self._withheld,
            flaw=flaw,
        )

    def _require_signatures(self) -> None:
        for size in sorted(self._heads):
            for head in self._heads[size]:
                if not head.is_signed(self._keys):
                    raise _Found(Fault.HEAD_FORGED, size, f"the head of size {size} was not signed with the log's key")
        signed = {head.size: head for head in self._source.heads}
        for each in self._source.countersignatures:
            if each.size not in signed or not signed[each.size].is_countersigned(each.public, each.signature):
                detail = f"{each.partner} has not countersigned the head of size {each.size}"
                raise _Found(Fault.COUNTERSIGNATURE_FORGED, each.size, detail)
        for receipt in self._evidence.receipts:
            if not receipt.is_signed(self._keys):
                raise _Found(Fault.RECEIPT_FORGED, 0, "a receipt was not signed with the log's key")

    def _take(self, entry: Entry) -> None:
        leaf, number = entry.leaf, self._frontier.size + 1
        if leaf.number != number:
            fault = Fault.MISSING if leaf.number > number else Fault.OUT_OF_ORDER
            raise _Found(fault, number, f"where entry {number} should be, there is {leaf.number}")
        self._require_leaf(entry)
        if self._last_at is not None and leaf.at < self._last_at:
            detail = f"entry {number} says {text_of(leaf.at)}, but {text_of(self._last_at)} was over by then"
            raise _Found(Fault.BACK_DATED, number, detail)
        self._require_payload(entry)
        self._last_at = leaf.at
        self._promised.pop(entry.receipt.leaf, None)
        self._grow(entry.receipt.leaf)
        self._parts.add(leaf.partner, entry.receipt.leaf)
        for head in self._heads.get(number, ()):
            self._require_head(head, leaf.at)

    def _require_leaf(self, entry: Entry) -> None:
        number = entry.leaf.number
        if entry.leaf.hash() != entry.receipt.leaf:
            raise _Found(Fault.CHANGED, number, f"entry {number} is not what its hash says")
        if entry.receipt.at != entry.leaf.at:
            raise _Found(Fault.CHANGED, number, f"the receipt of entry {number} has another time")
        if not self._quick or number > self._covered:
            self._require_promise(entry)

    def _require_promise(self, entry: Entry) -> None:
        if not entry.receipt.is_signed(self._keys):
            number = entry.leaf.number
            raise _Found(Fault.CHANGED, number, f"entry {number} was not signed with the log's key")

    def _require_payload(self, entry: Entry) -> None:
        number, until = entry.leaf.number, entry.leaf.keep_until
        if entry.state is PayloadState.WITHHELD:
            self._withheld += 1
        elif entry.state is PayloadState.DELETED:
            if until is None or until > self._now:
                when = "for good" if until is None else f"until {text_of(until)}"
                raise _Found(
                    Fault.PAYLOAD_GONE, number, f"the payload of entry {number} is gone, but was to be kept {when}"
                )
            self._deleted += 1
        elif entry.text is None or commitment_to(entry.text) != entry.leaf.commitment:
            raise _Found(Fault.PAYLOAD_CHANGED, number, f"the payload of entry {number} is not what the log commits to")

    def _grow(self, leaf: bytes) -> None:
        for node in self._frontier.append(leaf):
            if self._nodes is None or not node.level or node.level % TILE:
                continue
            if self._nodes.get((node.level, node.place)) != node.hash:
                number = (node.place + 1) << node.level
                detail = f"the stored hash over the {1 << node.level} entries up to {number} is wrong; no entry is"
                raise _Found(Fault.NODES_CHANGED, number, detail)

    def _require_head(self, head: Head, last_at: datetime) -> None:
        if head.root != self._frontier.root():
            raise self._leaves(head)
        if head.at < last_at:
            raise _Found(Fault.BACK_DATED, head.size, f"the head of size {head.size} is older than its last entry")
        self._require_parts(head)
        self._last_at = max(head.at, self._last_at or head.at)
        self._fits = head.size
        self._fitting += 1
        if head.size in self._kept:
            self._fits_kept = head.size

    def _require_parts(self, head: Head) -> None:
        if head.parts is None and self._has_parts:
            raise _Found(Fault.PARTS_CHANGED, head.size, f"the head of size {head.size} is silent on the parts")
        if head.parts is not None and head.parts != self._parts.root():
            detail = f"the head of size {head.size} was signed over other parts of the partners than these"
            raise _Found(Fault.PARTS_CHANGED, self._fits + 1, detail, head.size)
        self._has_parts = head.parts is not None

    def _leaves(self, head: Head) -> _Found:
        """Return where the log leaves what `head` has signed."""
        for entry in self._source.entries(self._fits):
            if entry.leaf.number > head.size:
                break
            self._require_promise(entry)  # which names the one, if it was not signed
        first = (self._fits_kept if head.size in self._kept else self._fits) + 1
        detail = f"the head of size {head.size} was signed over other entries than these"
        return _Found(Fault.FORKED, first, detail, head.size)

    def _require_end(self) -> None:
        count = self._frontier.size
        said = max(self._covered, self._source.size)
        if count < said:
            raise _Found(Fault.TRUNCATED, count + 1, f"the log ends with entry {count}, but had {said}", said)
        if self._promised:
            receipt = next(iter(self._promised.values()))
            detail = f"an entry was promised at {text_of(receipt.at)} (leaf {receipt.leaf.hex()}), and is not there"
            raise _Found(Fault.PROMISE_BROKEN, 0, detail)

    def _countersigned(self) -> dict[str, int]:
        largest: dict[str, int] = {}
        for each in self._source.countersignatures:
            if each.size <= self._fits:
                largest[each.partner] = max(each.size, largest.get(each.partner, 0))
        return largest
