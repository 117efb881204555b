"""Feeds between nodes that do not trust each other's operators: signed, chained, sealed. No IO."""

from watchlists.feed.arrivals import Arrival, Departure, Receiver
from watchlists.feed.errors import FeedRefused
from watchlists.feed.messages import FeedId
from watchlists.feed.trusted import AcceptedPage, FeedState, TrustedFeed, pin

__all__ = [
    "AcceptedPage",
    "Arrival",
    "Departure",
    "FeedId",
    "FeedRefused",
    "FeedState",
    "Receiver",
    "TrustedFeed",
    "pin",
]
