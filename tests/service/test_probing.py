"""Who is taken for one subject, and how often one subject may be checked: on generated fingers and on vectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.calibration import FACE, MAXIMUM_FLAG_SCORE, VERIFICATION_SCORE
from models.fingerprint.cylinders import build_template
from models.fingerprint.minutiae import Minutiae
from models.fingerprint.synthetic import SyntheticFinger
from models.samples import Position
from models.scores import neighbour_score
from service.probing import Excess, ProbeBudget, excess
from service.recent_probes import RecentProbe, RecentProbes
from watchlists.records import FaceTemplate, Templates

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BUDGET = ProbeBudget(timedelta(hours=1), at_terminal=3, at_partner=5, remembered=100)


def finger(number: int, impression: int = 0, position: Position = Position.RIGHT_INDEX) -> Templates:
    return Templates(fingers=(build_template(SyntheticFinger(number).impression(impression), position),))


def turned_face(degrees: float) -> Templates:
    """A face whose vector is turned in one plane: the more degrees apart, the less two of them are alike."""
    vector = np.zeros(128, np.float32)
    vector[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return Templates(faces=(FaceTemplate("test", vector),))


class Watched:
    """The recent probes of one partner, spoken to in sentences."""

    def __init__(self, capacity: int = 100) -> None:
        self.recent = RecentProbes(FACE, capacity)

    def see(self, probe: Templates, terminal: str = "gate-1", after: float = 0) -> int:
        """Remember a probe; return how many of its subject are remembered now."""
        chain = self.recent.chain_of(probe, terminal)
        self.recent.remember(probe, terminal, NOW + timedelta(minutes=after), chain)
        return len(chain)


def test_probes_of_one_subject_form_a_chain() -> None:
    watched = Watched()
    assert [watched.see(finger(1, impression)) for impression in range(4)] == [1, 2, 3, 4]
    assert watched.see(finger(2)) == 1


def test_a_face_links_what_the_fingers_do_not() -> None:
    watched = Watched()
    watched.see(Templates(turned_face(0).faces, finger(1).fingers))
    assert watched.see(Templates(turned_face(0).faces, finger(2).fingers)) == 2


def test_a_slow_drift_stays_in_its_chain() -> None:
    watched = Watched()
    steps = range(0, 200, 10)
    assert [watched.see(turned_face(degrees)) for degrees in steps] == list(range(1, len(steps) + 1))
    alone = Watched()
    alone.see(turned_face(0))
    assert alone.see(turned_face(190)) == 1  # the ends of the drift have nothing in common


def test_a_probe_between_two_chains_joins_them() -> None:
    watched = Watched()
    assert [watched.see(turned_face(degrees)) for degrees in (0, 5, 60, 65)] == [1, 2, 1, 2]
    assert watched.see(turned_face(32)) == 5


def test_another_name_for_the_finger_does_not_break_the_chain() -> None:
    watched = Watched()
    assert [watched.see(finger(1, position=position)) for position in (Position.RIGHT_INDEX, Position.LEFT_THUMB)] == [
        1,
        2,
    ]


def test_strangers_do_not_form_chains() -> None:
    watched = Watched(capacity=1000)
    assert {watched.see(finger(number)) for number in range(150)} == {1}


def test_what_has_left_the_window_is_forgotten() -> None:
    watched = Watched()
    for minutes in (0, 10, 20):
        watched.see(Templates(turned_face(0).faces, finger(1).fingers), after=minutes)
    watched.recent.forget_before(NOW + timedelta(minutes=10))
    assert len(watched.recent) == 1
    assert watched.see(finger(1), after=30) == 2


def test_a_flood_of_strangers_does_not_wash_a_chain_away() -> None:
    watched = Watched(capacity=20)
    watched.see(finger(1))
    watched.see(finger(1, 1))
    for number in range(100, 150):
        watched.see(finger(number))
    assert len(watched.recent) == 20
    assert watched.see(finger(1, 2)) == 3


def test_rows_are_used_again() -> None:
    watched = Watched(capacity=5)
    for degrees in range(0, 3600, 40):
        watched.see(turned_face(degrees))
    assert len(watched.recent) == 5


def probes(*minutes: tuple[str, int]) -> set[RecentProbe]:
    return {RecentProbe(NOW + timedelta(minutes=at), terminal, set(), (), ()) for terminal, at in minutes}


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (probes(), None),
        (probes(("a", 0), ("a", 1), ("b", 2)), None),
        (probes(("a", 0), ("a", 1), ("a", 2)), Excess("terminal", 3, NOW + timedelta(minutes=60))),
        (probes(("a", 0), ("a", 1), ("a", 2), ("a", 3)), Excess("terminal", 3, NOW + timedelta(minutes=61))),
        (probes(("b", 0), ("b", 1), ("b", 2), ("c", 3), ("a", 4)), Excess("partner", 5, NOW + timedelta(minutes=60))),
        (
            probes(("b", 0), ("b", 1), ("a", 5), ("a", 6), ("a", 7)),
            Excess("terminal", 3, NOW + timedelta(minutes=65)),
        ),
    ],
)
def test_a_budget_counts_the_window_and_says_when_it_is_free(chain: set[RecentProbe], expected: Excess | None) -> None:
    assert excess(chain, "a", BUDGET) == expected


def test_the_more_is_compared_the_more_two_probes_must_resemble_each_other() -> None:
    scores = [neighbour_score(comparisons, 0.001) for comparisons in (0, 1, 10, 1000, 10**6)]
    assert scores == [VERIFICATION_SCORE, VERIFICATION_SCORE, 4.0, 6.0, MAXIMUM_FLAG_SCORE]


def test_a_sparse_print_is_recognised_among_many() -> None:
    """Ten minutiae, as of a latent print, changed one at a time: what an attack begins with."""
    watched = Watched(capacity=2000)
    for number in range(100, 250):
        watched.see(finger(number))
    whole = SyntheticFinger(1).impression(0)
    nearest = np.argsort(((whole.xy - whole.xy.mean(axis=0)) ** 2).sum(axis=1))[:11]
    for count, left_out in enumerate(nearest, start=1):
        kept = nearest[nearest != left_out]
        part = Minutiae(whole.xy[kept], whole.angle[kept], whole.kind[kept], whole.quality[kept])
        assert watched.see(Templates(fingers=(build_template(part, Position.UNKNOWN),))) == count
