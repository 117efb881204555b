"""`crosscheck watchlist`: a partner's own entries, over the API of a running service."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import httpx2
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from models.calibration import FINGER_PPI_RANGE
from service.commands.client import DEFAULT_URL, CallFailed, Key, Token, Url, call, connect

LINES_PER_REQUEST = 64
BYTES_PER_REQUEST = 4 * 2**20
"""About as many: what is signed is read whole by the service, within its cap and in time."""

commands = typer.Typer(
    help="Write, list and withdraw a partner's own entries.", no_args_is_help=True, add_completion=False
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="NDJSON file: one entry a line.")],
    key: Key = None,
    token: Token = "",
    watchlist: Annotated[
        str | None, typer.Option(help="Made if it is missing; the partner's only watchlist if left out.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    assume_ppi: Annotated[
        int | None,
        typer.Option(
            min=FINGER_PPI_RANGE[0],
            max=FINGER_PPI_RANGE[1],
            help="Resolution of the fingerprint images in pixels an inch, if their scanner is known to misstate it.",
        ),
    ] = None,
) -> None:
    """Import entries: good lines are kept, bad lines named. Importing the same file again changes nothing."""
    counts: Counter[str] = Counter()
    quarantined: list[str] = []
    with connect(url, token, key) as client, file.open("rb") as lines, _progress() as progress:
        watchlist = _chosen(client, watchlist)
        task = progress.add_task(f"importing into {watchlist}", total=file.stat().st_size)
        for result in _import_lines(client, watchlist, lines, assume_ppi):
            counts[result["status"]] += 1
            if result["status"] == "refused":
                problem = result["problem"]
                fields = "".join(f"\n  {error['field']}: {error['message']}" for error in problem.get("errors", []))
                message = f"line {result['line']}: {problem['detail']}. {problem['hint']}{fields}"
                progress.console.print(escape(message), style="yellow")
            for remark in _remarks(result):
                progress.console.print(escape(f"line {result['line']}: {remark}"), style="yellow")
            if result.get("quarantined"):
                quarantined.append(result["entry_id"])
            progress.update(task, completed=lines.tell())
    written = {status: counts[status] for status in ("created", "replaced", "unchanged", "refused")}
    if as_json:
        typer.echo(json.dumps(written | {"quarantined": quarantined}))
    else:
        typer.echo(", ".join(f"{count} {status}" for status, count in written.items()))
        if quarantined:
            typer.echo(f"{len(quarantined)} stored and not searched, see the lines above: {', '.join(quarantined)}")
    if counts["refused"]:
        raise typer.Exit(1)


@commands.command("list")
def list_watchlists(key: Key = None, token: Token = "", url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the partner's own watchlists."""
    with connect(url, token, key) as client:
        found = call(client, "GET", "/v1/watchlists").json()["watchlists"]
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("watchlist", "title", "entries")
    for item in found:
        table.add_row(item["watchlist"], item["title"], str(item["entries"]))
    Console().print(table)


@commands.command("withdraw")
def withdraw(
    watchlist: Annotated[str, typer.Argument(help="Name of the watchlist.")],
    entry: Annotated[str, typer.Argument(help="The entry's id.")],
    key: Key = None,
    token: Token = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Withdraw one entry: it is gone from every search at once, and its key is destroyed."""
    path = f"/v1/watchlists/{watchlist}/entries/{entry}"
    with connect(url, token, key) as client:
        call(client, "GET", path)  # the API lets a DELETE be repeated; here it would hide a wrong id
        call(client, "DELETE", path)
    typer.echo(f"{entry} is withdrawn from {watchlist}.")


def _remarks(result: dict[str, Any]) -> Iterator[str]:
    """What the owner should look at in an entry that was written."""
    alike = [f"{other['watchlist']}/{other['entry_id']}" for other in result.get("near_duplicates") or ()]
    if alike:
        yield f"{result['entry_id']} is like {', '.join(alike)}: the same person twice?"
    if result.get("quarantined"):
        yield f"{result['entry_id']} is like far too many people: it is stored and not searched (docs/api.md)"


def _chosen(client: httpx2.Client, name: str | None) -> str:
    """Return the watchlist of that name, which is made if need be, or the only one there is."""
    own = [item["watchlist"] for item in call(client, "GET", "/v1/watchlists").json()["watchlists"]]
    if name is None and len(own) == 1:
        return str(own[0])
    if name is None:
        raise CallFailed(f"the partner has {len(own)} watchlists", hint="Name one with --watchlist.")
    if name not in own:
        call(client, "PUT", f"/v1/watchlists/{name}", json={"title": name})
    return name


def _import_lines(
    client: httpx2.Client, watchlist: str, lines: BinaryIO, assume_ppi: int | None
) -> Iterator[dict[str, Any]]:
    """Send the file a few lines at a time and yield one result for each line, numbered by the file's lines."""
    first = 0
    path = f"/v1/watchlists/{watchlist}/entries:import"
    for chunk in _chunks(lines if assume_ppi is None else (_at_resolution(line, assume_ppi) for line in lines)):
        for result in _send(client, path, chunk):
            yield result | {"line": result["line"] + first}
        first += len(chunk)


def _chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Put lines together as they are sent; one that is longer than a request should be goes by itself."""
    chunk, size = list[bytes](), 0
    for line in lines:
        if chunk and (len(chunk) == LINES_PER_REQUEST or size + len(line) > BYTES_PER_REQUEST):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield chunk


def _send(client: httpx2.Client, path: str, chunk: list[bytes]) -> Iterator[dict[str, Any]]:
    """Send lines; one that is by itself and too long for a request is refused like other bad lines."""
    try:
        content_type = {"Content-Type": "application/x-ndjson"}
        answer = call(client, "POST", path, content=b"".join(chunk), headers=content_type)
    except CallFailed as error:
        if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE or len(chunk) > 1:
            raise
        yield {"line": 1, "status": "refused", "problem": {"detail": error.detail, "hint": error.hint}}
        return
    yield from map(json.loads, answer.text.splitlines())


def _at_resolution(line: bytes, assume_ppi: int) -> bytes:
    """Have a resolution assumed for every fingerprint of a line that asks for none; the service judges broken lines."""
    try:
        fingerprints = (entry := json.loads(line))["fingerprints"]
        entry["fingerprints"] = [{"assume_ppi": assume_ppi} | fingerprint for fingerprint in fingerprints]
    except (ValueError, TypeError, KeyError, RecursionError):
        return line
    return json.dumps(entry).encode() + b"\n"


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    return Progress(*columns, TimeRemainingColumn(), console=Console(file=sys.stderr))
