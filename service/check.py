"""A check, top to bottom: one probe from one checkpoint against everything its partner may search.

What happens before: `gate` has authenticated the terminal and bound it to its partner, `limits` has admitted it, and
pydantic has checked the shape of the request. What the caller still owes: to send the answer, and to forget the probe.
Of a probe, `probing` remembers for an hour what recognises it, in memory; and all of it waits for some seconds, in
memory, until `probe_keeper` knows whether a rule lets reviewers have it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service.api.messages import MatchAnswer, MatchRequest
from service.conclusion import Conclusion, Submission
from service.disclosure import Entries, disclose
from service.errors import GalleryBehind
from service.freshness import Freshness
from service.identity import Caller, require
from service.ledger import Ledger
from service.preconditions import Gathered, Preconditions
from service.probe_shelf import HeldProbe, Probe, ProbeShelf
from service.probes import EncodedSamples, SampleEncoder
from service.probing import ProbeWatch
from service.roles import Role
from watchlists.agreements import RuleBook
from watchlists.errors import EntryChanged
from watchlists.exchange import Elsewhere
from watchlists.gallery import Gallery


@dataclass(frozen=True, slots=True)
class Checks:
    """The use case and what it works with; `rules` returns the rule book in force, which no check sees change."""

    encoder: SampleEncoder
    gallery: Gallery
    rules: Callable[[], RuleBook]
    entries: Entries
    ledger: Ledger
    freshness: Freshness
    watch: ProbeWatch
    shelf: ProbeShelf
    preconditions: Preconditions
    elsewhere: Elsewhere
    target_fpir: float
    clock: Callable[[], datetime]

    def check(self, caller: Caller, request: MatchRequest, body_digest: bytes) -> MatchAnswer:
        """Answer one check.

        Args:
            caller: who asks.
            request: what it asks.
            body_digest: SHA-256 of the bytes that the request came in: whoever sends them again gets the same answer.

        Raises:
            WrongRole: the caller is no terminal.
            CheckConflict: the check_id was used with another body.
            StaleCapture: the probe was not captured just now.
            GalleryBehind: the gallery is not yet where the request wants it to be.
            InvalidInput: a sample is damaged, or none can be compared.
            TooManyProbes: the person was checked too often lately.
            EmergencyNotActive: the emergency that the request names is not declared, or has ended.
            JustificationMissing: an agreement asks for a reason that did not come with the request.
            EntryChanged: candidates were rewritten twice while they were disclosed; the terminal should repeat.
        """
        # 1. Only terminals check, each in the name of its partner.
        require(caller, Role.TERMINAL)
        # 2. A repeated check gets the answer it had: nothing is searched, disclosed or flagged twice.
        now, rules = self.clock(), self.rules()
        submission = Submission(caller, request, body_digest)
        if (known := self.ledger.recall(submission, now, rules.fingerprint(caller.partner, now))) is not None:
            return known
        # 3. A probe is of a person who stands there now.
        self.freshness.require(request.captured_at, now)
        # It is answered from a gallery that knows all that the terminal knows of, or not at all.
        if request.at_least_sequence is not None:
            self._require_sequence(request, self.gallery.catch_up())
        # 4. Decode, assess and embed; what cannot be compared is said, with what to do.
        probe = self._encode(request)
        # 5. Nobody is checked over and over: whoever varies a probe, to climb towards an entry, is stopped here.
        self.watch.admit(caller, request, probe.templates, now)
        # 6. What the agreements ask for beforehand: justification, authorisation, what is left of a quota.
        gathered = self.preconditions.gather(caller, request, rules, now)
        # 7 to 9. Once more if a candidate was rewritten before it was disclosed: the rules decided on what it was.
        try:
            conclusion = self._search(rules, gathered, probe, now)
        except EntryChanged:
            conclusion = self._search(rules, gathered, probe, now)
        self._require_sequence(request, conclusion.gallery_sequence)
        # 10. The probe waits for its flag, whether there will be one or not.
        self.shelf.hold(_held(caller, request, conclusion))
        # 11. Leave to be flagged for people to decide, audit, answer: in one transaction, or not at all.
        return self.ledger.conclude(submission, conclusion)

    def _search(self, rules: RuleBook, gathered: Gathered, probe: EncodedSamples, now: datetime) -> Conclusion:
        # 7. Which entries may this partner search, for this purpose? The others are not compared.
        self.gallery.catch_up()
        classes = self.gallery.classes()
        visible = rules.visible(gathered.asked, classes, now)
        # 8. Search, calibrate, fuse; keep what passes the flag threshold for a gallery of that size.
        found = self.gallery.search(probe.templates, visible, considered=classes, target_fpir=self.target_fpir, now=now)
        # 9. Of each candidate, exactly what its owner's agreement lets this partner see.
        candidates = disclose(rules, gathered.asked, found.candidates, self.entries, now)
        complete = found.complete and not probe.refused and not gathered.asked.exhausted
        # What stayed at its owner's was not searched either: here its node would be asked.
        complete = complete and not self.elsewhere.unsearched(gathered.asked, rules, now)
        binding = rules.fingerprint(gathered.asked.partner, now)
        return Conclusion(now, complete, found.sequence, probe, candidates, gathered, binding, found.compared_at)

    def _require_sequence(self, request: MatchRequest, sequence: int) -> None:
        if request.at_least_sequence is not None and sequence < request.at_least_sequence:
            raise GalleryBehind(sequence)

    def _encode(self, request: MatchRequest) -> EncodedSamples:
        faces = () if request.face is None else (request.face,)
        probe = self.encoder.encode(faces, request.fingerprints)
        if len(probe.refused) == len(probe.samples):
            raise probe.refused[0].as_error()
        return probe


def _held(caller: Caller, request: MatchRequest, conclusion: Conclusion) -> HeldProbe:
    image = None if request.face is None else request.face.image
    probe = Probe(image, conclusion.probe.templates.fingers)
    return HeldProbe(conclusion.flag_id, caller.partner, conclusion.at, probe, conclusion.log_until)
