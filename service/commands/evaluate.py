"""`crosscheck evaluate`: accuracy and speed on labelled samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from models.calibration import FINGER_PPI_RANGE
from models.evaluation.comparisons import Comparisons
from models.evaluation.det_plot import Line, draw_det
from models.evaluation.faces import evaluate_faces
from models.evaluation.fingerprints import evaluate_fingerprints
from models.evaluation.fit import fit_calibration
from models.evaluation.intervals import Interval
from models.evaluation.manifest import read_face_manifest, read_fingerprint_manifest, same_impressions
from models.evaluation.reference import ReferenceFigures, measure_reference
from models.evaluation.report import Evaluation
from models.face import FaceEncoder
from models.score_calibration import ScoreCalibration
from models.weights import ModelStore
from service.commands.model_files import prepare_with_progress
from service.settings import Settings

commands = typer.Typer(
    help="Measure accuracy on labelled samples (ISO/IEC 19795-1).", no_args_is_help=True, add_completion=False
)


def _drawable(plot: Path | None) -> Path | None:
    """Refuse a plot that could not be written, before the minutes of measuring."""
    if plot is not None and (plot.suffix.lower() != ".svg" or not plot.parent.is_dir()):
        raise typer.BadParameter("the plot is an .svg file in a folder that exists")
    return plot


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with a manifest.csv.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Plot = Annotated[
    Path | None, typer.Option(metavar="FILE.svg", help="Draw the DET curve.", dir_okay=False, callback=_drawable)
]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only the first samples of the manifest.")]
Fit = Annotated[bool, typer.Option("--fit", help="Also fit a score calibration to these comparisons and print it.")]
AssumePpi = Annotated[
    int | None,
    typer.Option(
        min=FINGER_PPI_RANGE[0],
        max=FINGER_PPI_RANGE[1],
        help="Resolution of all images in pixels an inch, in place of what the records state.",
    ),
]

ProgressReport = Callable[[str, float], None]


@commands.command("faces")
def faces(
    folder: Folder,
    *,
    as_json: AsJson = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Measure face_recognition on the same images, in the same run.")
    ] = False,
    plot: Plot = None,
    limit: Limit = None,
    fit: Fit = False,
) -> None:
    """Measure face recognition; the manifest has the columns path, identity."""
    samples = read_face_manifest(folder)[:limit]
    store = ModelStore(Settings().models_folder)
    prepare_with_progress(store)
    with _progress() as progress:
        encoder = FaceEncoder(store, threads=1)
        comparisons, evaluation = evaluate_faces(samples, encoder, progress)
        beside = measure_reference(samples, progress) if reference else None
        calibration = _fitted(comparisons, folder, progress) if fit else None
    _draw(plot, evaluation, encoder.model, beside)
    _print(evaluation, beside, calibration, as_json=as_json)


@commands.command("fingerprints")
def fingerprints(
    folder: Folder,
    *,
    as_json: AsJson = False,
    plot: Plot = None,
    limit: Limit = None,
    fit: Fit = False,
    assume_ppi: AssumePpi = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR2",
            help="Compare with the same impressions in another folder, where another extractor was used.",
        ),
    ] = None,
) -> None:
    """Measure fingerprint recognition; the manifest has the columns path, set, finger, impression."""
    samples = read_fingerprint_manifest(folder)[:limit]
    others = None if against is None else same_impressions(samples, against, read_fingerprint_manifest(against))
    with _progress() as progress:
        comparisons, evaluation = evaluate_fingerprints(samples, progress, against=others, assume_ppi=assume_ppi)
        calibration = _fitted(comparisons, folder, progress) if fit else None
    _draw(plot, evaluation, "fingerprint", None)
    _print(evaluation, None, calibration, as_json=as_json)


@contextmanager
def _progress() -> Iterator[ProgressReport]:
    """Show a bar for each step on stderr; it leaves no trace in a file or a pipe."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        steps: dict[str, TaskID] = {}

        def report(step: str, share: float) -> None:
            if step not in steps:
                steps[step] = bars.add_task(step, total=1.0)
            bars.update(steps[step], completed=share)

        yield report


def _fitted(comparisons: Comparisons, folder: Path, progress: ProgressReport) -> ScoreCalibration:
    source = f"{folder.resolve().name}, fitted {datetime.now(UTC).date().isoformat()}"
    return fit_calibration(comparisons, source, lambda share: progress("Fitting the calibration", share))


def _draw(plot: Path | None, evaluation: Evaluation, name: str, reference: ReferenceFigures | None) -> None:
    if plot is None:
        return
    lines = [Line(name, evaluation.curve)]
    if reference is not None:
        lines.append(Line("face_recognition", reference.curve))
    title = (
        f"DET, {evaluation.modality.value}: {evaluation.mated:,} mated, {evaluation.nonmated:,} non-mated comparisons"
    )
    plot.write_text(draw_det(title, lines), encoding="utf-8")


def _print(
    evaluation: Evaluation,
    reference: ReferenceFigures | None,
    calibration: ScoreCalibration | None,
    *,
    as_json: bool,
) -> None:
    figures = evaluation.as_json()
    if reference is not None:
        figures["reference"] = reference.as_json(evaluation.encode_ms)
    if calibration is not None:
        figures["calibration"] = {"knots": calibration.knots, "source": calibration.source}
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    console = Console(highlight=False)
    console.print(_table(evaluation, reference))
    if calibration is not None:
        typer.echo(_toml(calibration))


def _toml(calibration: ScoreCalibration) -> str:
    """Return the table that a manifest of an operator's own face model takes (docs/models.md)."""
    knots = "\n".join(f"  [{similarity}, {score}]," for similarity, score in calibration.knots)
    return f"[face.calibration]\nsource = {json.dumps(calibration.source)}\nknots = [\n{knots}\n]"


def _table(evaluation: Evaluation, reference: ReferenceFigures | None) -> Table:
    title = (
        f"{evaluation.modality.value}: {evaluation.samples:,} samples of {evaluation.subjects:,} subjects, "
        f"{evaluation.mated:,} mated and {evaluation.nonmated:,} non-mated comparisons"
    )
    table = Table(title=title, title_justify="left")
    for heading, justify in (("", "left"), ("measured", "right"), ("95 % interval", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    if reference is not None:
        table.add_column("face_recognition", justify="right")
    for label, value, interval, beside in _rows(evaluation, reference):
        table.add_row(label, value, interval, *([beside] if reference is not None else []))
    return table


def _rows(evaluation: Evaluation, reference: ReferenceFigures | None) -> Iterator[tuple[str, str, str, str]]:
    rates = evaluation.rates
    labels = [
        "Failure to enrol",
        "EER",
        *[f"FNMR at FMR {level:.4g}" for level in rates.fnmr_at_fmr],
        "Rank-1",
        *[f"FNIR at FPIR {level:.4g}" for level in rates.fnir_at_fpir],
    ]
    beside: list[Any] = [] if reference is None else [reference.fte, reference.eer, *reference.fnmr_at_fmr.values()]
    beside += [None] * (len(labels) - len(beside))
    for label, rate, interval, other in zip(labels, rates.values(), evaluation.intervals, beside, strict=True):
        yield label, _percent(rate), _span(interval), "" if other is None else _percent(other)
    slower = (
        "" if reference is None else f"{reference.encode_ms:.1f}  ({reference.encode_ms / evaluation.encode_ms:.1f}x)"
    )
    yield "Encode, ms (median, one at a time)", f"{evaluation.encode_ms:.1f}", "", slower
    yield "Comparisons a second (one core)", f"{evaluation.comparisons_per_second:,.0f}", "", ""


def _percent(rate: float | None) -> str:
    return "too few samples" if rate is None else f"{rate:.2%}"


def _span(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.2%} to {interval[1]:.2%}"
