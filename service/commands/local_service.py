"""A service of its own for the demo and the benchmarks: a real process on a temporary data folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx2

from models.errors import CrosscheckError
from service.commands.portraits import cache_folder
from service.commands.sample import SampleAccess

START_TIMEOUT = 180.0
QUICK = {name: str(10**6) for name in ("CROSSCHECK_CHECKS_PER_MINUTE", "CROSSCHECK_CHECKS_PER_MINUTE_PARTNER")}
"""Settings of a service that no terminal asks too much of. What a benchmark sends is quicker than a rate allows."""
UNCOUNTED = QUICK | {"CROSSCHECK_PROBING_SAMPLES": "0"}
"""The same, and the same few people may be checked over and over."""
_TICKS = os.sysconf("SC_CLK_TCK")  # a second, as /proc counts


class ServiceNotStarted(CrosscheckError):
    slug = "service-not-started"
    hint = "Run `crosscheck doctor`, then `crosscheck serve` by hand, and read their messages."


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A data folder with the sample partners, in `folder`, which processes can be started on, one or several."""

    folder: Path
    access: SampleAccess
    environment: Mapping[str, str]

    @contextmanager
    def serve(self, *options: str) -> Iterator[LocalService]:
        """Run `crosscheck serve` on a port of its own; the process ends with the block.

        Raises:
            ServiceNotStarted: the service did not become ready.
        """
        port = _free_port()
        log = self.folder / "service.log"
        arguments = ("serve", "--port", str(port), *options)
        with log.open("ab") as stream, _process(arguments, self.environment, stream) as process:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, log)
            yield LocalService(url, self.access, process.pid, self.folder)


@dataclass(frozen=True, slots=True)
class LocalService:
    """Where it answers and how to get in; `folder` holds its data folder and its log, `service.log`."""

    url: str
    access: SampleAccess
    pid: int
    folder: Path


def resident_mb(pid: int | str = "self", *, peak: bool = False) -> float:
    """Return the resident memory of a process in MiB (Linux), now or at its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    field = "VmHWM" if peak else "VmRSS"
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith(field))
    return int(kilobytes) / 1024


def processes_of(pid: int) -> list[int]:
    """Return a process and all that it has started, directly or not (Linux)."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(each for child in children for each in processes_of(child))]


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and all that it has started, in MiB (Linux)."""
    return sum(resident_mb(each) for each in processes_of(pid))


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and all that it has started have used so far (Linux)."""
    fields = (Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in processes_of(pid))
    return sum(int(user) + int(system) for *_, user, system in (each[:13] for each in fields)) / _TICKS


@contextmanager
def local_service(
    settings: Mapping[str, str] | None = None, prepare: Callable[[Path], None] | None = None
) -> Iterator[LocalService]:
    """Run `crosscheck serve` on a new data folder with the sample partners; folder and process end with the block.

    Args:
        settings: `CROSSCHECK_*` variables of the service, beside those of this process.
        prepare: is given the agreements folder before the service starts.

    Raises:
        ServiceNotStarted: the data folder could not be made, or the service did not become ready.
    """
    with local_folder(settings, prepare) as data, data.serve() as service:
        yield service


@contextmanager
def local_folder(
    settings: Mapping[str, str] | None = None, prepare: Callable[[Path], None] | None = None
) -> Iterator[LocalFolder]:
    """Make a data folder as `local_service` does, and remove it at the end of the block.

    Raises:
        ServiceNotStarted: the data folder could not be made.
    """
    # A request to end must still remove the folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="crosscheck-") as folder:
        environment = _environment(Path(folder)) | dict(settings or {})
        access = _initialise(environment)
        if prepare is not None:
            prepare(Path(folder) / "home" / "agreements")
        yield LocalFolder(Path(folder), access, environment)


@contextmanager
def _process(
    arguments: Sequence[str], environment: Mapping[str, str], stderr: BinaryIO
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(_crosscheck(*arguments), env=environment, stderr=stderr) as process:  # noqa: S603 -- our own
        try:
            yield process
        finally:
            process.terminate()


def _environment(folder: Path) -> dict[str, str]:
    models = os.environ.get("CROSSCHECK_MODELS") or str(cache_folder() / "models")
    # No proxy is to be given notice that one of these ends.
    places = {"CROSSCHECK_HOME": str(folder / "home"), "CROSSCHECK_MODELS": models}
    return os.environ | places | {"CROSSCHECK_DRAIN_NOTICE": "0"}


def _crosscheck(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from service.cli import app; app()", *arguments]


def _initialise(environment: dict[str, str]) -> SampleAccess:
    command = _crosscheck("init", "--sample", "--json")
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if result.returncode != 0:
        raise ServiceNotStarted("the data folder could not be made", hint="See the messages above.")
    return SampleAccess(**json.loads(result.stdout))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{url}/readyz", timeout=1).is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    last = log.read_text().splitlines()[-1:]
    raise ServiceNotStarted(f"the service did not become ready: {' '.join(last) or 'it said nothing'}")
