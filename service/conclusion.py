"""A check as it was sent, and what it came to before that is written down and answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from service.api.messages import CandidateMessage, MatchRequest
from service.disclosure import DisclosedCandidate
from service.identity import Caller
from service.log_terms import kept_until
from service.preconditions import Gathered
from service.probes import EncodedSamples


@dataclass(frozen=True, slots=True)
class Submission:
    """A check as it was sent.

    Args: body_digest: SHA-256 of the bytes that the request came in. It has no key: whoever saw it could test guesses.
    """

    caller: Caller
    request: MatchRequest
    body_digest: bytes = field(repr=False)

    @property
    def check_id(self) -> str:
        return str(self.request.check_id)

    @property
    def identity(self) -> bytes:
        """What tells it from others: rules tell authorities apart, so what one has sent is not what another sends."""
        return "\0".join((self.caller.authority, self.caller.country, self.body_digest.hex())).encode()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a check came to, before it is written down and answered. For `compared_at` see `SearchResult`.

    Args: flag_id: of the flag that is opened if there are candidates.
    """

    at: datetime
    complete: bool
    gallery_sequence: int
    probe: EncodedSamples
    candidates: tuple[DisclosedCandidate, ...]
    gathered: Gathered
    rules: str
    compared_at: float
    flag_id: UUID = field(default_factory=uuid4)

    @property
    def shown(self) -> list[CandidateMessage]:
        """What the terminal sees: not the silent alarms, nor what waits for people."""
        return [candidate.message for candidate in self.candidates if candidate.message is not None]

    @property
    def log_until(self) -> datetime | None:
        """When what the audit log says of the check has to be deleted; None to keep it."""
        return kept_until(self.at, self.gathered.log_terms)

    @property
    def outcome(self) -> str:
        """The outcome as the terminal sees it."""
        if self.shown:
            return "flagged"
        return "no-candidates" if self.complete else "incomplete"
