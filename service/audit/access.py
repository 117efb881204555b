"""Who may read which entries of the log. Pure; default is deny.

The tree is one for all partners, so that nobody can be shown another one; heads and proofs say nothing but how much
happened. What an entry is about is for the auditors of the partner in whose name it was written.

In whose name, is said by the deed, and by agreements: where a permit carries `owner-log`, a hit is an entry of the
asking partner and another one of the owner's, about the owner's alerts alone. So what somebody may read is settled when
it is written, by the rules of then, and the owner's part of the log is as complete as any.
"""

from __future__ import annotations

from enum import IntEnum

from service.roles import Role


class Reading(IntEnum):
    """How much of an entry somebody may see."""

    NOTHING = 0
    """Not even that there is such an entry."""
    WHOLE = 1
    """What it commits to, its proofs, and its payload as long as that is kept."""


def may_read_entry(role: Role, partner: str, entry_partner: str | None) -> Reading:
    """What the bearer of a token may see of an entry.

    Args:
        role: of the token.
        partner: of the token.
        entry_partner: in whose name it was done; None for the operator of the node, whose entries no partner reads.
    """
    if role is Role.AUDITOR and partner and partner == entry_partner:
        return Reading.WHOLE
    return Reading.NOTHING


def may_read_heads(role: Role) -> bool:
    """Whether the bearer of a token may see heads and proofs between them.

    A terminal may not: how the log grows while it waits could tell it of a silent alarm.
    """
    return role in (Role.AUDITOR, Role.SYNC)


def may_countersign(role: Role) -> bool:
    """Whether the bearer of a token may hand in countersignatures of its partner."""
    return role in (Role.AUDITOR, Role.SYNC)
