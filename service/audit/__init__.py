"""What is remembered of every check and every write: a closed list of events, written in the transaction of the deed.

No event carries a biometric or biographic value; who may read which events is for the rules to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from service.identity import Caller
from service.schema import audit_events

Detail = str | int | float | bool | None
Details = Mapping[str, Detail | Sequence[Detail] | Sequence[Mapping[str, Detail]]]


class EventKind(StrEnum):
    """Every kind of event there is."""

    CHECK_ANSWERED = "check-answered"
    CHECK_REPEATED = "check-repeated"
    FLAG_OPENED = "flag-opened"
    SAMPLES_COMPARED = "samples-compared"
    WATCHLIST_PUT = "watchlist-put"
    ENTRIES_PUT = "entries-put"
    ENTRY_READ = "entry-read"
    ENTRY_WITHDRAWN = "entry-withdrawn"
    AUTHORISATION_REQUESTED = "authorisation-requested"
    AUTHORISATION_GRANTED = "authorisation-granted"
    AUTHORISATION_WITHDRAWN = "authorisation-withdrawn"
    EMERGENCY_DECLARED = "emergency-declared"
    EMERGENCY_ENDED = "emergency-ended"
    DUTY_LAPSED = "duty-lapsed"
    PROBING_SUSPECTED = "probing-suspected"
    ENTRIES_AGED = "entries-aged"
    ENTRIES_EXPIRED = "entries-expired"
    OWNER_KEY_ROTATED = "owner-key-rotated"
    ROOT_KEY_CHANGED = "root-key-changed"
    BACKUP_RESTORED = "backup-restored"
    FEED_ROOT_PUBLISHED = "feed-root-published"
    FEED_ALLOWED = "feed-allowed"
    FEED_SUBSCRIBED = "feed-subscribed"
    FEED_UNSUBSCRIBED = "feed-unsubscribed"
    FEED_PAGE_APPLIED = "feed-page-applied"


def record(connection: Connection, kind: EventKind, actor: Caller, now: datetime, details: Details) -> None:
    """Append one event in the transaction of `connection`, so that no deed stands without its event.

    An actor without a partner is the operator of the node, who acts in the name of none.
    """
    connection.execute(
        audit_events.insert().values(
            at=now, kind=kind.value, partner=actor.partner or None, actor=actor.name, details=dict(details)
        )
    )
