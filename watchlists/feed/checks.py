"""The single checks behind the rules of `trusted`. Each returns nothing, or raises the reason of the refusal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from watchlists.feed.errors import (
    FeedClockSkew,
    FeedExpired,
    FeedForeignOwner,
    FeedFork,
    FeedGap,
    FeedReplay,
    FeedRollback,
    FeedUnannounced,
    FeedWrongReceiver,
)
from watchlists.feed.messages import FeedId, Page, Part, Position, RoleKeys, Root, Timestamp
from watchlists.feed.signing import require_threshold, valid_signers

SKEW: Final = timedelta(minutes=2)
"""How far the clocks of two nodes may differ."""
LONGEST_FRESHNESS: Final = timedelta(days=1)
"""Beyond this, no promise of freshness is believed."""


def require_signed(signed: Part, signatures: Mapping[str, str], root: Root, role: RoleKeys) -> None:
    """A threshold of the keys of its role has signed; a key of another role counts as a stranger's."""
    require_threshold(valid_signers(signed.plain(), signatures, _keys(root, role)), role.keyids, role.threshold)


def require_successor(new: Root, signatures: Mapping[str, str], old: Root) -> None:
    """The next root, signed by a threshold of the old root's keys and of its own."""
    if new.version < old.version:
        raise FeedRollback(f"root {new.version} is older than root {old.version}")
    keys = _keys(old, old.roles.root) | _keys(new, new.roles.root)
    signed_by = valid_signers(new.plain(), signatures, keys)
    for root in (old, new):
        require_threshold(signed_by, root.roles.root.keyids, root.roles.root.threshold)
    require_owner(new, old.owner)
    if new.version == old.version:
        raise (FeedReplay if new == old else FeedFork)(f"root {new.version} is here already")
    if new.version > old.version + 1:
        raise FeedGap(f"root {new.version} does not follow root {old.version}")


def _keys(root: Root, role: RoleKeys) -> dict[str, str]:
    return {keyid: root.keys[keyid] for keyid in role.keyids}


def require_owner(root: Root, owner: str) -> None:
    """The root is of the owner of the feed."""
    if root.owner != owner:
        raise FeedForeignOwner(f"the root is of {root.owner} and not of {owner}")


def require_feed(named: FeedId, feed: FeedId) -> None:
    """The message belongs to this feed."""
    if (named.owner, named.watchlist) != (feed.owner, feed.watchlist):
        raise FeedForeignOwner(f"the message is of {named.watchlist} of {named.owner}")
    require_receiver(named, feed.receiver)


def require_receiver(named: FeedId, receiver: str) -> None:
    """The message, or the feed, is for that partner."""
    if named.receiver != receiver:
        raise FeedWrongReceiver(f"this is for {named.receiver} and not for {receiver}")


def require_past(moment: datetime, now: datetime) -> None:
    """The message is not dated in the future."""
    if moment > now + SKEW:
        raise FeedClockSkew(f"the message is dated {moment.isoformat()}, {moment - now} ahead of this node's clock")


def require_root_in_force(root: Root, now: datetime) -> None:
    """The root has not expired."""
    if now >= root.expires:
        raise FeedExpired(f"root {root.version} expired at {root.expires.isoformat()}")


def believed_until(timestamp: Timestamp) -> datetime:
    """Return until when a timestamp is believed."""
    return min(timestamp.expires, timestamp.issued + LONGEST_FRESHNESS)


def require_fresh(timestamp: Timestamp, now: datetime) -> None:
    """The timestamp is believed still."""
    until = believed_until(timestamp)
    if now >= until:
        raise FeedExpired(f"timestamp {timestamp.version} is good until {until.isoformat()}")


def require_forward(known: Position, head: Position) -> None:
    """The feed ends at `known`, or goes on from there."""
    if head.page < known.page or head.sequence < known.sequence:
        raise FeedRollback(f"the feed ends at page {head.page}, and page {known.page} was seen")
    if (head.page == known.page or head.sequence == known.sequence) and head != known:
        raise FeedFork(f"the feed ends at another page {head.page}, or change {head.sequence}, than was seen")


def require_version(new: Timestamp, old: Timestamp | None) -> None:
    """The timestamp is a later one, or the same."""
    if old is not None and new.version < old.version:
        raise FeedRollback(f"timestamp {new.version} is older than timestamp {old.version}")
    if old is not None and new.version == old.version and new != old:
        raise FeedFork(f"there are two timestamps {new.version}")


def require_next(known: Position, page: Page, position: Position) -> None:
    """The page, which goes up to `position`, follows what was taken over; without a gap, also within itself."""
    if page.number == known.page and position != known:
        raise FeedFork(f"there are two pages {page.number}")
    if page.number <= known.page:
        raise FeedReplay(f"page {page.number} was taken over before")
    if page.number > known.page + 1:
        raise FeedGap(f"page {page.number} does not follow page {known.page}")
    if page.previous != known.digest:
        raise FeedFork(f"page {page.number} follows another page {known.page} than was taken over")
    if page.first <= known.sequence:
        raise FeedRollback(f"page {page.number} begins at change {page.first}, and {known.sequence} was taken over")
    if page.first != known.sequence + 1 or not _is_contiguous(page):
        raise FeedGap(f"page {page.number} leaves changes out")


def _is_contiguous(page: Page) -> bool:
    return [change.sequence for change in page.changes] == list(range(page.first, page.last + 1))


def require_announced(head: Position, position: Position) -> None:
    """A page that goes up to `position` is one of those that the timestamp vouches for."""
    if position.page > head.page or position.sequence > head.sequence:
        raise FeedUnannounced(f"page {position.page} goes beyond page {head.page}, where the timestamp ends")
    if (position.page == head.page or position.sequence == head.sequence) and position != head:
        raise FeedFork(f"page {position.page} is not the one that the timestamp names")
