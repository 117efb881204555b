"""What agreements want to be logged of a search: the events that tell of one leave out the rest."""

from __future__ import annotations

from datetime import datetime, timedelta

from service import audit
from watchlists.agreements import Obligation, Terms
from watchlists.agreements.obligations import LOG_FIELDS


def loggable(details: audit.Details, terms: Terms) -> audit.Details:
    """Leave out of an event what the agreements do not want logged; what accountability needs always stays."""
    if not terms.has(Obligation.LOG_FIELDS):
        return details
    wanted = terms.words(Obligation.LOG_FIELDS)
    return {name: value for name, value in details.items() if name not in LOG_FIELDS or name in wanted}


def kept_until(at: datetime, terms: Terms) -> datetime | None:
    """Return when what the log says of a search has to be deleted; None if no agreement says so."""
    keep_for = terms.duration(Obligation.LOG_FOR)
    return None if keep_for is None else at + keep_for


def review_kept_until(log_for: int | None, at: datetime) -> datetime | None:
    """Return when what the log says of a review has to be deleted, by `log_for` of the flag's row."""
    return None if log_for is None else at + timedelta(seconds=log_for)
