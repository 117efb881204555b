"""Processes that encode probes and do nothing else: what a check costs at least.

They are as many as the service has, with as many threads each, and stay alive between turns, so that a benchmark can
let them and the service work by turns: the speed of a shared machine changes from minute to minute.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2

from models.errors import CrosscheckError
from models.face import FaceEncoder
from models.weights import ModelStore
from service.api.messages import FaceImage
from service.commands.portraits import portraits
from service.probes import SampleEncoder


@dataclass(frozen=True, slots=True)
class Encoded:
    """How many images were encoded in a turn, the seconds that it took, and the processor time (seconds)."""

    count: int
    seconds: float
    cpu: float

    @classmethod
    def of(cls, turns: Sequence[Encoded]) -> Encoded:
        """Return what several turns come to."""
        count, seconds = sum(turn.count for turn in turns), sum(turn.seconds for turn in turns)
        return cls(count, seconds, sum(turn.cpu for turn in turns))


class EncodersEnded(CrosscheckError):
    slug = "encoders-ended"
    hint = "See the messages above; run `crosscheck doctor --deep`."


class Encoders:
    """Processes that wait for their turn."""

    def __init__(self, processes: list[ProcessPoolExecutor]) -> None:
        self._processes = processes

    def encode(self, seconds: float) -> Encoded:
        """Let all of them encode for so long, at once.

        Raises:
            EncodersEnded: one of them has ended.
        """
        under_way = [process.submit(_encode, seconds) for process in self._processes]
        try:
            turns = [each.result() for each in under_way]
        except BrokenProcessPool as error:
            raise EncodersEnded("a process that encodes has ended") from error
        count, cpu = sum(turn.count for turn in turns), sum(turn.cpu for turn in turns)
        return Encoded(count, max(turn.seconds for turn in turns), cpu)


@contextmanager
def encoders(models: Path, processes: int, threads: int) -> Iterator[Encoders]:
    """Start so many processes with so many threads each; they end with the block."""
    fresh = get_context("spawn")  # a copy of this process would share what the networks hold
    with ExitStack() as running:
        pools = [ProcessPoolExecutor(1, fresh, _begin, (models, threads)) for _ in range(processes)]
        yield Encoders([running.enter_context(pool) for pool in pools])


class _Worker:
    """What a process of its own encodes with."""

    def __init__(self, models: Path, threads: int) -> None:
        os.environ["OMP_NUM_THREADS"] = "1"
        cv2.setNumThreads(1)
        self._encoder = SampleEncoder(FaceEncoder(ModelStore(models), threads=threads))
        texts = (base64.b64encode(image).decode() for image in portraits().values())
        self._probes = [FaceImage.model_validate({"image": text}) for text in texts]
        self._threads = ThreadPoolExecutor(threads)
        self._each = range(threads)

    def encode(self, seconds: float) -> Encoded:
        begun, cpu = time.perf_counter(), time.process_time()
        count = sum(self._threads.map(lambda _: self._until(begun + seconds), self._each))
        return Encoded(count, time.perf_counter() - begun, time.process_time() - cpu)

    def _until(self, end: float) -> int:
        count = 0
        while time.perf_counter() < end:
            self._encoder.encode([self._probes[count % len(self._probes)]], [])
            count += 1
        return count


_workers: list[_Worker] = []


def _begin(models: Path, threads: int) -> None:
    _workers.append(_Worker(models, threads))


def _encode(seconds: float) -> Encoded:
    return _workers[0].encode(seconds)
