"""Speed and memory of the fingerprint search, on generated fingers."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from models import calibration, scores
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.matcher import FingerprintPack, warm_up
from models.fingerprint.minutiae import Minutiae
from models.fingerprint.synthetic import Conditions, SyntheticFinger
from models.samples import Position

CONDITIONS = Conditions(0.2, 30.0, 0.85, 3.5, 0.18, 0.14, 1.8, 0.11, 0.15)
"""Halfway between a careful and an uncooperative capture: 38 minutiae an impression on average."""
MATED_PROBES = 300
"""Searches for the loss, if there are so many fingers."""
RANKED_PROBES = 150
"""How many of them are also compared with everybody, if that is asked for: seconds each among 100,000."""
TIMED = 20
"""Searches, additions and removals whose time is taken."""
_COMPARED_ROWS = 5000
_GENERATED = 250
_Built = tuple[list[FingerTemplate], float, float]
_CORES = 2

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class FingerprintFigures:
    """What the search reached; times are of one thread.

    Attributes:
        size: templates in the gallery, all of unknown position, so that none is left out.
        build_ms: mean time from minutiae to a template.
        vector_ms: mean time that its vector takes besides: once for each entry, and for each search of a large gallery.
        comparisons_per_second_core: exact comparisons of probes with rows that are not their mates.
        scan_templates_per_second_core: templates that a shortlist is chosen from in a second, both passes.
        search_ms: median time of one finger's search from template to similarities, as the gallery does it.
        shortlist_ms, exact_ms: the same of its two stages; no shortlist is made of a small gallery.
        shortlist_loss: of mates that an exhaustive search flags at the default target FPIR, the share that is not
            compared; None if it flags none.
        rank1_loss: of mates that an exhaustive search finds more like the probe than anybody else, flagged or not, the
            share that is not compared; None if there is none, or if it was not asked for.
        bytes_per_template: memory of the gallery by the templates in it.
        add_ms, remove_ms: median time until a row is searched, or is no longer.
        peak_mb: most memory that the process has held, MiB.
    """

    size: int
    build_ms: float
    vector_ms: float
    comparisons_per_second_core: float
    scan_templates_per_second_core: float
    search_ms: float
    shortlist_ms: float
    exact_ms: float
    shortlist_loss: float | None
    rank1_loss: float | None
    bytes_per_template: float
    add_ms: float
    remove_ms: float
    peak_mb: float


def measure_fingerprints(size: int, progress: Progress, *, rank1: bool = False) -> FingerprintFigures:
    """Fill a gallery with generated fingers and search it for other impressions of them."""
    warm_up()
    pack, build_ms, vector_ms = _fill(size, progress)
    probes = [_template(SyntheticFinger(k).impression(1, CONDITIONS)) for k in range(min(size, MATED_PROBES))]
    everybody = np.ones(size, np.bool_)
    timed = probes[:TIMED]
    some = np.arange(size) >= size - min(_COMPARED_ROWS, size)
    compare_ms = _median_ms(timed, lambda probe: pack.compare_all(probe, some))
    listed = min(calibration.SHORTLIST.kept, size) if size > calibration.SHORTLIST.exhaustive_up_to else size
    scan_ms = _median_ms(timed, lambda probe: pack.shortlist(probe, everybody, calibration.SHORTLIST.kept))
    exact_ms = _median_ms(timed, lambda probe: pack.compare_all(probe, np.arange(size) < listed))
    search_ms = _median_ms(timed, lambda probe: _search(pack, probe))
    losses = _losses(pack, probes, RANKED_PROBES if rank1 else 0, progress)
    bytes_per_template = pack.memory_bytes / size
    rows: list[int] = []
    add_ms = _median_ms(timed, lambda probe: rows.append(pack.add(probe)))
    remove_ms = _median_ms(rows, pack.remove)
    return FingerprintFigures(
        size=size,
        build_ms=build_ms,
        vector_ms=vector_ms,
        comparisons_per_second_core=1000 * int(some.sum()) / compare_ms,
        scan_templates_per_second_core=1000 * size / scan_ms,
        search_ms=search_ms,
        shortlist_ms=scan_ms if listed < size else 0.0,
        exact_ms=exact_ms,
        shortlist_loss=losses.flagged,
        rank1_loss=losses.first,
        bytes_per_template=bytes_per_template,
        add_ms=add_ms,
        remove_ms=remove_ms,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _fill(size: int, progress: Progress) -> tuple[FingerprintPack, float, float]:
    """Return a gallery whose row k holds finger k, and the mean milliseconds to build a template, and its vector."""
    pack, building, looking = FingerprintPack(), 0.0, 0.0
    parts = [range(start, min(start + _GENERATED, size)) for start in range(0, size, _GENERATED)]
    task = progress.add_task("generating fingers", total=size)
    # Not forked: this process has threads by now.
    with ProcessPoolExecutor(_CORES, mp_context=get_context("spawn")) as pool:
        for templates, build, vector in pool.map(_generate, parts):
            building, looking = building + build, looking + vector
            for template in templates:
                pack.add(template)
            progress.advance(task, len(templates))
    return pack, 1000 * building / size, 1000 * looking / size


def _generate(fingers: range) -> _Built:
    """Return templates of some fingers, and the seconds of a processor that it took to build them, and the vectors."""
    impressions = [SyntheticFinger(finger).impression(0, CONDITIONS) for finger in fingers]
    _template(impressions[0]).with_vector()  # what is loaded on first use is no part of it
    begun = time.process_time()
    templates = [_template(minutiae) for minutiae in impressions]
    built = time.process_time()
    ready = [template.with_vector() for template in templates]
    return ready, built - begun, time.process_time() - built


def _template(minutiae: Minutiae) -> FingerTemplate:
    return build_template(minutiae, Position.UNKNOWN)


def _median_ms(items: Sequence[Item], act: Callable[[Item], object]) -> float:
    """Median wall-clock milliseconds of an action, over the items."""
    milliseconds = []
    for item in items:
        begun = time.perf_counter()
        act(item)
        milliseconds.append(1000 * (time.perf_counter() - begun))
    return float(np.median(milliseconds))


def _search(pack: FingerprintPack, probe: FingerTemplate) -> NDArray[np.float32]:
    """Search as the gallery does."""
    everybody = np.ones(len(pack), np.bool_)
    return pack.compare_all(probe, everybody, exhaustive_up_to=calibration.SHORTLIST.exhaustive_up_to)


@dataclass(frozen=True, slots=True)
class _Losses:
    flagged: float | None
    first: float | None


def _losses(pack: FingerprintPack, probes: Sequence[FingerTemplate], ranked_probes: int, progress: Progress) -> _Losses:
    """Count what the search does not compare, of the mates above the flag threshold and of those at rank 1."""
    threshold = scores.flag_threshold(calibration.DEFAULT_TARGET_FPIR, len(pack))

    def look(number: int) -> tuple[bool, bool, bool]:
        """Whether the mate of a probe would be flagged, would be ranked first, and is lost."""
        similarity = pack.compare_all(probes[number], np.arange(len(pack)) == number)[number]
        flag = bool(calibration.FINGER.score(similarity) >= threshold)
        if not flag and number >= ranked_probes:
            return False, False, False
        found = _search(pack, probes[number])
        first = number < ranked_probes and _nobody_exceeds(similarity, pack, probes[number], found)
        return flag, first, bool(found[number] == 0)

    with ThreadPoolExecutor(_CORES) as pool:  # nothing is timed here, and comparisons do not hold the GIL
        seen = [*progress.track(pool.map(look, range(len(probes))), len(probes), description="searching for mates")]
    flagged = [lost for flag, _, lost in seen if flag]
    first = [lost for _, ranked, lost in seen if ranked]
    return _Losses(*(sum(losses) / len(losses) if losses else None for losses in (flagged, first)))


def _nobody_exceeds(
    similarity: float, pack: FingerprintPack, probe: FingerTemplate, found: NDArray[np.float32]
) -> bool:
    """Whether nobody in the gallery is more like the probe, looking first at who was found, then at everybody."""
    if (found > similarity).any():
        return False
    numbers = np.arange(len(pack))
    parts = ((numbers >= start) & (numbers < start + _COMPARED_ROWS) for start in range(0, len(pack), _COMPARED_ROWS))
    return not any((pack.compare_all(probe, part) > similarity).any() for part in parts)
