"""Which flags somebody may see: those of their partner, and those of joint desks that it sits at. Pure; default deny.

An agreement sets up a joint desk: `joint_desk` of agreement.toml names parties whose reviewers share the flags that one
of them has opened, where that agreement, and no other, has decided on every candidate. It has to be in force when
somebody looks; a successor of the same id counts for the flags of the version before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watchlists.agreements import Agreement


@dataclass(frozen=True, slots=True, order=True)
class Desk:
    """Flags of one partner. Args: agreement: only those that it alone has decided on; None for all."""

    partner: str
    agreement: str | None = None


def desks_of(partner: str, in_force: Iterable[Agreement]) -> tuple[Desk, ...]:
    """Return the desks at which reviewers of `partner` sit, their own first.

    Args:
        partner: whose reviewers.
        in_force: the agreements in force now.
    """
    joint = {
        Desk(other, agreement.id)
        for agreement in in_force
        if partner in agreement.joint_desk
        for other in agreement.joint_desk - {partner}
    }
    return (Desk(partner), *sorted(joint, key=lambda desk: (desk.partner, desk.agreement or "")))


def may_see(desks: Iterable[Desk], partner: str, agreement: str | None) -> bool:
    """Whether somebody at `desks` sees a flag of `partner`. Args: agreement: that alone decided on it, if one did."""
    return any(desk.partner == partner and desk.agreement in (None, agreement) for desk in desks)


def shared_by(partner: str, agreement: str | None, in_force: Iterable[Agreement]) -> str | None:
    """Return the agreement by which a flag of `partner` is shared with others; None if it is not."""
    shares = (each.id == agreement and partner in each.joint_desk for each in in_force)
    return agreement if any(shares) else None
