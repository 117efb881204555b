"""What a partner is asked for beside its flags: to release, to authorise beforehand, to have authorised afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.authorisations import Authorisations, Case
from service.identity import Caller, require
from service.notices import Notice, NoticeKind, Notices
from service.review.afterwards import LateAuthorisations
from service.review.releases import Releases
from service.review.views import AuthorisationRequest, Inbox
from service.roles import Role

MOST: Final = 500
"""Requests for an authorisation that are looked through, the newest first."""


@dataclass(frozen=True, slots=True)
class Inboxes:
    """Puts them together for reviewers."""

    releases: Releases
    afterwards: LateAuthorisations
    notices: Notices
    authorisations: Authorisations
    clock: Callable[[], datetime]

    def of(self, caller: Caller) -> Inbox:
        """Return what the caller's partner has still to answer. A request is there as long as its text is kept.

        Raises:
            WrongRole: the caller is no reviewer.
        """
        require(caller, Role.REVIEWER)
        return Inbox(
            releases=self.releases.asked_of(caller),
            authorisations=self._asked_beforehand(caller),
            afterwards=self.afterwards.waiting(caller),
        )

    def _asked_beforehand(self, caller: Caller) -> tuple[AuthorisationRequest, ...]:
        now = self.clock()
        found = self.notices.with_texts(caller, NoticeKind.AUTHORISATION_REQUESTED, MOST, now)
        requests = {_case(notice): notice for notice in reversed(found) if notice.text is not None}
        asked = {case: notice.at for case, notice in requests.items()}
        still = self.authorisations.unanswered(caller.partner, asked, now)
        return tuple(_request(case, requests[case]) for case in reversed(still))


def _case(notice: Notice) -> Case:
    details = notice.details
    partner, purpose = str(details["partner"]), str(details["purpose"])
    return Case(partner, purpose, notice.text or "", exercise=details["exercise"] is True)


def _request(case: Case, notice: Notice) -> AuthorisationRequest:
    return AuthorisationRequest(case.partner, case.purpose, case.exercise, notice.at, case.reference)
