"""The gallery: what it searches, what it leaves out, and how it follows."""

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from models.samples import Position
from tests.watchlists.makers import (
    ALERTS,
    DIMENSION,
    MISSING,
    NOW,
    SPACE,
    SUBJECT,
    XA_ALERTS,
    Node,
    Space,
    entry,
    face,
    faces,
    finger,
    open_node,
)
from watchlists.database import writing
from watchlists.errors import OpenersEnded
from watchlists.gallery import Gallery, LocalGallery, SearchResult
from watchlists.gallery.classes import MANY_CLASSES
from watchlists.gallery.faces import SEGMENT
from watchlists.records import EntryKey, FaceTemplate, Templates, VisibilityClass
from watchlists.schema import entries

ON_BOTH_DATABASES = True
ALL = (ALERTS, MISSING, XA_ALERTS)


def search(
    gallery: Gallery,
    probe: Templates,
    visible: Collection[VisibilityClass] = ALL,
    *,
    now: datetime = NOW,
    considered: Collection[VisibilityClass] = ALL,
) -> SearchResult:
    gallery.catch_up()
    return gallery.search(probe, visible, considered=considered, target_fpir=0.01, now=now)


def names(result: SearchResult) -> list[str]:
    return [candidate.key.entry for candidate in result.candidates]


def test_a_new_entry_is_found_and_a_stranger_is_not(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1"), faces(1))

    found = search(gallery, faces(1))
    assert names(found) == ["e1"]
    assert found.sequence == 1
    assert found.complete
    assert found.candidates[0].score == pytest.approx(8.0)
    assert found.candidates[0].klass == ALERTS
    assert search(gallery, faces(2)) == SearchResult(True, 1, (), 1, found.threshold, compared_at=0.0)


def test_withdrawal_and_replacement_take_effect_at_once(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1"), Templates((face(1),), (finger(1),)))
    node.store.put_entry(entry("e2"), faces(2))
    assert names(search(gallery, faces(1))) == ["e1"]

    node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb")
    node.store.put_entry(entry("e2"), faces(3))

    for gone in (faces(1), faces(2), Templates(fingers=(finger(1),))):
        assert names(search(gallery, gone)) == []
    assert names(search(gallery, faces(3))) == ["e2"]
    assert search(gallery, faces(3)).sequence == 4
    assert (gallery.entries, gallery.templates) == (1, 1)


def test_removed_vectors_are_overwritten_and_their_slots_used_again(node: Node) -> None:
    gallery = node.gallery()
    for person in range(20):
        node.store.put_entry(entry(f"e{person}"), faces(person, person + 100))
    gallery.catch_up()
    memory = gallery._faces._vectors[0]
    assert np.count_nonzero(memory.any(axis=1)) == 40

    for person in range(15):
        node.store.withdraw_entry(EntryKey("xb-alerts", f"e{person}"), "xb")
    gallery.catch_up()
    assert np.count_nonzero(memory.any(axis=1)) == 10

    for person in range(30, 40):
        node.store.put_entry(entry(f"e{person}"), faces(person))
    assert names(search(gallery, faces(35))) == ["e35"]
    assert np.flatnonzero(memory.any(axis=1)).max() < 40


def test_more_faces_than_a_segment_holds(node: Node) -> None:
    many = [(entry(f"e{n}"), faces(*range(10 * n, 10 * n + 10))) for n in range(SEGMENT // 10 + 2)]
    with node.store.writing() as write:
        write.put_entries(many)
    gallery = node.gallery()

    assert gallery.templates > SEGMENT
    for person in (0, 10 * len(many) - 1, SEGMENT - 1, SEGMENT):
        assert names(search(gallery, faces(person)))[0] == f"e{person // 10}"
    assert search(gallery, faces(0)).compared_templates == 10 * len(many)


def test_what_is_not_visible_is_not_compared(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1", ALERTS), faces(1, 2))
    node.store.put_entry(entry("e2", MISSING), Templates((face(1),), (finger(1),)))
    node.store.put_entry(entry("e3", XA_ALERTS), faces(1))
    assert gallery.catch_up() == 3
    assert gallery.classes() == {ALERTS, MISSING, XA_ALERTS}

    for visible, expected, compared in (
        ((ALERTS,), ["e1"], 2),
        ((MISSING,), ["e2"], 1),
        ((ALERTS, XA_ALERTS), ["e1", "e3"], 3),
        (ALL, ["e1", "e2", "e3"], 4),
        ((), [], 0),
        ((VisibilityClass("xb", "xb-alerts", "unheard-of", "none"),), [], 0),
    ):
        result = search(gallery, faces(1), visible)
        assert (sorted(names(result)), result.compared_templates) == (expected, compared)
    assert search(gallery, Templates(fingers=(finger(1),)), (ALERTS, XA_ALERTS)).compared_templates == 0


def test_a_class_disappears_with_its_last_entry(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1", ALERTS), faces(1))
    node.store.put_entry(entry("e2", MISSING), faces(2))
    node.store.put_entry(entry("e1", MISSING), faces(1))
    gallery.catch_up()
    assert gallery.classes() == {MISSING}

    node.store.put_entry(entry("e3", XA_ALERTS), faces(3))
    assert names(search(gallery, faces(3), (MISSING,))) == []
    assert names(search(gallery, faces(1), (ALERTS,))) == []
    assert names(search(gallery, faces(1), (MISSING,))) == ["e1"]


def test_the_classes_are_one_object_until_they_change(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1", ALERTS), faces(1))
    gallery.catch_up()
    classes = gallery.classes()

    node.store.put_entry(entry("e2", ALERTS), faces(2))
    node.store.put_entry(entry("e1", ALERTS), faces(3))
    node.store.withdraw_entry(EntryKey("xb-alerts", "e2"), "xb")
    node.store.put_entry(entry("e1", ALERTS), faces(4))  # takes its class along and brings it back
    gallery.catch_up()
    assert gallery.classes() is classes == {ALERTS}

    node.store.put_entry(entry("e3", MISSING), faces(3))
    gallery.catch_up()
    assert gallery.classes() == {ALERTS, MISSING}
    assert gallery.classes() is gallery.classes()
    node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb")
    gallery.catch_up()
    assert gallery.classes() == {MISSING}


@pytest.mark.parametrize("length", [1.02, 3e37, np.inf, np.nan])
def test_a_vector_that_is_too_long_is_not_compared_with_anything(node: Node, length: float) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    node.store.put_entry(entry("wolf"), Templates((FaceTemplate(SPACE.model, face(1).vector * np.float32(length)),)))
    for gallery in (node.gallery(), node.gallery()):
        assert gallery.templates == 1
        found = search(gallery, faces(1))
        assert ([each.key.entry for each in found.candidates], found.complete) == (["e1"], False)


@pytest.mark.slow
def test_very_many_classes_are_warned_of_once(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    def put(first: int, last: int) -> None:
        classes = (VisibilityClass("xb", "xb-alerts", f"c{n}", "none") for n in range(first, last))
        with node.store.writing() as write:
            write.put_entries([(entry(klass.category, klass), Templates()) for klass in classes])
        gallery.catch_up()

    gallery = node.gallery()
    put(0, MANY_CLASSES)
    assert caplog.messages == []
    put(MANY_CLASSES, MANY_CLASSES + 2)
    assert len(gallery.classes()) == MANY_CLASSES + 2
    assert len(caplog.messages) == 1


def test_a_candidate_names_the_version_that_was_compared(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1", ALERTS), faces(1))
    node.store.put_entry(entry("e2", ALERTS), faces(2))
    assert search(gallery, faces(1)).candidates[0].sequence == 1
    node.store.put_entry(entry("e1", MISSING), faces(1))
    node.store.put_entry(entry("e1", MISSING), faces(1))  # the same again is no new version
    (candidate,) = search(gallery, faces(1)).candidates
    assert (candidate.klass, candidate.sequence) == (MISSING, 3)
    assert node.store.details(candidate.key, candidate.sequence).subject == SUBJECT


def test_an_expired_entry_is_not_matched_from_that_moment_on(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1", expires_at=NOW), faces(1))
    node.store.put_entry(entry("e2", expires_at=NOW + timedelta(days=1)), faces(1))
    node.store.put_entry(entry("e3"), faces(1))
    moment = timedelta(microseconds=1)

    for now, expected in (
        (NOW - moment, ["e1", "e2", "e3"]),
        (NOW, ["e2", "e3"]),
        (NOW + timedelta(days=1) - timedelta(seconds=1), ["e2", "e3"]),
        (NOW + timedelta(days=1), ["e3"]),
        (NOW - moment, ["e1", "e2", "e3"]),  # a clock that was set back
    ):
        result = search(gallery, faces(1), now=now)
        assert (sorted(names(result)), result.compared_templates) == (expected, len(expected))


def test_faces_of_another_embedding_make_the_answer_incomplete(node: Node) -> None:
    gallery = node.gallery()
    strange = FaceTemplate("other", face(1).vector)
    short = face(1, dimension=DIMENSION - 1)
    node.store.put_entry(entry("e1", ALERTS), Templates((strange, face(2))))
    node.store.put_entry(entry("e2", XA_ALERTS), faces(3))
    node.store.put_entry(entry("e3", MISSING), Templates((short,), (finger(3),)))

    assert not search(gallery, faces(2), (ALERTS,)).complete
    assert names(search(gallery, faces(2), (ALERTS,))) == ["e1"]
    assert not search(gallery, faces(2), (MISSING, XA_ALERTS)).complete
    assert search(gallery, faces(2), (XA_ALERTS,)).complete
    assert search(gallery, Templates(fingers=(finger(3),)), ALL).complete  # all its fingers can be compared
    assert not search(gallery, Templates((strange,)), (XA_ALERTS,)).complete
    assert search(gallery, Templates((strange,)), ()).complete

    node.store.put_entry(entry("e1", ALERTS), faces(2))
    assert search(gallery, faces(2), (ALERTS,)).complete


def test_an_entry_that_does_not_open_makes_the_answer_incomplete(node: Node) -> None:
    node.store.put_entry(entry("e1", ALERTS), faces(1))
    node.store.put_entry(entry("e2", XA_ALERTS), faces(2))
    with writing(node.engine) as connection:
        connection.execute(entries.update().where(entries.c.id == "e1").values(sealed_templates=b"damaged"))
    gallery = node.gallery()

    assert (gallery.entries, gallery.unreadable) == (2, 1)
    assert not search(gallery, faces(2), ALL).complete
    assert not search(gallery, Templates(fingers=(finger(1),)), ALL).complete
    assert names(search(gallery, faces(2), ALL)) == ["e2"]
    assert search(gallery, faces(2), (XA_ALERTS,)).complete


def test_the_sequence_does_not_claim_a_class_that_was_not_considered(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1", ALERTS), faces(1))
    gallery.catch_up()
    node.store.put_entry(entry("e2", MISSING), faces(2))
    node.store.put_entry(entry("e3", ALERTS), faces(3))
    node.store.put_entry(entry("e2", MISSING), faces(4))

    assert search(gallery, faces(1), (ALERTS,), considered=(ALERTS, MISSING)).sequence == 4
    assert search(gallery, faces(1), (ALERTS,), considered=(ALERTS,)).sequence == 1


def test_a_restart_changes_no_answer(node: Node) -> None:
    gallery = node.gallery()
    for person in range(30):
        klass = ALL[person % 3]
        node.store.put_entry(entry(f"e{person}", klass), Templates((face(person),), (finger(person % 5),)))
    for person in range(0, 30, 4):
        klass = ALL[person % 3]
        node.store.withdraw_entry(EntryKey(klass.watchlist, f"e{person}"), klass.owner)
    gallery.catch_up()

    again = node.again()
    reloaded = again.gallery()
    assert (reloaded.entries, reloaded.templates) == (gallery.entries, gallery.templates)
    assert reloaded.classes() == gallery.classes()
    probes = [Templates((face(person, noise=0.5),), (finger(person % 5, 1),)) for person in range(0, 30, 3)]
    for probe in probes:
        assert search(reloaded, probe) == search(gallery, probe)
    again.engine.dispose()


def test_loading_tells_its_progress(node: Node) -> None:
    with node.store.writing() as write:
        write.put_entries([(entry(f"e{n}"), faces(n)) for n in range(1500)])
    told: list[tuple[int, int]] = []
    LocalGallery(node.store, Space()).load(lambda done, total: told.append((done, total)))

    assert told == [(500, 1500), (1000, 1500), (1500, 1500)]


@pytest.mark.slow
def test_processes_load_the_same(node: Node) -> None:
    """Entries of several classes, of each kind of content, with and without an end, one that does not open."""
    later = NOW + timedelta(days=1)
    with node.store.writing() as write:
        write.put_entries(
            [(entry(f"e{n}", ALL[n % 3], expires_at=later if n % 2 else None), faces(n)) for n in range(600)]
        )
        write.put_entries([(entry("both"), Templates((face(7), face(8)), (finger(1),))), (entry("none"), Templates())])
        write.put_entries([(entry("broken", XA_ALERTS), faces(5)), (entry("gone"), faces(900))])
        write.withdraw_entry(EntryKey("xb-alerts", "gone"), "xb")
    with writing(node.engine) as connection:
        connection.execute(
            entries.update().where(entries.c.id == "broken").values(sealed_templates=b"\x01" + bytes(40))
        )
    alone, together = node.gallery(), LocalGallery(node.store, Space())
    together.load(processes=2)

    assert (together.entries, together.templates, together.unreadable) == (603, 603, 1)
    assert together.sequence == alone.sequence == node.store.log.last_sequence()
    assert together.classes() == alone.classes()
    for probe in (faces(7), faces(599), Templates(fingers=(finger(1),)), faces(900)):
        assert search(together, probe) == search(alone, probe)
        assert search(together, probe, now=later) == search(alone, probe, now=later)


def test_a_process_that_cannot_load_ends_the_start(tmp_path: Path) -> None:
    node = open_node(tmp_path)
    node.store.put_entry(entry("e1"), faces(1))
    (tmp_path / "crosscheck.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(OpenersEnded):
        list(node.store.open_all_templates(1))


def test_searches_beside_writes_see_one_version_each(node: Node) -> None:
    """Two entries always change together; a search that saw half of a change would find one of them alone."""
    gallery = node.gallery()
    done = threading.Event()

    def put(person: int) -> None:
        with node.store.writing() as write:
            write.put_entries([(entry("left"), faces(person)), (entry("right"), faces(person))])

    def look() -> list[tuple[int, list[str]]]:
        seen = []
        while not done.is_set():
            gallery.catch_up()
            both = Templates((face(0), face(1)))
            result = gallery.search(both, ALL, considered=ALL, target_fpir=0.01, now=NOW)
            seen.append((result.sequence, sorted(names(result))))
        return seen

    put(0)
    with ThreadPoolExecutor(3) as threads:
        lookers = [threads.submit(look) for _ in range(3)]
        try:
            for turn in range(40):
                put(turn % 2)
        finally:
            done.set()  # also where a write failed: the lookers would look for ever
        seen = [item for looker in lookers for item in looker.result()]

    assert seen
    assert all(found == ["left", "right"] for _, found in seen)
    assert all(sequence % 2 == 0 for sequence, _ in seen)


def test_a_probe_without_templates_is_a_mistake_of_the_caller(node: Node) -> None:
    with pytest.raises(ValueError, match="at least one template"):
        search(node.gallery(), Templates())


def test_fingers_of_other_positions_are_not_compared(node: Node) -> None:
    gallery = node.gallery()
    node.store.put_entry(entry("e1"), Templates(fingers=(finger(1), finger(1, 0, Position.LEFT_THUMB))))
    node.store.put_entry(entry("e2"), Templates(fingers=(finger(2, 0, Position.UNKNOWN),)))

    for position, compared in ((Position.RIGHT_INDEX, 2), (Position.RIGHT_LITTLE, 1), (Position.UNKNOWN, 3)):
        probe = Templates(fingers=(finger(9, 0, position),))
        assert search(gallery, probe).compared_templates == compared
    result = search(gallery, Templates(fingers=(finger(1, 1),)))
    assert names(result) == ["e1"]
    assert result.candidates[0].face is None
