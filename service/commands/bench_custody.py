"""How fast entries come in, become searchable, come from a partner and come back after a start; and in how much memory.

On data folders of its own, with SQLite.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from pydantic import SecretStr
from rich.progress import Progress

from models.errors import CrosscheckError
from service import audit
from service.app import bootstrap
from service.audit import EventKind
from service.commands.bench_custody_feed import measure_feed
from service.commands.local_service import resident_mb
from service.commands.portraits import portraits
from service.commands.sample import add_sample
from service.identity import Caller
from service.roles import Role
from service.runtime import Runtime
from service.settings import Settings
from service.storage import make_data_folder, open_store, system_clock
from watchlists.gallery import EmbeddingSpace, LocalGallery
from watchlists.records import Entry, EntryKey, FaceTemplate, Subject, Templates, VisibilityClass

IMPORTED = 1000
"""Entries of one transaction."""
IMAGES = 200
"""Images that are imported, and entries that are written one by one, of a gallery that is not tiny."""
FEED_ENTRIES = 20_000
"""Entries that come by feed, if there are so many."""
_LIST = "xb-alerts"
_CALLER = Caller("xb", Role.SYNC, "bench")
_CLASSES = tuple(
    VisibilityClass("xb", _LIST, category, "inform-officer", handling)
    for category in ("wanted", "missing-person")
    for handling in ((), ("tlp-amber",))
)


class ColdStartFailed(CrosscheckError):
    slug = "cold-start-failed"
    hint = "See the messages above."


@dataclass(frozen=True, slots=True)
class CustodyFigures:
    """What was reached, with one face an entry.

    Attributes:
        size: entries in the gallery.
        import_per_second: entries with ready embeddings, 1000 in a transaction with its audit event, until they are
            durable and searchable.
        image_import_per_second: entries with a portrait each, as the lines of an import, on all cores.
        searchable_p99_ms: from the call that writes one entry to the answer of a search that finds it.
        cold_start_s: from the start of a new process to its first answer: interpreter, networks, gallery, search.
        feed_per_second: entries of a partner's feed taken over: signatures and digests checked, opened, stored durably.
        rss_mb: most memory of that new process (MiB), not counting the processes that help it to load for a moment.
    """

    size: int
    import_per_second: float
    image_import_per_second: float
    searchable_p99_ms: float
    cold_start_s: float
    feed_per_second: float
    rss_mb: float


def measure_custody(size: int, progress: Progress) -> CustodyFigures:
    """Fill a data folder of its own and measure it.

    Raises:
        PortraitsUnavailable: the portraits for the images cannot be had.
        ColdStartFailed: the new process did not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="crosscheck-bench-") as folder:
        settings = Settings(home=Path(folder) / "home", models=Settings().models_folder, database=SecretStr(""))
        make_data_folder(settings)
        add_sample(settings, open_store(settings), system_clock())
        runtime = bootstrap(settings)
        space = runtime.checks.encoder.faces
        some = min(IMAGES, size // 50)
        images = _import_images(runtime, some, progress)
        imported = _import(runtime, space, size, progress)
        p99 = _searchable_p99_ms(runtime, space, some, progress)
        runtime.close()
        copies = list(islice(generated_entries(space, size), FEED_ENTRIES))
        feed = measure_feed(copies, Path(folder) / "feed", progress)
        seconds, peak = _cold_start(settings, progress)
        return CustodyFigures(size, imported, images, p99, seconds, feed, peak)


def _import_images(runtime: Runtime, images: int, progress: Progress) -> float:
    """Import portraits, and withdraw them again."""
    pictures = cycle(base64.b64encode(image).decode() for image in portraits().values())
    alike = {"category": "wanted", "action": "inform-officer", "provenance": {"source": "benchmark"}}
    lines = [
        json.dumps(alike | {"entry_id": f"P-{n}", "faces": [{"image": next(pictures)}]}).encode() for n in range(images)
    ]
    put = runtime.enrolment.put_lines
    put(_CALLER, _LIST, 1, lines[:4], runtime.importers)  # everything is loaded before the clock starts
    begun = time.perf_counter()
    for first in progress.track(range(0, images, 20), description="importing images"):
        put(_CALLER, _LIST, first + 1, lines[first : first + 20], runtime.importers)
    rate = images / (time.perf_counter() - begun)
    with runtime.store.writing() as write:
        for n in range(images):
            write.withdraw_entry(EntryKey(_LIST, f"P-{n}"), _CALLER.partner)
    return rate


def _import(runtime: Runtime, space: EmbeddingSpace, size: int, progress: Progress) -> float:
    entries, seconds = generated_entries(space, size), 0.0
    for _ in progress.track(range(0, size, IMPORTED), description="importing embeddings"):
        batch = list(islice(entries, IMPORTED))
        begun = time.perf_counter()
        with runtime.store.writing() as write:
            write.put_entries(batch)
            details = {"watchlist": _LIST, "entries": [entry.id for entry, _ in batch]}
            audit.record(write.connection, EventKind.ENTRIES_PUT, _CALLER, system_clock(), details)
        runtime.gallery.catch_up()
        seconds += time.perf_counter() - begun
    return size / seconds


def _searchable_p99_ms(runtime: Runtime, space: EmbeddingSpace, writes: int, progress: Progress) -> float:
    """Write entries one by one; each must be found by the search after it."""
    delays = []
    for number in progress.track(range(writes), description="searching what was just written"):
        templates = Templates((_face(space, np.random.default_rng([2, number])),))
        begun = time.perf_counter()
        runtime.store.put_entry(Entry(f"S-{number}", _CLASSES[0], Subject()), templates)
        found = _search(runtime.gallery, templates)
        delays.append(1000 * (time.perf_counter() - begun))
        if f"S-{number}" not in found:
            raise AssertionError("an entry that was written is not found")
    return float(np.percentile(delays, 99))


def _search(gallery: LocalGallery, probe: Templates) -> set[str]:
    gallery.catch_up()
    classes = gallery.classes()
    found = gallery.search(probe, classes, considered=classes, target_fpir=0.01, now=system_clock())
    return {candidate.key.entry for candidate in found.candidates}


def _cold_start(settings: Settings, progress: Progress) -> tuple[float, float]:
    """Return the seconds from the start of a process to its first answer, and the most memory it held (MiB)."""
    task = progress.add_task("starting anew", total=None)
    environment = os.environ | {
        "CROSSCHECK_HOME": str(settings.home),
        "CROSSCHECK_MODELS": str(settings.models_folder),
        "CROSSCHECK_DATABASE": "",
    }
    command = [sys.executable, "-c", f"from {__name__} import start_and_search; start_and_search()"]
    begun = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- us
        line = process.stdout.readline() if process.stdout is not None else ""
        seconds = time.perf_counter() - begun
    progress.remove_task(task)
    if process.returncode != 0 or not line:
        raise ColdStartFailed("the new process did not become ready")
    return seconds, float(line)


def start_and_search() -> None:
    """Start as a service does, search once, and print the most memory that took (MiB)."""
    runtime = bootstrap(Settings())
    space = runtime.checks.encoder.faces
    if _search(runtime.gallery, Templates((_face(space, np.random.default_rng([2, 0])),))) != {"S-0"}:
        sys.exit("the gallery did not find what was written last")
    sys.stdout.write(f"{resident_mb(peak=True)}\n")
    sys.stdout.flush()
    os._exit(0)


def generated_entries(space: EmbeddingSpace, size: int) -> Iterator[tuple[Entry, Templates]]:
    """Yield entries of XB's watchlist, in four visibility classes, with one face each that is like nobody's."""
    generator = np.random.default_rng(1)
    for number in range(size):
        subject = Subject(f"Family {number}", "Given Names", None, "XB", (f"P{number:09d}",))
        entry = Entry(f"E-{number:08d}", _CLASSES[number % len(_CLASSES)], subject)
        yield entry, Templates((_face(space, generator),))


def _face(space: EmbeddingSpace, generator: np.random.Generator) -> FaceTemplate:
    """Return a stranger to everybody: a random direction, as long as a real embedding is."""
    vector = generator.standard_normal(space.dimension, np.float32)
    return FaceTemplate(space.model, vector / np.linalg.norm(vector))
