"""Portraits: sealed with their entry, apart from what galleries read, and gone with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from models.samples import Portrait, ReasonCode
from tests.watchlists.makers import ALERTS, NOW, Node, entry, face, faces
from watchlists.database import writing
from watchlists.errors import SealBroken, UnknownEntry
from watchlists.inspection import inspect
from watchlists.portraits import Portraits, pack_portraits, unpack_portraits
from watchlists.records import Age, Conditions, EntryKey, Subject, Templates
from watchlists.rotation import OwnerKeyRotation
from watchlists.schema import entry_portraits
from watchlists.store import AgeChange, DateChange, Outcome

ON_BOTH_DATABASES = True
E1, E2 = EntryKey("xb-alerts", "e1"), EntryKey("xb-alerts", "e2")
LANDMARKS = ((10.5, 20.0), (30.0, 20.25), (20.0, 30.0), (14.0, 40.0), (26.0, 40.0))
PICTURE = b"JPEG of Zebulon Quillfeather " * 50


def portrait(picture: bytes = PICTURE) -> Portrait:
    return Portrait(picture, LANDMARKS, (ReasonCode.TOO_DARK,))


def put(node: Node, name: str = "e1", portraits: Portraits | None = None) -> Outcome:
    shown = (portrait(),) if portraits is None else portraits
    return node.store.put_entry(entry(name), Templates((face(1),)), shown).outcome


def rows(node: Node) -> int:
    with node.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(entry_portraits)).scalar_one()


@pytest.mark.parametrize("portraits", [(), (portrait(),), (None, portrait(b""), portrait())])
def test_packed_portraits_come_back(portraits: Portraits) -> None:
    packed = pack_portraits(portraits)
    assert unpack_portraits(packed) == portraits
    for length in range(len(packed)):
        with pytest.raises((ValueError, KeyError)):
            unpack_portraits(packed[:length])


def test_portraits_are_kept_with_the_entry_and_are_legible_nowhere(node: Node) -> None:
    two = (portrait(), None)
    node.store.put_entry(entry("e1"), faces(1, 2), two)
    samples = node.store.samples(E1)
    assert (samples.portraits, samples.templates, samples.entry.klass) == (two, faces(1, 2), ALERTS)
    assert samples.entry.subject == Subject()  # who it is about is not opened
    assert node.store.entry(E1) == replace(samples, entry=entry("e1"))
    assert b"Quillfeather" not in node.files()
    with pytest.raises(UnknownEntry):
        node.store.samples(E2)


def test_an_entry_without_portraits_has_no_row_of_them(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1), (None,))
    assert rows(node) == 0
    assert node.store.samples(E1).portraits == ()


def test_a_gallery_reads_no_portrait(node: Node) -> None:
    put(node)
    said: list[str] = []
    event.listen(node.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    node.gallery()
    assert any("sealed_templates" in statement for statement in said)
    assert not any("portraits" in statement for statement in said)


def test_a_portrait_is_part_of_what_was_written(node: Node) -> None:
    assert put(node) is Outcome.CREATED
    assert put(node) is Outcome.UNCHANGED
    assert put(node, portraits=(None,)) is Outcome.REPLACED
    assert rows(node) == 0
    assert put(node, portraits=(portrait(b"another"),)) is Outcome.REPLACED
    assert node.store.samples(E1).portraits == (portrait(b"another"),)


def test_what_is_withdrawn_or_replaced_is_gone_and_cannot_be_put_back(node: Node) -> None:
    put(node)
    put(node, "e2")
    with node.engine.connect() as connection:
        kept = connection.execute(select(entry_portraits).order_by(entry_portraits.c.entry)).mappings().all()
    node.store.withdraw_entry(E1, "xb")
    put(node, "e2", (None,))
    assert rows(node) == 0
    assert all(row["sealed"][:200] not in node.files() for row in kept)

    with writing(node.engine) as connection:
        connection.execute(entry_portraits.insert().values(dict(kept[1])))
    with pytest.raises(SealBroken):  # its data key went with the version that it was of
        node.store.samples(E2)


def test_what_expires_takes_its_portraits_along(node: Node) -> None:
    node.store.put_entry(entry("e1", expires_at=NOW + timedelta(days=1)), faces(1), (portrait(),))
    with node.store.writing() as write:
        assert write.expire_entry(E1, NOW + timedelta(days=2)) is not None
    assert rows(node) == 0


def test_other_dates_and_another_age_leave_author_and_portraits_as_they_are(node: Node) -> None:
    node.store.put_entry(replace(entry("e1"), author="xb/maria"), faces(1), (portrait(),))
    sequence = node.store.entry(E1).sequence
    with node.store.writing() as write:
        assert write.set_dates([DateChange(E1, "xb", sequence, NOW, NOW + timedelta(days=9))])
        assert write.set_ages([AgeChange(E1, "xb", sequence + 1, Age.ADULT)])
    stored = node.store.entry(E1).entry
    assert (stored.author, stored.expires_at) == ("xb/maria", NOW + timedelta(days=9))
    assert stored.klass.conditions == Conditions(age=Age.ADULT)
    assert node.store.samples(E1).portraits == (portrait(),)


def test_the_author_is_whoever_wrote_it_as_it_stands(node: Node) -> None:
    node.store.put_entry(replace(entry("e1"), author="xb/maria"), faces(1))
    assert node.store.put_entry(replace(entry("e1"), author="xb/otto"), faces(1)).outcome is Outcome.UNCHANGED
    assert node.store.entry(E1).entry.author == "xb/maria"
    node.store.put_entry(replace(entry("e1"), author="xb/otto"), faces(2))
    assert node.store.entry(E1).entry.author == "xb/otto"


def test_rotation_leaves_portraits_open_under_the_next_key(node: Node) -> None:
    put(node)
    OwnerKeyRotation(node.engine, node.store.keys, "xb").run()
    assert node.again().store.samples(E1).portraits == (portrait(),)


def test_the_inspection_opens_portraits_too(node: Node) -> None:
    def flaws() -> list[str]:
        return [flaw.detail for part in inspect(node.store, lambda *_: None) for flaw in part.flaws]

    put(node)
    put(node, "e2")
    assert flaws() == []
    with writing(node.engine) as connection:  # moved to another entry
        other = select(entry_portraits.c.sealed).where(entry_portraits.c.entry == "e2").scalar_subquery()
        connection.execute(entry_portraits.update().where(entry_portraits.c.entry == "e1").values(sealed=other))
    assert [flaw for flaw in flaws() if "xb-alerts/e1 does not open" in flaw] != []
    with writing(node.engine) as connection:  # taken away
        connection.execute(entry_portraits.delete())
    assert sorted(flaw.split()[1] for flaw in flaws() if "is not what was written" in flaw) == [
        "xb-alerts/e1",
        "xb-alerts/e2",
    ]
