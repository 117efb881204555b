"""How the fingers of two people become one score: nothing honest hides a mated finger, and chance is paid for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import calibration
from models.samples import Position
from tests.watchlists.makers import ALERTS, NOW, SPACE, Node, entry, finger
from watchlists.gallery import LocalGallery, SearchResult
from watchlists.gallery.fingers import NOT_COMPARED, FingerScores, finger_score
from watchlists.records import Templates

POSITIONS = tuple(Position)[1:]
STRANGER = 50
scores = st.floats(0.0, calibration.SCORE_CAP)


def search(gallery: LocalGallery, probe: Templates, target_fpir: float = 0.01) -> SearchResult:
    return gallery.search(probe, {ALERTS}, considered={ALERTS}, target_fpir=target_fpir, now=NOW)


def probe_of(person: int, positions: tuple[Position, ...]) -> Templates:
    return Templates(fingers=tuple(finger(person, 1, position) for position in positions))


@pytest.mark.parametrize("person", range(4))
@pytest.mark.parametrize("enrolled", [Position.RIGHT_INDEX, Position.LEFT_THUMB])
def test_more_fingers_lose_no_finger_that_was_enrolled_without_position(
    node: Node, person: int, enrolled: Position
) -> None:
    stored = replace(finger(person, 0, enrolled), position=Position.UNKNOWN)
    node.store.put_entry(entry("e1"), Templates(fingers=(stored,)))
    gallery = node.gallery()

    alone = search(gallery, probe_of(person, (enrolled,))).candidates[0].score
    assert alone > 5
    for count in (2, 5, 10):
        others = tuple(position for position in POSITIONS if position is not enrolled)[: count - 1]
        result = search(gallery, probe_of(person, (*others, enrolled)))
        assert result.compared_templates == count
        assert [candidate.score for candidate in result.candidates] == [pytest.approx(alone - np.log10(count))]
        assert search(gallery, probe_of(person, others)).candidates == ()


def test_ten_fingers_of_a_probe_without_positions_find_an_enrolled_one(node: Node) -> None:
    node.store.put_entry(entry("e1"), Templates(fingers=(finger(1, 0, Position.LEFT_RING),)))
    gallery = node.gallery()

    unknown = tuple(replace(template, position=Position.UNKNOWN) for template in probe_of(1, POSITIONS).fingers)
    assert [candidate.key.entry for candidate in search(gallery, Templates(fingers=unknown)).candidates] == ["e1"]


def test_ten_weak_fingers_together_are_strong() -> None:
    """None of them would be flagged in any gallery; together they are beyond chance."""
    assert (finger_score([2.0] * 10, best_pair=0.0, pairs=0) or 0.0) > calibration.MAXIMUM_FLAG_SCORE
    assert finger_score([2.0], best_pair=0.0, pairs=0) == pytest.approx(2.0)


def test_a_finger_at_the_top_of_the_scale_is_flagged_however_large_the_gallery(node: Node) -> None:
    stored = replace(finger(1, 1), position=Position.UNKNOWN)
    node.store.put_entry(entry("e1"), Templates(fingers=(stored,)))
    gallery = node.gallery()

    result = search(gallery, probe_of(1, POSITIONS), target_fpir=1e-12)  # as with so many more templates
    assert result.threshold == calibration.MAXIMUM_FLAG_SCORE
    assert [candidate.score for candidate in result.candidates] == [pytest.approx(calibration.SCORE_CAP - 1)]


def test_spoilt_fingers_do_not_hide_a_mated_one(node: Node) -> None:
    """One of the positions is mated; in the others lie fingers of somebody else."""
    node.store.put_entry(entry("e1"), Templates(fingers=tuple(finger(1, 0, position) for position in POSITIONS)))
    gallery = node.gallery()
    alone = search(gallery, probe_of(1, POSITIONS[:1])).candidates[0].score
    assert alone > 5

    for count in (2, 5, 10):
        fingers = probe_of(1, POSITIONS[:1]).fingers + probe_of(STRANGER, POSITIONS[1:count]).fingers
        (candidate,) = search(gallery, Templates(fingers=fingers)).candidates
        assert candidate.finger is not None
        assert candidate.finger > alone - np.log10(2 * count) - 1e-9


def test_the_threshold_does_not_pay_for_pairs_again(node: Node) -> None:
    for person in range(200, 230):
        stored = replace(finger(person), position=Position.UNKNOWN)
        node.store.put_entry(entry(f"e{person}"), Templates(fingers=(stored,)))
    gallery = LocalGallery(node.store, SPACE)
    gallery.load()

    result = search(gallery, probe_of(1, POSITIONS))
    assert result.compared_templates == 300
    assert result.threshold == pytest.approx(np.log10(30 / 0.01))


@pytest.mark.parametrize(("known", "pairs"), [(1, 0), (2, 0), (10, 0), (0, 1), (0, 10), (0, 100), (1, 9), (10, 20)])
def test_strangers_score_no_more_than_chance_allows(known: int, pairs: int) -> None:
    rng = np.random.default_rng(known * 1000 + pairs)
    draws = 20_000
    strangers = -np.log10(1 - rng.random((draws, known + pairs)))  # P(score >= s) = 10**-s each
    found = np.array(
        [finger_score(drawn[:known].tolist(), drawn[known:].max(initial=0.0), pairs) for drawn in strangers]
    )
    for score in (0.5, 1.0, 1.5, 2.0, 2.5):
        expected = draws * 10**-score
        assert np.count_nonzero(found >= score) <= expected + 4 * np.sqrt(expected)


@given(
    positions=st.lists(st.lists(st.just(NOT_COMPARED) | scores, min_size=3, max_size=3), max_size=10),
    best_pair=st.lists(scores, min_size=3, max_size=3),
    pairs=st.lists(st.integers(0, 100), min_size=3, max_size=3),
    wanted=scores,
)
def test_no_entry_that_reaches_a_score_is_left_out(
    positions: list[list[float]], best_pair: list[float], pairs: list[int], wanted: float
) -> None:
    fingers = FingerScores(
        np.array(positions).reshape(-1, 3), np.where(pairs, best_pair, 0.0), np.array(pairs), comparisons=1
    )
    promising = fingers.at_least(wanted)
    for number in range(3):
        score = fingers.of(number)
        if score is not None and (score >= wanted + 1e-9 or fingers.best(number) >= wanted):
            assert number in promising
