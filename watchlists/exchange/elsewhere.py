"""What a check on this node cannot have searched: entries that stayed at their owners', and what feeds are behind with.

The seam for asking the owners' nodes: whoever does that asks the owners that `unsearched` returns, and leaves out of
`complete` only those that did not answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Engine, select

from watchlists.agreements.decide import RuleBook
from watchlists.agreements.facts import Request
from watchlists.database import ReadyStatement
from watchlists.exchange.subscriptions import subscription_of
from watchlists.feed_schema import feed_states

_FOLLOWED: Final = ReadyStatement(select(feed_states))


class Elsewhere:
    """Looks at the feeds that this node follows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unsearched(self, asked: Request, rules: RuleBook, now: datetime) -> frozenset[str]:
        """Return the owners some of whose entries a check might be allowed to search, but not on this node.

        1. The owner has said that it keeps such entries at home.
        2. The feed is behind: not everything announced was taken over, or no promise of freshness still holds. Then
           anything of this owner may be missing.

        Only where an agreement in force between the two is for the purpose of the check: else there is nothing to
        search, and the answer must not show that there might be.
        """
        followed = [subscription_of(row) for row in _FOLLOWED.look(self._engine)]
        return frozenset(
            each.feed.owner
            for each in followed
            if (asked.purpose in each.at_home or each.is_behind(now)) and _agreed(asked, each.feed.owner, rules, now)
        )


def _agreed(asked: Request, owner: str, rules: RuleBook, now: datetime) -> bool:
    sides = {asked.partner, owner}
    return any(asked.purpose in each.purposes and sides <= each.parties for each in rules.in_force(now))
