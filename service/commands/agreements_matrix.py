"""The matrix of an agreement for people: who sees what of whom, in tables no wider than a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from watchlists.agreements.levels import Level
from watchlists.agreements.matrix import Cell, Cells, Direction

WIDTH: Final = 100
_BORDERS: Final = 3
"""Characters that a column takes beside its words."""

Column = Sequence[str]
"""Its heading and its cells."""


def print_matrix(console: Console, matrix: Sequence[tuple[Sequence[Direction], Cells]]) -> None:
    """Print a table for each part, or several below each other where one would cut words off."""
    parties = {direction.asker for directions, _ in matrix for direction in directions}
    width = min(console.width, WIDTH)
    for directions, cells in matrix:
        title = heading(directions, parties)
        if not any(cell.at_once or cell.later for cell in cells.values()):
            console.print(f"{title}: nothing")
            continue
        console.print(title, style="italic")
        for table in _tables(cells, width):
            console.print(table, width=width)


def heading(directions: Iterable[Direction], parties: set[str]) -> str:
    """Name who asks about whom in few words, such as "xa, xb (police) about all"."""
    owners: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for each in directions:
        owners[each.asker, each.authority].add(each.owner)
    askers: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (asker, authority), about in owners.items():
        askers[_about(asker, about, parties), authority].append(asker)
    return "; ".join(
        f"{', '.join(sorted(names))}{f' ({authority})' if authority else ''} about {_said(about, names, parties)}"
        for (about, authority), names in askers.items()
    )


def _about(asker: str, owners: set[str], parties: set[str]) -> str:
    """Whose entries, in words that are the same for every asker where that can be."""
    if owners == parties and len(parties) > 1:
        return "all"
    if owners == parties - {asker} and len(parties) > 1:
        return "the others"
    return ", ".join(["its own"] * (asker in owners) + sorted(owners - {asker}))


def _said(about: str, askers: Sequence[str], parties: set[str]) -> str:
    if about == "the others" and len(askers) == len(parties):
        return "each other"
    if about == "the others" and len(parties) == 2:
        return next(iter(parties - set(askers)))
    return about.replace("its own", "their own") if len(askers) > 1 else about


def _tables(cells: Cells, width: int) -> Iterator[Table]:
    """Tables with the same rows; purposes that lead to the same stand in one row, categories in one column."""
    purposes, categories = sorted({purpose for purpose, _ in cells}), sorted({category for _, category in cells})
    rows = _alike({purpose: [cells[purpose, category] for category in categories] for purpose in purposes})
    columns = _alike({category: [cells[purpose, category] for purpose in purposes] for category in categories})
    first = ["purpose", *(",\n".join(row) for row in rows)]
    others = [[",\n".join(column), *(_shown(cells[row[0], column[0]]) for row in rows)] for column in columns]
    for chunk in _chunks(first, others, width):
        yield _table([first, *chunk], width)


def _alike(lines: Mapping[str, Sequence[Cell]]) -> list[tuple[str, ...]]:
    """The names with equal cells together."""
    names: defaultdict[tuple[Cell, ...], tuple[str, ...]] = defaultdict(tuple)
    for name, cells in lines.items():
        names[tuple(cells)] += (name,)
    return list(names.values())


def _chunks(first: Column, others: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """As many columns at a time as keep their words whole; at least one."""
    chunk: list[Column] = []
    for column in others:
        if chunk and _room([first, *chunk, column], _longest_word) > width:
            yield chunk
            chunk = []
        chunk.append(column)
    yield chunk


def _table(columns: Sequence[Column], width: int) -> Table:
    narrow = _room(columns, _longest_line) > width
    table = Table()
    for column in columns:
        table.add_column(escape(column[0]), width=_longest_word(column) if narrow else None)
    for row in zip(*(column[1:] for column in columns), strict=True):
        table.add_row(*map(escape, row))
    return table


def _room(columns: Iterable[Column], measure: Callable[[Column], int]) -> int:
    return 1 + sum(measure(column) + _BORDERS for column in columns)


def _longest_word(column: Column) -> int:
    return max(len(word) for text in column for word in text.split())


def _longest_line(column: Column) -> int:
    return max(len(line) for text in column for line in text.splitlines())


def _shown(cell: Cell) -> str:
    levels = _word(cell.at_once) if cell.later is cell.at_once else f"{_word(cell.at_once)} -> {_word(cell.later)}"
    return " ".join([levels, *(f"[{mark}]" for mark in sorted(cell.marks))])


def _word(level: Level) -> str:
    return level.word if level else "-"
