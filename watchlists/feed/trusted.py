"""What a receiver believes of a feed. Pure: no network, no database, no clock; `now` comes with the call.

The rules, all of them:

1. *Pinned start.* The operators of both nodes compare the first root by other means; nothing else is believed for
   itself. Every later root has the next version and is signed by a threshold of the old root's keys and of its own. One
   that has expired still leads to the next.
2. *Order.* Root, then timestamp, then pages. Beyond the expiry of the root, or of the timestamp, no page is taken: a
   node that is cut off learns nothing, and knows it. No promise of freshness is believed for longer than a day.
3. *No future.* What is dated more than `SKEW` ahead is refused.
4. *Only forward.* No root, timestamp or head below one that was seen; nothing that was taken over is taken again.
5. *No gaps.* Pages follow each other by number, changes by sequence, and each page names the digest of the one before.
6. *One truth.* Two messages of one number that differ are a fork, whoever signed them. The page at the head is the very
   one that the timestamp names, and beyond the head there is none.
7. *Its own feed.* Every message names owner, watchlist and receiver of this feed. Sealed contents open only as the
   entry, under the number and for the receiver that they were sealed for.
8. *Whole entries.* A content may be left out only if a later change, up to the head, speaks of the same entry.
9. *The receiver's rules too.* An entry is taken only if this node's own agreements let it have a copy now. A copy lives
   until the earliest of: the entry's expiry, the date it came with, what this node's own agreements say.
10. *All or nothing.* What is refused changes nothing here, and one bad entry refuses its page.
11. *Recovery.* If a new root changes who signs timestamps, the last timestamp is forgotten: whoever stole those keys
    cannot block the feed with a number of the far future. What was taken over is not forgotten.

What the caller still owes:

- Fetch roots from the next version on until there is none, then the timestamp, then pages up to its head.
- Store `state` and the effect of a page in one transaction. If that fails, go on from the stored state, with a new
  object.
- See to it that the owner of the feed owns its watchlist on this node too.
- Raise an alarm at every refusal, by its slug, and when `fresh_until` has passed.
- To start a feed anew (rule 4 and 6 leave no other way after a publisher went back to a backup), drop the copies and
  pin a root again: people decide that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from watchlists.agreements.decide import RuleBook
from watchlists.feed.arrivals import Arrival, Departure, Receiver, effects
from watchlists.feed.checks import (
    believed_until,
    require_announced,
    require_feed,
    require_forward,
    require_fresh,
    require_next,
    require_owner,
    require_past,
    require_receiver,
    require_root_in_force,
    require_signed,
    require_successor,
    require_version,
)
from watchlists.feed.errors import FeedContentMissing, FeedExpired
from watchlists.feed.messages import (
    PAGE_CAP,
    ROOT_CAP,
    START,
    TIMESTAMP_CAP,
    FeedId,
    Page,
    PageMessage,
    Part,
    Position,
    Put,
    Root,
    RootMessage,
    Timestamp,
    TimestampMessage,
    read,
)


class FeedState(Part):
    """All that a receiver remembers of a feed; `model_dump_json` and `model_validate_json` take it to a store and back.

    Args:
        owed: entries whose content was left out of a page, and of which no later change has spoken yet; sorted.
    """

    root: Root
    timestamp: Timestamp | None = None
    position: Position = START
    owed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptedPage:
    """What a page does.

    Args:
        effects: in their order.
        state: to be stored with the effects.
    """

    page: Page
    effects: tuple[Arrival | Departure, ...]
    state: FeedState


def pin(root_message: bytes, owner: str) -> FeedState:
    """Return the state before the first pull, with a root that the operator has checked by other means.

    Raises:
        FeedRefused: it is no root of that owner, signed by itself.
    """
    message = read(root_message, RootMessage, ROOT_CAP)
    root = message.signed
    require_signed(root, message.by_key(), root, root.roles.root)
    require_owner(root, owner)
    return FeedState(root=root)


class TrustedFeed:
    """One feed, as far as it is believed. Use it from one thread.

    Args:
        feed: which.
        state: from `pin`, or what was stored last.
        receiver: this node.

    Raises:
        FeedForeignOwner: the state is of another owner's feed.
        FeedWrongReceiver: the feed is for another partner.
    """

    def __init__(self, feed: FeedId, state: FeedState, receiver: Receiver) -> None:
        require_owner(state.root, feed.owner)
        require_receiver(feed, receiver.node.partner)
        self._feed = feed
        self._receiver = receiver
        self._state = state

    @property
    def feed(self) -> FeedId:
        """Which feed."""
        return self._feed

    @property
    def head(self) -> Position | None:
        """Where the feed ends by the newest timestamp; None if there is none."""
        return None if self._state.timestamp is None else self._state.timestamp.head

    @property
    def state(self) -> FeedState:
        """What is believed, to be stored."""
        return self._state

    @property
    def fresh_until(self) -> datetime | None:
        """Until when the newest timestamp is believed; None if there is none."""
        timestamp = self._state.timestamp
        return None if timestamp is None else believed_until(timestamp)

    @property
    def is_current(self) -> bool:
        """Whether everything up to the head of the newest timestamp was taken over."""
        timestamp = self._state.timestamp
        return timestamp is not None and timestamp.head == self._state.position

    def update_root(self, message: bytes) -> None:
        """Believe the next root.

        Raises:
            FeedMalformed, FeedOversize, FeedBadSignature, FeedTooFewSignatures, FeedForeignOwner, FeedRollback,
            FeedReplay, FeedFork, FeedGap: see the rules.
        """
        found = read(message, RootMessage, ROOT_CAP)
        new, old = found.signed, self._state.root
        require_successor(new, found.by_key(), old)
        same_signers = new.roles.timestamp == old.roles.timestamp
        timestamp = self._state.timestamp if same_signers else None
        self._state = self._state.model_copy(update={"root": new, "timestamp": timestamp})

    def update_timestamp(self, message: bytes, now: datetime) -> bool:
        """Believe a newer timestamp; False if it is the one that is believed already.

        Raises:
            FeedMalformed, FeedOversize, FeedBadSignature, FeedTooFewSignatures, FeedForeignOwner, FeedWrongReceiver,
            FeedExpired, FeedClockSkew, FeedRollback, FeedFork: see the rules.
        """
        root, old = self._state.root, self._state.timestamp
        require_root_in_force(root, now)
        found = read(message, TimestampMessage, TIMESTAMP_CAP)
        new = found.signed
        require_signed(new, found.by_key(), root, root.roles.timestamp)
        require_feed(new.feed, self._feed)
        require_past(new.issued, now)
        require_version(new, old)
        require_fresh(new, now)
        for known in (self._state.position, START if old is None else old.head):
            require_forward(known, new.head)
        self._state = self._state.model_copy(update={"timestamp": new})
        return new != old

    def update_page(self, message: bytes, rules: RuleBook, now: datetime) -> AcceptedPage:
        """Believe the page that follows; what it does is the caller's to apply.

        Raises:
            FeedRefused: any of its kinds; see the rules.
        """
        head = self._head(now)
        found = read(message, PageMessage, PAGE_CAP)
        page, root = found.signed.page, self._state.root
        require_signed(found.signed, found.by_key(), root, root.roles.page)
        require_feed(page.feed, self._feed)
        require_past(page.published, now)
        position = page.position()
        require_next(self._state.position, page, position)
        require_announced(head, position)
        sealed = found.sealed()
        owed = _owed(self._state.owed, page, sealed)
        if owed and position == head:
            raise FeedContentMissing(f"the content of {len(owed)} entries was left out and never followed")
        done = effects(page, sealed, self._receiver, rules, now)
        self._state = self._state.model_copy(update={"position": position, "owed": owed})
        return AcceptedPage(page, done, self._state)

    def _head(self, now: datetime) -> Position:
        """Where the feed ends, by a timestamp that is still good under a root that is."""
        require_root_in_force(self._state.root, now)
        if self._state.timestamp is None:
            raise FeedExpired("there is no timestamp yet")
        require_fresh(self._state.timestamp, now)
        return self._state.timestamp.head


def _owed(before: tuple[str, ...], page: Page, sealed: Mapping[int, bytes]) -> tuple[str, ...]:
    owed = set(before)
    for change in page.changes:
        if isinstance(change, Put) and change.sequence not in sealed:
            owed.add(change.entry)
        else:
            owed.discard(change.entry)
    return tuple(sorted(owed))
