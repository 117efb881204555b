"""The task to have the logs of searches reviewed by somebody independent, as often as an agreement asks for it.

As Regulation (EU) 2018/1862, Art. 12, and Directive (EU) 2016/680, Art. 25(2), have logs kept for that.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, func, select

from service.audit import EventKind
from service.notices import NoticeKind, Notices
from service.schema import audit_events
from watchlists.agreements import Agreement, Obligation, RuleBook, Terms
from watchlists.agreements.actions import SEARCH
from watchlists.database import writing


def next_log_review(terms: Terms, last_review: datetime | None, first_search: datetime | None) -> datetime | None:
    """Return when the logs are to be reviewed next; None if no rule asks for it, or nothing was searched yet.

    Args:
        terms: of the searches.
        last_review: when the last review was asked for.
        first_search: when the first search was logged.
    """
    every = terms.duration(Obligation.LOG_REVIEW_EVERY)
    since = last_review or first_search
    return None if every is None or since is None else since + every


class LogReviews:
    """Posts the tasks, one each period to each partner that searches by an agreement which asks for them."""

    def __init__(self, engine: Engine, notices: Notices) -> None:
        self._engine = engine
        self._notices = notices

    def run(self, rules: RuleBook, now: datetime) -> None:
        """Post what is due. Idempotent."""
        for agreement in rules.in_force(now):
            terms = _search_terms(agreement)
            if terms.has(Obligation.LOG_REVIEW_EVERY):
                began = min(each.in_force_from for each in rules.agreements if each.id == agreement.id)
                for partner in sorted(agreement.parties):
                    self._post_if_due(agreement.id, terms, partner, began, now)

    def _post_if_due(self, agreement: str, terms: Terms, partner: str, began: datetime, now: datetime) -> None:
        kind = NoticeKind.LOG_REVIEW_DUE
        last = self._notices.last_posted(kind, partner, "agreement", agreement)
        due = next_log_review(terms, last, self._first_search(partner, began))
        if due is not None and due <= now:
            with writing(self._engine) as connection:
                details = {"agreement": agreement, "due_at": due.isoformat()}
                self._notices.post(connection, kind, partner, now, details, once=f"{agreement} {due.isoformat()}")

    def _first_search(self, partner: str, began: datetime) -> datetime | None:
        """When the partner first checked anybody after the first version of the agreement came into force."""
        query = select(func.min(audit_events.c.at)).where(
            audit_events.c.partner == partner,
            audit_events.c.kind == EventKind.CHECK_ANSWERED.value,
            audit_events.c.at >= began,
        )
        with self._engine.connect() as connection:
            first: datetime | None = connection.execute(query).scalar_one()
        return first


def _search_terms(agreement: Agreement) -> Terms:
    permits = (policy for policy in agreement.policies if policy.permits and SEARCH in policy.actions)
    return Terms.merge(duty for policy in permits for duty in policy.duties)
