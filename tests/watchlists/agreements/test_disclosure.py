"""The mask: a level shows its own fields and those below, and never one above."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlists.agreements.disclosure import FIELD_LEVEL, Clause, Disclosure, FullCandidate, mask, tenths
from watchlists.agreements.levels import Level

SHOWN = [level for level in Level if level]
SECRET = st.text(st.characters(codec="utf-8"), min_size=12, max_size=30)


@given(st.sampled_from(SHOWN), st.floats(0, 30), SECRET, SECRET, SECRET, SECRET, SECRET)
def test_mask_never_shows_a_field_above_the_level(
    level: Level, score: float, band: str, reference: str, category: str, action: str, name: str
) -> None:
    secrets: dict[str, list[Any]] = {
        "band": [band],
        "score": [tenths(score) / 10],
        "reference": [reference],
        "alert": [category, action],
        "subject": [name],
    }
    masked: dict[str, Any] = {}
    candidate = FullCandidate(score, band, reference, category, {"family_name": name})
    masked |= mask(Disclosure(level, action=action), candidate)
    for field, values in secrets.items():
        shown = level >= FIELD_LEVEL[field]
        assert (masked[field] is not None) is shown
        if shown:
            assert all(json.dumps(value) in json.dumps(masked[field]) for value in values)
    everything = json.dumps(list(masked.values()))  # without the names of fields, which a text may happen to be
    allowed = {value for field, values in secrets.items() if level >= FIELD_LEVEL[field] for value in values}
    hidden = {value for field, values in secrets.items() if level < FIELD_LEVEL[field] for value in values} - allowed
    assert not [value for value in hidden if isinstance(value, str) and json.dumps(value) in everything]


def test_mask_of_the_highest_level() -> None:
    disclosure = Disclosure(
        Level.BIOGRAPHICS, ("tlp-red",), (Clause("xa-xb", 2, "all", "Art. 9"),), action="inform-officer"
    )
    candidate = FullCandidate(5.16, "strong", "E-1", "wanted", {"family_name": "N"})
    assert mask(disclosure, candidate) == {
        "level": "biographics",
        "band": "strong",
        "score": 5.1,
        "reference": "E-1",
        "alert": {"category": "wanted", "action": "inform-officer"},
        "subject": {"family_name": "N"},
        "links": None,
        "misused_identity": None,
        "handling": ["tlp-red"],
        "duties": [],
        "decided_by": [{"agreement": "xa-xb", "version": 2, "clause": "all", "cites": "Art. 9"}],
    }


def test_level_none_cannot_be_masked() -> None:
    with pytest.raises(ValueError, match="left out"):
        mask(Disclosure(Level.NONE), FullCandidate(5.0, "strong", "E-1", "wanted", {}))


@pytest.mark.parametrize(
    ("score", "cut"),
    [(0.0, 0), (-1.0, 0), (0.05, 0), (3.96, 39), (4.0, 40), (0.1 + 0.2, 3), (1.1, 11), (8.2, 82), (30, 300)],
)
def test_tenths_cut_down(score: float, cut: int) -> None:
    assert tenths(score) == cut


@given(st.integers(0, 1000))
def test_tenths_of_tenths_are_exact(whole: int) -> None:
    assert tenths(whole / 10) == whole


@given(st.floats(0, 100), st.floats(0, 100))
def test_tenths_keep_order_and_never_overstate(one: float, other: float) -> None:
    assert (tenths(one) <= tenths(other)) or one > other
    assert tenths(one) / 10 <= one + 1e-6


def test_levels_are_ordered_and_spelt_as_in_rules() -> None:
    assert [str(level) for level in Level] == ["none", "hit", "band", "score", "reference", "alert", "biographics"]
    assert sorted(Level) == list(Level)
