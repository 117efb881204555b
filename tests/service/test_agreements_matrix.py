"""The matrix on paper: who asks about whom in few words, and tables that keep theirs whole within a page."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console

from service.commands.agreements_matrix import WIDTH, heading, print_matrix
from watchlists.agreements import load_agreement
from watchlists.agreements.levels import Level
from watchlists.agreements.matrix import Cell, Cells, Direction, Mark, matrix

WORKED = Path(__file__).parents[2] / "docs/agreements"
TWO, THREE = {"xa", "xb"}, {"xa", "xb", "xc"}


def printed(parts: Sequence[tuple[tuple[Direction, ...], Cells]], width: int = 160) -> list[str]:
    paper = StringIO()
    print_matrix(Console(file=paper, width=width), parts)
    return paper.getvalue().splitlines()


@pytest.mark.parametrize(
    ("parties", "directions", "said"),
    [
        (TWO, [("xa", "xb"), ("xb", "xa")], "xa, xb about each other"),
        (TWO, [("xa", "xb")], "xa about xb"),
        (TWO, [("xa", "xa"), ("xb", "xb")], "xa, xb about their own"),
        (TWO, [("xb", "xb")], "xb about its own"),
        (TWO, [("xa", "xa"), ("xa", "xb")], "xa about all"),
        (THREE, [(one, other) for one, other in product(THREE, THREE) if one != other], "xa, xb, xc about each other"),
        (THREE, [("xa", "xb"), ("xa", "xc")], "xa about the others"),
        (THREE, [("xa", "xc"), ("xb", "xc"), ("xb", "xb")], "xa about xc; xb about its own, xc"),
        ({"xa"}, [("xa", "xa")], "xa about its own"),
    ],
)
def test_directions_are_named_in_few_words(parties: set[str], directions: list[tuple[str, str]], said: str) -> None:
    assert heading([Direction(*each) for each in directions], parties) == said
    with_police = [Direction(*each, "police") for each in directions]
    assert heading(with_police, parties) == said.replace(" about", " (police) about")


@pytest.mark.parametrize("name", ["interpol", "prum", "sis"])
@pytest.mark.parametrize("width", [80, WIDTH, 160])
def test_worked_agreements_fit_a_page_with_whole_words(name: str, width: int) -> None:
    agreement = load_agreement(WORKED / name)
    lines = printed(matrix(agreement), width)
    assert max(map(len, lines)) <= min(width, WIDTH)
    words = set(" ".join(line.replace("┃", " ").replace("│", " ").replace(",", " ") for line in lines).split())
    assert agreement.categories <= words
    assert agreement.purposes <= words


def test_what_does_not_fit_beside_each_other_stands_below_each_other() -> None:
    def cell(number: int) -> Cell:
        return Cell(Level.HIT, Level(number % 6 + 1), frozenset({Mark.JUSTIFY} if number % 5 else ()))

    categories = [f"a-category-of-its-own-{number}" for number in range(9)]
    cells = {("border-check", category): cell(number) for number, category in enumerate(categories)}
    direction = Direction("xa", "xb"), Direction("xb", "xa")
    lines = printed([((direction[0],), cells), ((direction[1],), dict.fromkeys(cells, Cell(Level.NONE, Level.NONE)))])
    assert lines[-1] == "xb about xa: nothing"
    assert sum("purpose" in line for line in lines) == 3
    assert all(any(category in line for line in lines) for category in categories)


def test_what_leads_to_the_same_stands_together() -> None:
    hit, none = Cell(Level.HIT, Level.ALERT, frozenset({Mark.QUOTA})), Cell(Level.NONE, Level.NONE)
    seen = {("asylum", "a"), ("asylum", "c"), ("border", "a"), ("border", "c")}
    cells = {each: hit if each in seen else none for each in product(("asylum", "border", "visa"), "abc")}
    rows = [
        [cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")]
        for line in printed([((Direction("xa", "xa"),), cells)])
        if line[0] in "┃│"
    ]
    assert rows == [
        ["", "a,", ""],
        ["purpose", "c", "b"],
        ["asylum,", "hit -> alert [quota]", "-"],
        ["border", "", ""],
        ["visa", "-", "-"],
    ]
