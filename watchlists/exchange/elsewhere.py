"""What a check on this node cannot have searched: entries that stayed at their owners', and what feeds are behind with.

The seam for asking the owners' nodes: whoever does that asks the owners that `unsearched` returns, and leaves out of
`complete` only those that did not answer.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, select

from watchlists.agreements.decide import RuleBook
from watchlists.exchange.subscriptions import subscription_of
from watchlists.feed_schema import feed_states


class Elsewhere:
    """Looks at the feeds that this node follows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unsearched(self, partner: str, purpose: str, rules: RuleBook, now: datetime) -> frozenset[str]:
        """Return the owners some of whose entries the partner might search for this purpose, but not on this node.

        1. The owner has said that it keeps such entries at home.
        2. The feed is behind: not everything announced was taken over, or no promise of freshness still holds. Then
           anything of this owner may be missing.

        Only where an agreement in force between the two is for this purpose: else there is nothing to search, and the
        answer must not show that there might be.
        """
        with self._engine.connect() as connection:
            followed = [subscription_of(row) for row in connection.execute(select(feed_states))]
        agreed = [agreement for agreement in rules.in_force(now) if purpose in agreement.purposes] if followed else []
        return frozenset(
            each.feed.owner
            for each in followed
            if any({partner, each.feed.owner} <= agreement.parties for agreement in agreed)
            and (purpose in each.at_home or each.is_behind(now))
        )
