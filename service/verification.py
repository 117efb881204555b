"""1:1: do two samples come from the same person? No watchlist, no agreement, nothing kept but the event."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Engine

from models.calibration import FINGER, VERIFICATION_SCORE
from models.fingerprint.matcher import compare
from models.scores import band
from service import audit
from service.api.messages import ReceiptMessage, VerifyAnswer, VerifyRequest, VerifySample
from service.audit import EventKind, Receipt
from service.freshness import Freshness
from service.identity import Caller, require
from service.probes import EncodedSamples, SampleEncoder
from service.roles import Role
from watchlists.agreements import tenths
from watchlists.database import writing
from watchlists.records import Templates


@dataclass(frozen=True, slots=True)
class Verifications:
    """The use case and what it works with."""

    encoder: SampleEncoder
    engine: Engine
    freshness: Freshness
    clock: Callable[[], datetime]

    def verify(self, caller: Caller, request: VerifyRequest) -> VerifyAnswer:
        """Compare the two samples of a request.

        Raises:
            WrongRole: the caller is no terminal.
            StaleCapture: the probe was not captured just now.
            UnusableProbe: one of the samples cannot be compared.
            InvalidInput: a sample is damaged.
        """
        require(caller, Role.TERMINAL)
        now = self.clock()
        self.freshness.require(request.captured_at, now)
        reference, probe = self._encode(request.reference), self._encode(request.probe)
        score = tenths(self._score(reference.templates, probe.templates)) / 10
        same_person = score >= VERIFICATION_SCORE
        return VerifyAnswer(
            check_id=request.check_id,
            same_person=same_person,
            score=score,
            band=band(score),
            threshold=VERIFICATION_SCORE,
            reference=reference.messages[0],
            probe=probe.messages[0],
            receipt=ReceiptMessage(**self._record(caller, request, now, same_person=same_person).plain()),
        )

    def _encode(self, sample: VerifySample) -> EncodedSamples:
        faces = () if sample.face is None else (sample.face,)
        fingers = () if sample.fingerprint is None else (sample.fingerprint,)
        encoded = self.encoder.encode(faces, fingers)
        if encoded.refused:
            raise encoded.refused[0].as_error()
        return encoded

    def _score(self, reference: Templates, probe: Templates) -> float:
        if reference.faces:
            similarity = float(np.dot(reference.faces[0].vector, probe.faces[0].vector))
            return self.encoder.faces.calibration.score(similarity)
        similarities = [compare(live, kept) for live in probe.fingers for kept in reference.fingers]
        # The best of several views is better by luck alone; the union bound pays for it.
        return max(0.0, FINGER.score(max(similarities)) - math.log10(len(similarities)))

    def _record(self, caller: Caller, request: VerifyRequest, now: datetime, *, same_person: bool) -> Receipt:
        details = {
            "check_id": str(request.check_id),
            "checkpoint": request.checkpoint,
            "modality": request.probe.modality.value,
            "same_person": same_person,
        }
        with writing(self.engine) as connection:
            return audit.record(connection, EventKind.SAMPLES_COMPARED, caller, now, details)
