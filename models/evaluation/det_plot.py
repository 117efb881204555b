"""The DET curve as SVG: false non-match rate over false match rate, both axes logarithmic (ISO/IEC 19795-1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from models.evaluation.rates import ErrorCurve

WIDTH, HEIGHT = 760, 560
LEFT, TOP, RIGHT, BOTTOM = 84, 56, 24, 64
LOWEST_DECADE = -6
COLOURS = ("#0b5394", "#b45f06", "#38761d", "#741b47")
"""Told apart in print and by colour-blind readers by their dashes as well."""
DASHES = ("", "7 4", "2 3", "9 3 2 3")
MAX_POINTS = 600


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of the plot and its name in the legend."""

    name: str
    curve: ErrorCurve


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where rates lie on the page; each axis spans from a power of ten to 1."""

    fmr_decade: int
    fnmr_decade: int

    def x(self, fmr: float) -> float:
        share = (math.log10(max(fmr, 10.0**self.fmr_decade)) - self.fmr_decade) / -self.fmr_decade
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, fnmr: float) -> float:
        share = (math.log10(max(fnmr, 10.0**self.fnmr_decade)) - self.fnmr_decade) / -self.fnmr_decade
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def draw_det(title: str, lines: list[Line]) -> str:
    """Return the plot as an SVG document, text and lines only.

    An error rate of zero has no place on a logarithmic axis: a curve ends where its data do, at one false match or one
    false non-match.
    """
    trimmed = [_seen(line.curve) for line in lines]
    frame = _Frame(_decade([fmr for fmr, _ in trimmed]), _decade([fnmr for _, fnmr in trimmed]))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="13" role="img" aria-label="{_quoted(title)}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 30, title, anchor="middle", size=17),
        *_axes(frame),
        *[_path(frame, rates, number) for number, rates in enumerate(trimmed)],
        *_legend(lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _seen(curve: ErrorCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return FMR and FNMR where both were seen, as corners of the step curve, few enough to draw."""
    seen = (curve.fmr > 0) & (curve.fnmr > 0)
    fmr, fnmr = curve.fmr[seen], curve.fnmr[seen]
    if fmr.size > MAX_POINTS:
        wanted = np.geomspace(fmr[-1], fmr[0], MAX_POINTS)
        kept = np.unique(np.minimum(fmr.size - 1 - np.searchsorted(fmr[::-1], wanted), fmr.size - 1))
        fmr, fnmr = fmr[kept], fnmr[kept]
    return fmr, fnmr


def _decade(columns: list[NDArray[np.float64]]) -> int:
    """Return the power of ten where an axis starts: at or below every rate seen, from -1 down to `LOWEST_DECADE`."""
    lowest = min((float(rates.min()) for rates in columns if rates.size), default=0.01)
    return min(-1, max(LOWEST_DECADE, math.floor(math.log10(lowest))))


def _axes(frame: _Frame) -> list[str]:
    parts = []
    for decade in range(frame.fmr_decade, 1):
        x = frame.x(10.0**decade)
        parts.append(_grid(x, TOP, x, HEIGHT - BOTTOM))
        parts.append(_text(x, HEIGHT - BOTTOM + 20, _percent(decade), anchor="middle"))
    for decade in range(frame.fnmr_decade, 1):
        y = frame.y(10.0**decade)
        parts.append(_grid(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 8, y + 4, _percent(decade), anchor="end"))
    lowest = 10.0 ** max(frame.fmr_decade, frame.fnmr_decade)
    parts.append(
        f'<line x1="{frame.x(lowest):.1f}" y1="{frame.y(lowest):.1f}" x2="{frame.x(1):.1f}" y2="{frame.y(1):.1f}" '
        'stroke="#999999" stroke-dasharray="3 4"/>'
    )
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, "False match rate (FMR)", anchor="middle", size=14))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text x="22" y="{middle:.1f}" transform="rotate(-90 22 {middle:.1f})" text-anchor="middle" font-size="14" '
        'fill="#222222">False non-match rate (FNMR)</text>'
    )
    return parts


def _path(frame: _Frame, rates: tuple[NDArray[np.float64], NDArray[np.float64]], number: int) -> str:
    points = " ".join(f"{frame.x(fmr):.1f},{frame.y(fnmr):.1f}" for fmr, fnmr in zip(*rates, strict=True))
    return f'<polyline points="{points}" fill="none" {_stroke(number)} stroke-linejoin="round"/>'


def _legend(lines: list[Line]) -> list[str]:
    parts = []
    left, top = WIDTH - RIGHT - 290, TOP + 14
    height = 22 * (len(lines) + 1) + 8
    parts.append(
        f'<rect x="{left}" y="{top}" width="278" height="{height}" fill="#ffffff" fill-opacity="0.9" stroke="#cccccc"/>'
    )
    for number, line in enumerate(lines):
        y = top + 20 + 22 * number
        parts.append(f'<line x1="{left + 10}" y1="{y - 4}" x2="{left + 48}" y2="{y - 4}" {_stroke(number)}/>')
        parts.append(_text(left + 58, y, f"{line.name} (EER {line.curve.eer():.2%})"))
    y = top + 20 + 22 * len(lines)
    parts.append(
        f'<line x1="{left + 10}" y1="{y - 4}" x2="{left + 48}" y2="{y - 4}" stroke="#999999" stroke-dasharray="3 4"/>'
    )
    parts.append(_text(left + 58, y, "FMR = FNMR"))
    return parts


def _stroke(number: int) -> str:
    style = number % len(COLOURS)
    return f'stroke="{COLOURS[style]}" stroke-width="2.2" stroke-dasharray="{DASHES[style] or "none"}"'


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, content: str, *, anchor: str = "start", size: int = 13) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} fill="#222222">{escape(content)}</text>'


def _quoted(content: str) -> str:
    return escape(content, {'"': "&quot;"})


def _percent(decade: int) -> str:
    return f"{100 * 10.0**decade:.{max(0, -2 - decade)}f} %"
