"""`crosscheck demo`: the main job on real input, over HTTP, on a temporary data folder.

Two partners' watchlists are filled with real portraits and generated fingerprint templates; a terminal then checks one
person who is on a list and one who is on none.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer
from rich.console import Console
from rich.table import Table

from models.errors import CrosscheckError
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.commands.client import call, connect
from service.commands.portraits import ENROLLED, OTHER, PROBE, cache_folder, portraits
from service.commands.sample import SampleAccess

WANTED_FINGER, OTHER_FINGER, STRANGER_FINGER = 101, 102, 103
BYSTANDERS = range(200, 220)
START_TIMEOUT = 120.0


class DemoFailed(CrosscheckError):
    slug = "demo-failed"


@dataclass(frozen=True, slots=True)
class Scene:
    """One check of the demo and what must come of it."""

    title: str
    portrait: str
    finger: int
    purpose: str
    expected: str


SCENES = (
    Scene("wanted by XB, at the border", PROBE, WANTED_FINGER, "border-check", "flagged"),
    Scene("the same person, asking for asylum", PROBE, WANTED_FINGER, "asylum", "flagged"),
    Scene("the same person, purpose no agreement knows", PROBE, WANTED_FINGER, "car-rental", "no-candidates"),
    Scene("a traveller on nobody's list", "astronaut.png", STRANGER_FINGER, "border-check", "no-candidates"),
)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Exit after the checks; status 0 only if all went right.")
    ] = False,
) -> None:
    """Enrol real portraits and fingerprints on two watchlists and check two people over HTTP."""
    console = Console()
    faces = portraits()
    with tempfile.TemporaryDirectory(prefix="crosscheck-demo-") as folder:
        environment = _environment(Path(folder))
        access = _initialise(environment)
        with _service(environment) as url:
            _enrol(url, access, faces, console)
            answers = [(scene, _check(url, access.tokens["xa-terminal"], scene, faces)) for scene in SCENES]
            console.print(_table(answers))
            wrong = [scene.title for scene, answer in answers if answer["outcome"] != scene.expected]
            if wrong:
                raise DemoFailed(f"unexpected outcome: {', '.join(wrong)}", hint="Run `crosscheck doctor`.")
            console.print("[green]Every check came out as it must.[/green]")
            if not once:
                _stay_up(url, access, console)


def _environment(folder: Path) -> dict[str, str]:
    models = os.environ.get("CROSSCHECK_MODELS") or str(cache_folder() / "models")
    return os.environ | {"CROSSCHECK_HOME": str(folder / "home"), "CROSSCHECK_MODELS": models}


def _crosscheck(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from service.cli import app; app()", *arguments]


def _initialise(environment: dict[str, str]) -> SampleAccess:
    command = _crosscheck("init", "--sample", "--json")
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if result.returncode != 0:
        raise DemoFailed("the demo's data folder could not be made", hint="See the messages above.")
    return SampleAccess(**json.loads(result.stdout))


@contextmanager
def _service(environment: dict[str, str]) -> Iterator[str]:
    port = _free_port()
    command = _crosscheck("serve", "--port", str(port))
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process)
            yield url
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=1).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise DemoFailed("the service did not start", hint="Run `crosscheck serve` by hand and read its messages.")


def _enrol(url: str, access: SampleAccess, faces: dict[str, bytes], console: Console) -> None:
    wanted = _entry("E-1", faces[ENROLLED], WANTED_FINGER)
    bystanders = [_entry(f"B-{finger}", None, finger) for finger in BYSTANDERS]
    _import(url, access.tokens["xb-sync"], access.watchlists["xb"], [wanted, *bystanders])
    _import(url, access.tokens["xa-sync"], access.watchlists["xa"], [_entry("E-1", faces[OTHER], OTHER_FINGER)])
    console.print(f"Enrolled {len(bystanders) + 1} entries of XB and 1 of XA, each sealed under its owner's key.")


def _entry(entry_id: str, portrait: bytes | None, finger: int) -> dict[str, Any]:
    return {
        "entry_id": entry_id,
        "category": "wanted",
        "action": "inform-officer",
        "subject": {"family_name": "Specimen", "given_names": f"Demo {entry_id}", "nationality": "XB"},
        "faces": [] if portrait is None else [{"image": _base64(portrait)}],
        "fingerprints": [_finger(finger, impression=0)],
    }


def _finger(finger: int, impression: int) -> dict[str, str]:
    template = synthetic_template(finger, impression, Position.RIGHT_INDEX)
    return {"position": Position.RIGHT_INDEX.value, "template": _base64(template)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _import(url: str, token: str, watchlist: str, entries: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    with connect(url, token) as client:
        answer = call(client, "POST", f"/v1/watchlists/{watchlist}/entries:import", content=lines)
    refused = [result for result in map(json.loads, answer.text.splitlines()) if result["status"] == "refused"]
    if refused:
        raise DemoFailed(f"{len(refused)} entries were refused", hint=refused[0]["problem"]["hint"])


def _check(url: str, token: str, scene: Scene, faces: dict[str, bytes]) -> dict[str, Any]:
    request = {
        "check_id": str(uuid4()),
        "purpose": scene.purpose,
        "checkpoint": "XA-GATE-07",
        "captured_at": datetime.now(UTC).isoformat(),
        "face": {"image": _base64(faces[scene.portrait])},
        "fingerprints": [_finger(scene.finger, impression=1)],
    }
    with connect(url, token) as client:
        begun = time.perf_counter()
        answer: dict[str, Any] = call(client, "POST", "/v1/match", json=request).json()
    return answer | {"milliseconds": (time.perf_counter() - begun) * 1000}


def _table(answers: list[tuple[Scene, dict[str, Any]]]) -> Table:
    table = Table(
        "who stands there", "purpose", "outcome", "what XA gets to see", "decided by", "ms", title="Checks by XA"
    )
    for scene, answer in answers:
        candidates = answer["candidates"]
        seen = "\n".join(_seen(candidate) for candidate in candidates) or "nothing"
        clauses = "\n".join(
            f"{by['agreement']} v{by['version']}: {by['clause']}" for c in candidates for by in c["decided_by"]
        )
        table.add_row(scene.title, scene.purpose, answer["outcome"], seen, clauses, f"{answer['milliseconds']:.0f}")
    return table


def _seen(candidate: dict[str, Any]) -> str:
    score = f", score {candidate['score']} ({candidate['band']})" if candidate["score"] is not None else ""
    return f"{candidate['level']} on a list of {candidate['owner'].upper()}{score}"


def _stay_up(url: str, access: SampleAccess, console: Console) -> None:
    console.print(f"\nThe service stays up at [bold]{url}[/bold] (calls: {url}/docs). Tokens of this demo:")
    for name, token in access.tokens.items():
        console.print(f"  {name:12} {token}", highlight=False)
    console.print("Press Ctrl-C to end; the folder and everything in it is then removed.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Gone.")
