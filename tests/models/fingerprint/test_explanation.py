import numpy as np
import pytest

from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.explanation import Explanation, MinutiaPair, RigidMotion, explain
from models.fingerprint.matcher import compare
from models.fingerprint.minutiae import Minutiae, on_grid
from models.fingerprint.synthetic import EASY, HARD, Conditions, SyntheticFinger
from models.samples import Position

STILL = Conditions(
    rotation=0.2,
    offset=0,
    contact=1.1,
    distortion=0,
    missed=0,
    invented=0,
    position_error=0,
    angle_error=0,
    kind_error=0,
)
"""Impressions that differ in placement alone."""


def template(finger: int, number: int, conditions: Conditions = EASY) -> FingerTemplate:
    return build_template(SyntheticFinger(finger).impression(number, conditions), Position.UNKNOWN)


def part(whole: FingerTemplate, chosen: slice) -> FingerTemplate:
    m = whole.minutiae
    return build_template(Minutiae(m.xy[chosen], m.angle[chosen], m.kind[chosen], m.quality[chosen]), whole.position)


def moved(whole: FingerTemplate, motion: RigidMotion) -> FingerTemplate:
    m = whole.minutiae
    x, y = motion.apply(m.xy).T
    return build_template(on_grid(x, y, m.angle + motion.rotation, m.kind, m.quality), whole.position)


def distances(found: Explanation, probe: FingerTemplate, reference: FingerTemplate) -> list[float]:
    assert found.motion is not None
    mine = found.motion.apply(probe.minutiae.xy[[pair.probe for pair in found.pairs]])
    theirs = reference.minutiae.xy[[pair.reference for pair in found.pairs]]
    return [float(distance) for distance in np.hypot(*(mine - theirs).T)]


def turns(found: Explanation, probe: FingerTemplate, reference: FingerTemplate) -> list[float]:
    assert found.motion is not None
    mine = probe.minutiae.angle[[pair.probe for pair in found.pairs]] + found.motion.rotation
    turn = mine - reference.minutiae.angle[[pair.reference for pair in found.pairs]]
    return [float(value) for value in np.abs(np.arctan2(np.sin(turn), np.cos(turn)))]


@pytest.mark.parametrize("finger", range(5))
def test_a_template_lies_on_itself(finger: int) -> None:
    itself = template(finger, 0)
    found = explain(itself, itself)
    assert found.pairs == tuple(MinutiaPair(index, index) for index in range(len(itself.minutiae)))
    assert found.motion is not None
    assert found.motion.rotation == pytest.approx(0, abs=1e-4)
    assert found.motion.translation == pytest.approx((0, 0), abs=0.05)


@pytest.mark.parametrize("degrees", [0, 10, -35, 90, 180, -120])
@pytest.mark.parametrize("fewer", ["probe", "reference", "neither"])
def test_a_known_motion_and_its_pairs_are_found(degrees: float, fewer: str) -> None:
    """Every minutia of the smaller template is paired with the one that it was made from, whichever side it is on."""
    probe = template(3, 0)
    middle = RigidMotion(np.radians(degrees), (0, 0)).apply(np.array([[200.0, 250.0]]))[0]
    true = RigidMotion(np.radians(degrees), (600.0 - float(middle[0]), 700.0 - float(middle[1])))
    reference = moved(probe, true)
    shift = 0
    if fewer == "probe":
        shift, probe = 12, part(probe, slice(12, None))
    elif fewer == "reference":
        reference = part(reference, slice(None, -12))
    found = explain(probe, reference)
    count = min(len(probe.minutiae), len(reference.minutiae))
    assert found.pairs == tuple(MinutiaPair(index, index + shift) for index in range(count))
    assert found.motion is not None
    turn = found.motion.rotation - true.rotation
    assert np.arctan2(np.sin(turn), np.cos(turn)) == pytest.approx(0, abs=1e-3)
    assert found.motion.translation == pytest.approx(true.translation, abs=0.5)


@pytest.mark.parametrize("finger", range(10))
@pytest.mark.parametrize(("conditions", "share", "apart"), [(STILL, 0.9, 0.1), (EASY, 0.6, 8), (HARD, 0.2, 12)])
def test_mated_minutiae_lie_together_after_the_motion(
    finger: int, conditions: Conditions, share: float, apart: float
) -> None:
    probe, reference = template(finger, 0, conditions), template(finger, 1, conditions)
    found = explain(probe, reference)
    assert len(found.pairs) >= share * min(len(probe.minutiae), len(reference.minutiae))
    assert np.median(distances(found, probe, reference)) < apart
    assert max(distances(found, probe, reference)) < 30
    assert max(turns(found, probe, reference)) < 0.6


def test_each_minutia_is_paired_once_at_most() -> None:
    for finger, other in ((1, 1), (1, 2), (3, 3), (4, 5)):
        found = explain(template(finger, 0), template(other, 1))
        probes, references = zip(*found.pairs, strict=True)
        assert len(set(probes)) == len(set(references)) == len(found.pairs)


def test_the_similarity_is_that_of_the_comparison_and_the_pairs_do_not_depend_on_the_order() -> None:
    for finger, other in ((1, 1), (1, 2), (7, 7), (8, 9)):
        a, b = template(finger, 0), template(other, 1)
        assert len(a.minutiae) != len(b.minutiae)
        forth, back = explain(a, b), explain(b, a)
        assert forth.similarity == compare(a, b)
        assert back.similarity == compare(b, a)
        assert {(pair.reference, pair.probe) for pair in forth.pairs} == set(back.pairs)
        assert forth.motion is not None
        assert back.motion is not None
        assert back.motion.inverse().apply(a.minutiae.xy) == pytest.approx(forth.motion.apply(a.minutiae.xy), abs=0.05)


def test_mates_have_more_pairs_than_strangers() -> None:
    mated = [len(explain(template(finger, 0), template(finger, 1)).pairs) for finger in range(8)]
    strangers = [len(explain(template(finger, 0), template(finger + 1, 1)).pairs) for finger in range(8)]
    assert min(mated) > max(strangers)


def test_what_is_not_compared_has_no_explanation() -> None:
    left, right = (
        build_template(SyntheticFinger(1).impression(0), position)
        for position in (Position.LEFT_THUMB, Position.RIGHT_THUMB)
    )
    assert explain(left, right) == Explanation(0.0, (), None)
    assert explain(part(left, slice(2)), left) == Explanation(0.0, (), None)
    assert explain(left, part(left, slice(0))) == Explanation(0.0, (), None)


def test_a_motion_and_its_inverse_cancel() -> None:
    motion = RigidMotion(0.7, (30.0, -12.0))
    points = np.array([[0.0, 0.0], [100.0, 20.0], [-3.0, 400.0]])
    assert motion.inverse().apply(motion.apply(points)) == pytest.approx(points)
    quarter = RigidMotion(np.pi / 2, (0.0, 0.0)).apply(np.array([[1.0, 0.0]]))
    assert quarter == pytest.approx(np.array([[0.0, -1.0]]), abs=1e-12)  # counter-clockwise as seen: upwards
