"""Fingers side by side."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.encoder import encode_fingerprint
from models.fingerprint.synthetic import synthetic_template
from models.samples import Position, ReasonCode
from service.review.comparison import Absent, FingerPair, Impression, Missing
from service.review.fingers import MOST_COMPARED, compare_fingers, impression

INDEX, THUMB, UNKNOWN = Position.RIGHT_INDEX, Position.LEFT_THUMB, Position.UNKNOWN


def finger(number: int, capture: int = 0, position: Position = INDEX) -> FingerTemplate:
    record = synthetic_template(number, capture, Position.RIGHT_INDEX)
    (template,) = encode_fingerprint(record, Position.RIGHT_INDEX).templates
    return FingerTemplate(position, template.minutiae, template.bits, template.validity)


def both(pair: FingerPair) -> tuple[Impression, Impression]:
    assert isinstance(pair.probe, Impression)
    assert isinstance(pair.entry, Impression)
    return pair.probe, pair.entry


def test_an_impression_is_drawn_with_all_its_minutiae() -> None:
    template = finger(1)
    drawn = impression(template)
    assert len(drawn.minutiae) == len(template.minutiae)
    assert all(0 <= m.x < drawn.width and 0 <= m.y < drawn.height and 0 <= m.angle < 360 for m in drawn.minutiae)
    first = drawn.minutiae[0]
    assert (first.x, first.y) == tuple(template.minutiae.xy[0].tolist())
    assert first.angle == pytest.approx(math.degrees(float(template.minutiae.angle[0])))
    assert {m.kind for m in drawn.minutiae} <= {"ending", "bifurcation", "other"}
    assert drawn.notes == ()


def test_two_impressions_of_a_finger_are_paired_and_scored() -> None:
    found = compare_fingers((finger(1, 1),), (finger(1),))
    (pair,) = found.pairs
    probe, entry = both(pair)
    assert found.absent is None
    assert pair.score is not None
    assert pair.score >= 4
    assert pair.score * 10 == pytest.approx(round(pair.score * 10))
    assert pair.motion is not None
    assert len(pair.pairs) >= 8
    moved = pair.motion.apply(np.array([(probe.minutiae[one].x, probe.minutiae[one].y) for one, _ in pair.pairs]))
    there = np.array([(entry.minutiae[other].x, entry.minutiae[other].y) for _, other in pair.pairs])
    assert float(np.hypot(*(moved - there).T).mean()) < 12


def test_fingers_of_one_position_belong_together_and_those_of_none_with_all() -> None:
    found = compare_fingers(
        (finger(1, 1), finger(2, 1, THUMB)), (finger(2, 0, THUMB), finger(1), finger(3, 0, UNKNOWN))
    )
    positions = [(pair.probe.position, pair.entry.position) for pair in found.pairs if both(pair)]  # type: ignore[union-attr]
    assert sorted(positions) == sorted([(INDEX, INDEX), (INDEX, UNKNOWN), (THUMB, THUMB), (THUMB, UNKNOWN)])
    scores = [pair.score or 0 for pair in found.pairs]
    assert scores == sorted(scores, reverse=True)
    assert [pair.position for pair in found.pairs[:2]] in ([INDEX, THUMB], [THUMB, INDEX])


def test_what_has_nothing_to_be_compared_with_is_shown_by_itself() -> None:
    alone, other = compare_fingers((finger(1),), (finger(2, 0, THUMB),)).pairs
    assert isinstance(alone.probe, Impression)
    assert alone.entry == Absent(Missing.NO_SAMPLE)
    assert other.probe == Absent(Missing.NOT_SENT)
    assert isinstance(other.entry, Impression)
    assert (alone.score, alone.pairs, alone.motion) == (None, (), None)


def test_a_side_that_is_missing_says_why_beside_the_other() -> None:
    kept, forbidden = Absent(Missing.NOT_KEPT), Absent(Missing.FORBIDDEN)
    (pair,) = compare_fingers(kept, (finger(1),)).pairs
    assert (pair.probe, pair.position) == (kept, INDEX)
    (pair,) = compare_fingers((finger(1),), forbidden).pairs
    assert (pair.entry, pair.position) == (forbidden, INDEX)
    assert compare_fingers(kept, forbidden).absent == forbidden
    assert compare_fingers(kept, ()).absent == Absent(Missing.NO_SAMPLE)
    assert compare_fingers((), ()).absent == Absent(Missing.NOT_SENT)
    assert compare_fingers((), forbidden).absent == forbidden


def test_a_page_compares_no_more_than_so_many() -> None:
    few = finger(1)
    some = FingerTemplate(UNKNOWN, few.minutiae, few.bits, few.validity)
    found = compare_fingers((some,) * 9, (some,) * 9)
    assert sum(pair.score is not None for pair in found.pairs) == MOST_COMPARED


def test_notes_of_a_poor_impression_are_said_of_it() -> None:
    whole = finger(1)
    part = whole.minutiae.from_bytes(whole.minutiae.to_bytes()[: 8 * 8])
    drawn = impression(FingerTemplate(INDEX, part, whole.bits[:, :8], whole.validity[:8]))
    assert ReasonCode.TOO_FEW_MINUTIAE in drawn.notes
