"""The review desk, put together: what pages and API call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service.authorisations import Authorisations
from service.disclosure import StoredEntries
from service.duties import Duties
from service.notices import Notices
from service.review.afterwards import LateAuthorisations
from service.review.concluding import Conclusions
from service.review.escalation import Escalations
from service.review.inbox import Inboxes
from service.review.outcomes import Outcomes
from service.review.queue import Queue
from service.review.reading import Reading
from service.review.releases import Releases
from service.review.seeing import Eyes
from service.review.showing import Showing
from service.review.verdicts import Verdicts
from service.review.waivers import Waivers
from service.review.words import Words
from service.validity import Validity
from watchlists.agreements import RuleBook
from watchlists.store import Store


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """Args: queue, showing: what is seen. verdicts, waivers, releases, afterwards: what people say. inbox: what else a
    partner is asked for. outcomes: what terminals are told. escalations: for housekeeping.
    """  # noqa: D205

    queue: Queue
    showing: Showing
    verdicts: Verdicts
    waivers: Waivers
    releases: Releases
    afterwards: LateAuthorisations
    inbox: Inboxes
    outcomes: Outcomes
    escalations: Escalations


def make_desk(
    store: Store,
    notices: Notices,
    owed: Duties,
    validity: Validity,
    grants: Authorisations,
    rules: Callable[[], RuleBook],
    clock: Callable[[], datetime],
) -> ReviewDesk:
    """Put the desk of a node together. Args: rules: returns the rule book in force."""
    engine, words, reading = store.engine, Words(store.keys), Reading(rules, validity)
    eyes, conclusions = Eyes(rules, StoredEntries(store)), Conclusions(notices, owed)
    releases = Releases(engine, notices, owed, validity, conclusions, clock)
    afterwards = LateAuthorisations(engine, store.keys, notices, owed, reading, clock)
    return ReviewDesk(
        queue=Queue(engine, reading, clock),
        showing=Showing(engine, words, reading, owed, eyes, clock),
        verdicts=Verdicts(engine, words, reading, conclusions, clock),
        waivers=Waivers(engine, words, reading, conclusions, clock),
        releases=releases,
        afterwards=afterwards,
        inbox=Inboxes(releases, afterwards, notices, grants, clock),
        outcomes=Outcomes(engine, reading, eyes, clock),
        escalations=Escalations(engine, notices),
    )
