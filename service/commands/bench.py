"""`crosscheck bench`: figures of this machine, each beside the baseline it is to be judged against."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

commands = typer.Typer(
    help="Measure speed and accuracy end to end on this machine.", no_args_is_help=True, add_completion=False
)


@commands.callback()
def bench() -> None:
    """Keep `bench` a group, whatever number of benchmarks it has."""


@commands.command("checks")
def checks(
    folder: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, metavar="DIR", help="Faces with a manifest.csv (path, identity)."),
    ],
    clients: Annotated[int, typer.Option(min=1, help="Terminals that check at the same time.")] = 2,
    reference: Annotated[bool, typer.Option("--reference", help="Measure face_recognition beside it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Enrol faces over HTTP, check the others over HTTP: error rates at the default threshold, latency, memory.

    Gallery: the first image of each identity, those with a single image being distractors. Mated searches: every other
    image. Non-mated searches: the same images again after their identities were withdrawn.
    """
    from service.commands.bench_checks import measure_brute_force, measure_checks, read_plan

    plan = read_plan(folder)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = [measure_checks(plan, clients, progress)]
        if reference:
            figures.append(measure_brute_force(plan, clients, progress))
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in figures]))
        return
    table = Table("", *(item.system for item in figures), title=f"{len(plan.probes)} checks, {clients} clients")
    rows = {name: [asdict(item)[name] for item in figures] for name in asdict(figures[0]) if name != "system"}
    for name, values in rows.items():
        table.add_row(name.replace("_", " "), *(f"{value:.4g}" for value in values))
    Console().print(table)


@commands.command("fingerprints")
def fingerprints(
    size: Annotated[int, typer.Option(min=1, help="Templates in the gallery.")] = 10_000,
    rank1: Annotated[bool, typer.Option("--rank1", help="Measure the rank1 loss too, which takes long.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search a gallery of generated fingers for other impressions of them: speed, loss, memory.

    A search of a large gallery compares a shortlist exactly. `shortlist loss` is the share of mates that an exhaustive
    search would flag and this one does not compare, `rank1 loss` that of mates it would rank first. All times are of
    one thread; positions are unknown, so that every template is searched. 100,000 templates take three minutes on two
    cores, most of it to generate them; with --rank1 ten more, for 150 probes are compared with everybody.
    """
    from service.commands.bench_fingerprints import measure_fingerprints

    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = asdict(measure_fingerprints(size, progress, rank1=rank1))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    table = Table("figure", "value", title=f"{size} generated fingers")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), "-" if value is None else f"{value:,.4g}")
    Console().print(table)


@commands.command("attack")
def attack(
    checks: Annotated[int, typer.Option(min=10, help="Checks that each attack sends.")] = 300,
    fingers: Annotated[int, typer.Option(min=1, help="Fingers attacked, one after another.")] = 3,
    timing: Annotated[bool, typer.Option("--timing", help="Time checks of persons listed unseen and not.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Climb towards fingers on a watchlist with made-up records: by what the answers show, and under the budget.

    An attack begins with a part of a print that is a weak hit. `reached` is the true score of its result, whatever the
    attacker is shown. With --timing, that many pairs of checks are timed instead: one while the watchlist holds an
    entry of the person that the terminal may not see, one while it does not. Once it is hidden, once its alarm silent.
    """
    from service.commands.bench_attack import measure_attack
    from service.commands.bench_timing import measure_timing

    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = measure_timing(checks, progress) if timing else measure_attack(checks, fingers, progress)
    rows = [asdict(item) for item in figures]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*(value if isinstance(value, str) else f"{value:.4g}" for value in row.values()))
    Console().print(table)


@commands.command("rules")
def rules(
    entries: Annotated[int, typer.Option(min=1, help="Entries in the gallery.")] = 1_000_000,
    classes: Annotated[int, typer.Option(min=1, help="Visibility classes among them.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What a decision costs, remembered and made anew, and what rules add to a search of a large gallery.

    The agreement is one among ten partners with seven rules; all times are of one thread.
    """
    from service.commands.bench_rules import measure_rules

    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = asdict(measure_rules(entries, classes, progress))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    table = Table("figure", "value", title="Rules")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.4g}")
    Console().print(table)


@commands.command("custody")
def custody(
    size: Annotated[int, typer.Option(min=1000, help="Entries in the gallery, one generated face each.")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Import, change-to-searchable delay, cold start, feed and memory of a node with many entries.

    Works on a data folder of its own, which is removed afterwards; a million entries take 3 GB of disk and five
    minutes. Durability is on, as always.
    """
    from service.commands.bench_custody import measure_custody

    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = asdict(measure_custody(size, progress))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    table = Table("figure", "value", title=f"{size:,} entries")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.4g}")
    Console().print(table)


@commands.command("audit")
def audit(
    size: Annotated[int, typer.Option(min=1000, help="Events in the log.")] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Append events to a new audit log, prove some of them, and verify the whole."""
    from service.commands.bench_audit import measure_audit

    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = asdict(measure_audit(size, progress))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    table = Table("", "", title="Audit log")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.4g}" if isinstance(value, float) else f"{value:,}")
    Console().print(table)


@commands.command("load")
def load(
    size: Annotated[int, typer.Option(min=1000, help="Entries in the gallery, one generated face each.")] = 100_000,
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure, at a rate that can be held.")] = 120,
    overload: Annotated[float, typer.Option(min=1, help="How long to ask for three times as much.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check people over HTTP as fast as two processes can, beside pure encoding; then ask for three times as much.

    On a data folder of its own, with the audit log on and requests signed; it takes about eight minutes.
    """
    from service.commands.bench_load import measure_load

    with Progress(console=Console(stderr=True), transient=True) as progress:
        figures = asdict(measure_load(size, seconds, overload, progress))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    table = Table("figure", "value", title=f"{size:,} entries")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.4g}" if isinstance(value, float) else str(value))
    Console().print(table)
