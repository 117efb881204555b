"""Sample partners XA and XB, with a watchlist each, an agreement between them, and a token for each role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service import audit
from service.audit import EventKind
from service.identity import Caller, TokenRegister
from service.roles import Role
from service.settings import Settings
from watchlists.agreements.samples import copy_samples
from watchlists.records import Partner, Watchlist
from watchlists.store import Store

PARTNERS = (Partner("xa", "State of XA"), Partner("xb", "State of XB"))


@dataclass(frozen=True, slots=True)
class SampleAccess:
    """Tokens by name, such as "xa-terminal", and each partner's watchlist."""

    tokens: dict[str, str]
    watchlists: dict[str, str]


def add_sample(settings: Settings, store: Store, now: datetime) -> SampleAccess:
    """Fill a new data folder with the sample partners and return what is needed to use it."""
    watchlists = [
        Watchlist(f"{partner.id}-alerts", partner.id, f"Alerts of {partner.id.upper()}") for partner in PARTNERS
    ]
    with store.writing() as write:
        for partner in PARTNERS:
            write.add_partner(partner)
            actor = Caller(partner.id, Role.OPERATOR, "crosscheck init")
            audit.record(write.connection, EventKind.PARTNER_ADDED, actor, now, {"country": partner.country})
        for watchlist in watchlists:
            write.put_watchlist(watchlist)
    copy_samples(settings.agreements_folder)
    register = TokenRegister(store.engine)
    callers = [Caller(partner.id, role, f"{partner.id}-{role}") for partner in PARTNERS for role in Role]
    return SampleAccess(
        tokens={caller.name: register.issue(caller, now) for caller in callers},
        watchlists={watchlist.owner: watchlist.id for watchlist in watchlists},
    )
