"""`crosscheck demo`: the main job on real input, over HTTP, on a temporary data folder.

Two partners' watchlists are filled with real portraits and generated fingerprint templates; a terminal then checks one
person who is on a list and one who is on none.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from models.errors import CrosscheckError
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position
from service.commands.client import call, connect
from service.commands.demo_supervisor import add_supervisor
from service.commands.local_service import LocalService, local_service
from service.commands.portraits import ENROLLED, OTHER, PROBE, portraits

WANTED_FINGER, OTHER_FINGER, STRANGER_FINGER = 101, 102, 103
BYSTANDERS = range(200, 220)


class DemoFailed(CrosscheckError):
    slug = "demo-failed"


@dataclass(frozen=True, slots=True)
class Scene:
    """One check of the demo and what must come of it."""

    title: str
    portrait: str
    finger: int
    purpose: str
    owners: tuple[str, ...]


SCENES = (
    Scene("wanted by XB, at the border", PROBE, WANTED_FINGER, "border-check", ("xb",)),
    Scene("the same person, asking for asylum", PROBE, WANTED_FINGER, "asylum", ("xb",)),
    Scene("the same person, purpose no agreement knows", PROBE, WANTED_FINGER, "car-rental", ()),
    Scene("a traveller on nobody's list", "astronaut.png", STRANGER_FINGER, "border-check", ()),
)


commands = typer.Typer(add_completion=False)


@commands.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Exit after the checks; status 0 only if all went right.")
    ] = False,
) -> None:
    """Enrol real portraits and fingerprints on two watchlists and check two people over HTTP."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    faces = portraits()
    with local_service() as service:
        _enrol(service, faces, console)
        answers = [(scene, _check(service, scene, faces)) for scene in SCENES]
        console.print(_table(answers))
        wrong = [scene.title for scene, answer in answers if _owners(answer) != scene.owners]
        if wrong:
            raise DemoFailed(f"unexpected outcome: {', '.join(wrong)}", hint="Run `crosscheck doctor`.")
        console.print("[green]Every check came out as it must.[/green]")
        if not once:
            _stay_up(service, console)


def _enrol(service: LocalService, faces: dict[str, bytes], console: Console) -> None:
    wanted = _entry("E-1", faces[ENROLLED], WANTED_FINGER)
    bystanders = [_entry(f"B-{finger}", None, finger) for finger in BYSTANDERS]
    _import(service, "xb", [wanted, *bystanders])
    _import(service, "xa", [_entry("E-1", faces[OTHER], OTHER_FINGER)])
    console.print(f"Enrolled {len(bystanders) + 1} entries of XB and 1 of XA, each sealed under its owner's key.")


def _entry(entry_id: str, portrait: bytes | None, finger: int) -> dict[str, Any]:
    return {
        "entry_id": entry_id,
        "category": "wanted",
        "provenance": {"source": "demonstration"},
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


def _import(service: LocalService, owner: str, entries: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    watchlist = service.access.watchlists[owner]
    with connect(service.url, service.access.tokens[f"{owner}-sync"]) as client:
        answer = call(client, "POST", f"/v1/watchlists/{watchlist}/entries:import", content=lines)
    refused = [result for result in map(json.loads, answer.text.splitlines()) if result["status"] == "refused"]
    if refused:
        raise DemoFailed(f"{len(refused)} entries were refused", hint=refused[0]["problem"]["hint"])


def _check(service: LocalService, scene: Scene, faces: dict[str, bytes]) -> dict[str, Any]:
    request = {
        "check_id": str(uuid4()),
        "purpose": scene.purpose,
        "checkpoint": "XA-GATE-07",
        "captured_at": datetime.now(UTC).isoformat(),
        "face": {"image": _base64(faces[scene.portrait])},
        "fingerprints": [_finger(scene.finger, impression=1)],
    }
    with connect(service.url, service.access.tokens["xa-terminal"]) as client:
        begun = time.perf_counter()
        answer: dict[str, Any] = call(client, "POST", "/v1/match", json=request).json()
    return answer | {"milliseconds": (time.perf_counter() - begun) * 1000}


def _owners(answer: dict[str, Any]) -> tuple[str, ...]:
    return tuple(candidate["owner"] for candidate in answer["candidates"])


def _table(answers: list[tuple[Scene, dict[str, Any]]]) -> Table:
    columns = ("who stands there", "purpose", "outcome", "what XA gets to see", "decided by", "ms")
    table = Table(*columns, title="Checks by a terminal of XA", show_lines=True)
    for scene, answer in answers:
        seen = "\n".join(map(_seen, answer["candidates"])) or "nothing"
        clauses = "\n".join(map(_clauses, answer["candidates"]))
        milliseconds = f"{answer['milliseconds']:.0f}"
        table.add_row(scene.title, scene.purpose, answer["outcome"], seen, clauses, milliseconds)
    return table


def _seen(candidate: dict[str, Any]) -> str:
    score = (
        f"score {candidate['score']}, {candidate['band']}" if candidate["score"] is not None else "hit, nothing more"
    )
    return f"{candidate['owner'].upper()}: {score}"


def _clauses(candidate: dict[str, Any]) -> str:
    return "\n".join(f"{by['agreement']} {by['clause']}" for by in candidate["decided_by"])


def _show_desk(service: LocalService, console: Console) -> None:
    """Say how to look at the flags that the checks have opened."""
    supervisor = add_supervisor(service.folder, service.url)
    console.print(f"Review the flags at [bold]{service.url}/review[/bold], as this supervisor of XA:")
    console.print(f"  user         {supervisor.user}", highlight=False)
    console.print(f"  password     {supervisor.password}", highlight=False)
    console.print(f"  second factor: put this secret into an authenticator app: {supervisor.secret}", highlight=False)


def _stay_up(service: LocalService, console: Console) -> None:
    console.print(f"\nThe service stays up at [bold]{service.url}[/bold]; its calls: {service.url}/openapi.json")
    console.print("Tokens of this demo:")
    for name, token in service.access.tokens.items():
        console.print(f"  {name:12} {token}", highlight=False)
    _show_desk(service, console)
    console.print("Press Ctrl-C to end; the folder and everything in it is then removed.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Gone.")
