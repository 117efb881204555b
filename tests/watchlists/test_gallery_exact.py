"""The gallery answers exactly what comparing everything one by one would answer."""

import math
from collections.abc import Mapping
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import calibration, scores
from models.fingerprint.cylinders import FingerTemplate
from models.fingerprint.matcher import compare
from models.samples import Position
from models.score_calibration import ScoreCalibration
from tests.watchlists.makers import ALERTS, CALIBRATION, MISSING, NOW, SPACE, XA_ALERTS, Node, entry, face, finger
from watchlists.gallery import Candidate, LocalGallery
from watchlists.records import EntryKey, FaceTemplate, Templates, VisibilityClass, Watchlist

TARGET = 0.01
Held = Mapping[EntryKey, tuple[VisibilityClass, Templates]]


def face_score(probe: Templates, reference: Templates) -> float | None:
    similarities = [
        math.fsum(float(x) * float(y) for x, y in zip(a.vector, b.vector, strict=True))
        for a in probe.faces
        for b in reference.faces
    ]
    return CALIBRATION.score(max(similarities)) if similarities else None


def comparable(a: FingerTemplate, b: FingerTemplate) -> bool:
    return a.position is b.position or Position.UNKNOWN in (a.position, b.position)


def finger_score(probe: Templates, reference: Templates) -> float | None:
    best: dict[Position, float] = {}
    pairs = []
    for a in probe.fingers:
        for b in reference.fingers:
            score = calibration.FINGER.score(compare(a, b))
            if Position.UNKNOWN in (a.position, b.position):
                pairs.append(score)
            elif a.position is b.position:
                best[a.position] = max(best.get(a.position, 0.0), score)
    looks = [scores.fuse(list(best.values()))] if best else []
    if len(best) > 1:
        looks.append(max(best.values()) - math.log10(len(best)))
    if pairs:
        looks.append(max(pairs) - math.log10(len(pairs)))
    return max(0.0, max(looks) - math.log10(len(looks))) if looks else None


def chances(probe: Templates, reference: Templates) -> int:
    """Comparisons that a stranger can be flagged by: the pairs with an unknown position count as one."""
    pairs = [(a.position, b.position) for a in probe.fingers for b in reference.fingers if comparable(a, b)]
    known = sum(Position.UNKNOWN not in pair for pair in pairs)
    return len(probe.faces) * len(reference.faces) + known + (known < len(pairs))


def by_hand(probe: Templates, held: Held, visible: set[VisibilityClass]) -> tuple[list[Candidate], int]:
    """Compare one by one; return the candidates and the number of comparisons."""
    seen = {key: (klass, templates) for key, (klass, templates) in held.items() if klass in visible}
    comparisons = sum(
        len(probe.faces) * len(templates.faces)
        + sum(comparable(a, b) for a in probe.fingers for b in templates.fingers)
        for _, templates in seen.values()
    )
    threshold = scores.flag_threshold(TARGET, sum(chances(probe, templates) for _, templates in seen.values()))
    candidates = []
    for key, (klass, templates) in seen.items():
        face, finger = face_score(probe, templates), finger_score(probe, templates)
        if face is None and finger is None:
            continue
        score = scores.match_score(face, finger).value
        if score >= threshold:
            candidates.append(Candidate(key, klass, 0, score, face, finger))
    return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.key)), comparisons


def assert_same(found: tuple[Candidate, ...], expected: list[Candidate]) -> None:
    assert [candidate.key for candidate in found] == [candidate.key for candidate in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.klass == theirs.klass
        assert ours.score == pytest.approx(theirs.score, abs=1e-5)
        assert ours.face == theirs.face
        assert ours.finger == pytest.approx(theirs.finger, abs=1e-5)


def test_faces_in_several_classes(node: Node) -> None:
    classes = (ALERTS, MISSING, XA_ALERTS)
    rng = np.random.default_rng(3)
    held: dict[EntryKey, tuple[VisibilityClass, Templates]] = {}
    for number in range(1200):
        # Captures of 40 people at all distances, so that scores lie on both sides of every threshold.
        person, noise = int(rng.integers(40)), float(rng.uniform(0, 2))
        shown = entry(f"e{number}", classes[int(rng.integers(3))])
        captures = tuple(face(person, noise=noise, capture=10 * number + i) for i in range(int(rng.integers(1, 4))))
        held[shown.key] = (shown.klass, Templates(captures))
    with node.store.writing() as write:
        write.put_entries([(entry(key.entry, klass), templates) for key, (klass, templates) in held.items()])
    gallery = node.gallery()

    lengths = []
    for person in range(0, 40, 5):
        for visible in ({ALERTS}, {MISSING, XA_ALERTS}, set(classes)):
            probe = Templates((face(person, noise=0.3, capture=1), face(person, noise=0.4, capture=2)))
            result = gallery.search(probe, visible, considered=classes, target_fpir=TARGET, now=NOW)
            expected, comparisons = by_hand(probe, held, visible)
            assert_same(result.candidates, expected)
            assert result.compared_templates == comparisons
            lengths.append(len(expected))
    assert min(lengths) > 0
    assert max(lengths) < 600


def test_faces_and_fingers_together(node: Node) -> None:
    positions = (Position.RIGHT_INDEX, Position.LEFT_INDEX, Position.UNKNOWN)
    held: dict[EntryKey, tuple[VisibilityClass, Templates]] = {}
    for person in range(24):
        shown = entry(f"e{person}", ALERTS if person % 2 else MISSING)
        faces = () if person % 5 == 0 else (face(person),)
        fingers = () if person % 7 == 0 else tuple(finger(person, 0, positions[n]) for n in range(1 + person % 3))
        held[shown.key] = (shown.klass, Templates(faces, fingers))
        node.store.put_entry(shown, held[shown.key][1])
    gallery = node.gallery()

    both = 0
    for person in range(0, 24, 3):
        views = tuple(finger(person, capture, Position.RIGHT_INDEX) for capture in (1, 2))
        other = (finger(person, 1, Position.LEFT_INDEX),)
        for probe in (
            Templates((face(person, noise=1.2),), views),
            Templates((face(person, noise=1.5),), views + other),
            Templates((face(person + 1, noise=1.0),), other),
            Templates(fingers=views + other),
            Templates((face(person, noise=1.0),), (finger(person, 3, Position.UNKNOWN),)),
        ):
            for visible in ({ALERTS}, {ALERTS, MISSING}):
                result = gallery.search(probe, visible, considered=visible, target_fpir=TARGET, now=NOW)
                expected, comparisons = by_hand(probe, held, visible)
                assert_same(result.candidates, expected)
                assert result.compared_templates == comparisons
                both += sum(None not in (candidate.face, candidate.finger) for candidate in expected)
    assert both > 10


def test_two_weak_scores_that_are_strong_together(node: Node) -> None:
    """Neither modality reaches the threshold alone; their fusion does."""
    probe_face, stored_face = np.zeros((2, SPACE.dimension), np.float32)
    probe_face[0], stored_face[:2] = 1.0, (0.33, np.sqrt(1 - 0.33**2))
    probe_finger, stored_finger = finger(1, 1), finger(1)
    similarity = compare(probe_finger, stored_finger)
    fingers = ScoreCalibration(((0.0, 0.0), (similarity, 2.5), (similarity + 1, 8.0)), source="made up")
    stored = Templates((FaceTemplate(SPACE.model, stored_face),), (stored_finger,))
    node.store.put_entry(entry("e1"), stored)
    gallery = LocalGallery(node.store, SPACE, fingers)
    gallery.load()

    face_probe = FaceTemplate(SPACE.model, probe_face)
    for probe, expected in (
        (Templates((face_probe,)), []),
        (Templates(fingers=(probe_finger,)), []),
        (Templates((face_probe,), (probe_finger,)), ["e1"]),
    ):
        result = gallery.search(probe, {ALERTS}, considered={ALERTS}, target_fpir=TARGET, now=NOW)
        assert [candidate.key.entry for candidate in result.candidates] == expected


lists = count()
writes = st.tuples(st.sampled_from("abcdef"), st.lists(st.integers(0, 5), max_size=2), st.sampled_from(("k1", "k2")))
steps = st.lists(st.one_of(writes, st.sampled_from("abcdef"), st.just(None)), max_size=20)


@given(steps=steps)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_of_writes_withdrawals_and_restarts(
    node: Node, steps: list[tuple[str, list[int], str] | str | None]
) -> None:
    watchlist = f"list-{next(lists)}"  # a new one for each history, in one database
    node.store.put_watchlist(Watchlist(watchlist, "xb", "A history"))
    classes = {name: VisibilityClass("xb", watchlist, name, "none") for name in ("k1", "k2")}
    held: dict[EntryKey, tuple[VisibilityClass, Templates]] = {}
    gallery = node.gallery()
    for step in steps:
        if step is None:
            gallery = node.gallery()
        elif isinstance(step, str):
            key = EntryKey(watchlist, step)
            assert (node.store.withdraw_entry(key, "xb") is not None) == (key in held)
            held.pop(key, None)
        else:
            name, people, category = step
            written = entry(name, classes[category])
            held[written.key] = (written.klass, Templates(tuple(face(person) for person in people)))
            node.store.put_entry(written, held[written.key][1])
        gallery.catch_up()
        assert gallery.sequence == node.store.log.last_sequence()
        present = {klass for klass, _ in held.values()}
        assert {klass for klass in gallery.classes() if klass.watchlist == watchlist} == present
        for visible in ({classes["k1"]}, set(classes.values())):
            for person in range(6):
                probe = Templates((FaceTemplate(SPACE.model, face(person).vector),))
                result = gallery.search(probe, visible, considered=present, target_fpir=TARGET, now=NOW)
                assert_same(result.candidates, by_hand(probe, held, visible)[0])
    assert {opened.key for opened in node.store.open_templates() if opened.key.watchlist == watchlist} == set(held)
