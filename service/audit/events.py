"""What is remembered: a closed list of events, each with who did it and when, and details that name no person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

Detail = str | int | float | bool | None
Details = Mapping[str, Detail | Sequence[Detail] | Sequence[Mapping[str, Detail]]]


class EventKind(StrEnum):
    """Every kind of event there is."""

    CHECK_ANSWERED = "check-answered"
    CHECK_REPEATED = "check-repeated"
    FLAG_OPENED = "flag-opened"
    ENTRY_FOUND = "entry-found"
    SAMPLES_COMPARED = "samples-compared"
    CANDIDATE_COMPARED = "candidate-compared"
    PROBE_KEPT = "probe-kept"
    PROBE_DESTROYED = "probe-destroyed"
    WATCHLIST_PUT = "watchlist-put"
    ENTRIES_PUT = "entries-put"
    ENTRY_READ = "entry-read"
    ENTRY_WITHDRAWN = "entry-withdrawn"
    AUTHORISATION_REQUESTED = "authorisation-requested"
    AUTHORISATION_GRANTED = "authorisation-granted"
    AUTHORISATION_DECLINED = "authorisation-declined"
    AUTHORISATION_WITHDRAWN = "authorisation-withdrawn"
    EMERGENCY_DECLARED = "emergency-declared"
    EMERGENCY_ENDED = "emergency-ended"
    FLAG_READ = "flag-read"
    VERDICT_GIVEN = "verdict-given"
    REVIEWER_WAIVED = "reviewer-waived"
    REVIEW_CONCLUDED = "review-concluded"
    DISCLOSURE_RELEASED = "disclosure-released"
    DISCLOSURE_WITHHELD = "disclosure-withheld"
    DISCLOSURE_FETCHED = "disclosure-fetched"
    RELEASE_GRANTED = "release-granted"
    RELEASE_REFUSED = "release-refused"
    AUTHORISED_AFTERWARDS = "authorised-afterwards"
    REFUSED_AFTERWARDS = "refused-afterwards"
    FLAG_ESCALATED = "flag-escalated"
    DUTY_LAPSED = "duty-lapsed"
    DISCLOSURE_VOIDED = "disclosure-voided"
    PROBING_SUSPECTED = "probing-suspected"
    ENTRIES_AGED = "entries-aged"
    ENTRIES_EXPIRED = "entries-expired"
    ENTRIES_RESCHEDULED = "entries-rescheduled"
    PURPOSE_ACHIEVED = "purpose-achieved"
    OWNER_KEY_ROTATED = "owner-key-rotated"
    ROOT_KEY_CHANGED = "root-key-changed"
    BACKUP_MADE = "backup-made"
    BACKUP_RESTORED = "backup-restored"
    FEED_ROOT_PUBLISHED = "feed-root-published"
    FEED_KEY_MADE = "feed-key-made"
    FEED_ALLOWED = "feed-allowed"
    FEED_SUBSCRIBED = "feed-subscribed"
    FEED_UNSUBSCRIBED = "feed-unsubscribed"
    FEED_PAGE_SENT = "feed-page-sent"
    FEED_PAGE_APPLIED = "feed-page-applied"
    PARTNER_ADDED = "partner-added"
    PARTNER_CHANGED = "partner-changed"
    TOKEN_ISSUED = "token-issued"  # noqa: S105 -- a name
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 -- a name
    USER_ADDED = "user-added"
    USER_INVITED = "user-invited"
    USER_ENROLLED = "user-enrolled"
    USER_DISABLED = "user-disabled"
    USER_ENABLED = "user-enabled"
    SECOND_FACTOR_RESET = "second-factor-reset"
    SECOND_FACTOR_ADDED = "second-factor-added"
    SECOND_FACTOR_REMOVED = "second-factor-removed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 -- a name
    SIGNED_IN = "signed-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGN_IN_HELD_OFF = "sign-in-held-off"
    SIGNED_OUT = "signed-out"
    MACHINE_KEY_ADDED = "machine-key-added"
    MACHINE_KEY_REVOKED = "machine-key-revoked"
    NOTICES_READ = "notices-read"
    AGREEMENTS_LOADED = "agreements-loaded"
    LOG_STARTED = "log-started"
    LOG_READ = "log-read"
    LOG_EXPORTED = "log-exported"
    WITNESS_REGISTERED = "witness-registered"
    WITNESS_WITHDRAWN = "witness-withdrawn"
    WEBHOOK_ADDED = "webhook-added"
    WEBHOOK_ROTATED = "webhook-rotated"
    WEBHOOK_PAUSED = "webhook-paused"
    WEBHOOK_RESUMED = "webhook-resumed"
    WEBHOOK_REMOVED = "webhook-removed"
    WEBHOOK_TESTED = "webhook-tested"
    WEBHOOK_PARKED = "webhook-parked"


class Actor(Protocol):
    """Whoever does something: `service.identity.Caller` is one."""

    @property
    def partner(self) -> str:
        """In whose name; "" for the operator of the node, who acts in the name of none."""
        ...

    @property
    def name(self) -> str:
        """Of the token, or of the command."""
        ...


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Args:
        at: when, by the clock of whoever did it; aware.
        keep_until: when its payload, who did it and the details, has to be deleted; None to keep it.
    """

    kind: EventKind
    partner: str | None
    actor: str
    at: datetime
    details: Details
    keep_until: datetime | None = None
