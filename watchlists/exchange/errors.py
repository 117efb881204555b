"""What goes wrong around feeds, other than that a message of one is refused."""

from __future__ import annotations

from models.errors import CrosscheckError
from watchlists.feed.errors import FeedRefused


class FeedKeysMissing(CrosscheckError):
    """The owner has no root keys on this node, so nothing of it can be signed."""

    slug = "feed-keys-missing"
    hint = "Begin with `crosscheck feed rotate --owner PARTNER`, which makes the first root."


class FeedUnknown(CrosscheckError):
    slug = "feed-unknown"
    hint = "List what is published and followed with `crosscheck feed status`."


class FeedFollowed(CrosscheckError):
    """The list is a copy that another node's feed writes: nobody else may, and it is not published from here."""

    slug = "feed-followed"
    hint = "Write to the watchlist at its owner's node; it comes from there."


class FeedKeyInvalid(CrosscheckError):
    slug = "feed-key-invalid"
    hint = "Take the key as `crosscheck feed receive` or `crosscheck feed key` printed it: 64 hexadecimal digits."


class FeedRootUnusable(CrosscheckError):
    """A draft of a root that cannot take effect."""

    slug = "feed-root-unusable"
    hint = "Begin again with `crosscheck feed rotate`, and have enough holders of root keys sign that draft."


class FeedUnreachable(CrosscheckError):
    """The publishing node did not answer, or answered something other than a message of the feed."""

    slug = "feed-unreachable"
    hint = "Check the address, the network and the token; the next pull goes on where this one stopped."


class FeedMoved(CrosscheckError):
    """Another process has pulled the same feed meanwhile; what this one has is void."""

    slug = "feed-moved"
    hint = "Nothing is to be done: the other process goes on."


class FeedBeginning(FeedRefused):
    """The feed is begun anew: its copies are being dropped, and nothing is pulled before they are."""

    slug = "feed-beginning"
    hint = "If this lasts, `crosscheck feed subscribe` was broken off: run it again."


class FeedEnding(FeedRefused):
    """The feed is followed no longer: its copies are being dropped."""

    slug = "feed-ending"
    hint = "If this lasts, `crosscheck feed unsubscribe` was broken off: run it again."


class FeedStateUnreadable(FeedRefused):
    """What this node remembers of the feed is damaged, or of another version."""

    slug = "feed-state-unreadable"
    hint = "Begin the feed anew with `crosscheck feed subscribe`; its root has to be compared again."


class FeedInternal(FeedRefused):
    """A bug, or a message that finds one. What it said stays out of records and logs."""

    slug = "feed-internal"
    hint = "Report the place that the log names; the next pull tries again."
