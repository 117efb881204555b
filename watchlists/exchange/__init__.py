"""Feeds between nodes as they are kept and carried: what this node publishes, and what it follows."""

from watchlists.exchange.elsewhere import Elsewhere
from watchlists.exchange.heads import Published, WithheldBecause, WithheldEntry
from watchlists.exchange.publisher import Publisher
from watchlists.exchange.pull import Pull, PullOutcome, Source
from watchlists.exchange.receiving_keys import ReceivingKeys
from watchlists.exchange.signing_keys import SigningKeys
from watchlists.exchange.subscriptions import Subscription, Subscriptions

__all__ = [
    "Elsewhere",
    "Published",
    "Publisher",
    "Pull",
    "PullOutcome",
    "ReceivingKeys",
    "SigningKeys",
    "Source",
    "Subscription",
    "Subscriptions",
    "WithheldBecause",
    "WithheldEntry",
]
