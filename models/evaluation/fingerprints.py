"""Encodes and compares the fingerprint templates of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.evaluation.comparisons import FAILED, Comparisons
from models.evaluation.manifest import LabelledSample, set_numbers, subject_numbers
from models.evaluation.report import Evaluation, evaluate
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.matcher import FingerprintPack, warm_up
from models.samples import Modality, Position

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class EncodedFingers:
    """The templates of all samples in the order of the manifest: one a view, none where a sample failed to enrol.

    Args:
        templates: n tuples, their declared positions replaced by `Position.UNKNOWN`: the manifest says who is who.
        milliseconds: (n,) float64, what each took from the bytes of the file to the templates, or to the refusal.
    """

    templates: tuple[tuple[FingerTemplate, ...], ...]
    milliseconds: NDArray[np.float64]

    @property
    def failed(self) -> NDArray[np.bool_]:
        return np.array([not views for views in self.templates])


def evaluate_fingerprints(
    samples: Sequence[LabelledSample],
    progress: Progress,
    *,
    against: Sequence[LabelledSample] | None = None,
    assume_ppi: int | None = None,
) -> tuple[Comparisons, Evaluation]:
    """Encode all samples one after the other and compare each with every other.

    Args:
        samples: from `read_fingerprint_manifest`.
        progress: told the step and the share of it that is done.
        against: the same impressions in the same order, extracted by other means; the samples are then compared with
            these. An impression is not compared with itself, nor are two of one extractor.
        assume_ppi: see `encode_fingerprint`.

    Raises:
        ManifestError: the samples allow no mated comparison.
    """
    warm_up()
    fingers = encode_fingers(samples, progress, assume_ppi=assume_ppi)
    references = None if against is None else encode_fingers(against, progress, assume_ppi=assume_ppi)
    similarity, speed = compare_fingers(fingers, progress, references)
    failed = fingers.failed if references is None else fingers.failed | references.failed
    comparisons = Comparisons(subject_numbers(samples), similarity, failed, set_numbers(samples))
    return comparisons, evaluate(Modality.FINGERPRINT, comparisons, fingers.milliseconds, speed, progress)


def encode_fingers(
    samples: Sequence[LabelledSample], progress: Progress, *, assume_ppi: int | None = None
) -> EncodedFingers:
    """Encode every sample. Reading the file is not timed."""
    found: list[tuple[FingerTemplate, ...]] = []
    milliseconds = np.zeros(len(samples))
    for index, sample in enumerate(samples):
        unverified_template = sample.path.read_bytes()
        started = time.perf_counter()
        found.append(_encode(unverified_template, assume_ppi))
        milliseconds[index] = (time.perf_counter() - started) * 1e3
        progress("Encoding", (index + 1) / len(samples))
    return EncodedFingers(tuple(found), milliseconds)


def compare_fingers(
    fingers: EncodedFingers, progress: Progress, references: EncodedFingers | None = None
) -> tuple[NDArray[np.float32], float]:
    """Compare each sample with the later ones, or with all but the same of `references`.

    Of several views the most similar counts.

    Returns:
        The similarities, (n, n) float32, `FAILED` where a sample failed to enrol, symmetric if there are no
        `references`; and comparisons of one view with another per second of processor time, which is a core's speed.
    """
    pack, owners = _packed(fingers if references is None else references)
    count = len(fingers.templates)
    similarity = np.full((count, count), FAILED, dtype=np.float32)
    compared, started = 0, time.process_time()
    for sample, views in enumerate(fingers.templates):
        compared_with = owners > sample if references is None else (owners >= 0) & (owners != sample)
        for probe in views:
            found = pack.compare_all(probe, compared_with)
            np.maximum.at(similarity[sample], owners[compared_with], found[: compared_with.size][compared_with])
            compared += int(compared_with.sum())
        progress("Comparing", (sample + 1) / count)
    seconds = time.process_time() - started
    return similarity if references is not None else np.maximum(similarity, similarity.T), compared / seconds


def _packed(fingers: EncodedFingers) -> tuple[FingerprintPack, NDArray[np.int64]]:
    """All views in one pack, and of each row the sample that it is a view of; -1 of a row that is not used."""
    pack = FingerprintPack()
    owner: dict[int, int] = {}
    for sample, views in enumerate(fingers.templates):
        owner.update((pack.add(template), sample) for template in views)
    owners = np.full(max(owner, default=-1) + 1, -1, dtype=np.int64)
    owners[list(owner)] = list(owner.values())
    return pack, owners


def _encode(unverified_template: bytes, assume_ppi: int | None) -> tuple[FingerTemplate, ...]:
    try:
        sample = encode_fingerprint(unverified_template, None, assume_ppi=assume_ppi)
    except InvalidInput:
        return ()
    return tuple(replace(template, position=Position.UNKNOWN) for template in sample.templates)
