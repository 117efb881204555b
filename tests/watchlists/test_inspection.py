"""The deep inspection: silent on what is sound, and on what is not it names what and where."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, select, text

from service.schema import notices
from tests.watchlists.makers import ALERTS, NOW, XA_ALERTS, Node, entry, face, faces, finger
from watchlists.database import writing
from watchlists.gallery import gallery_digest
from watchlists.inspection import inspect
from watchlists.records import EntryKey, Templates
from watchlists.rotation import OwnerKeyRotation
from watchlists.schema import change_head, changes, entries, owner_keys, watchlists

ON_BOTH_DATABASES = True
PARTS = ["owner keys", "sealed values", "seals", "change log", "replay", "references", "gallery digest"]


@pytest.fixture
def node(node: Node) -> Node:
    """Three entries of XB, of which one was withdrawn and one written twice, one of XA, and a sealed value."""
    for number in range(3):
        node.store.put_entry(entry(f"e{number}"), Templates((face(number),), (finger(number),)))
    node.store.put_entry(entry("e1"), faces(7))
    node.store.put_entry(entry("a1", XA_ALERTS), faces(8))
    node.store.withdraw_entry(EntryKey("xb-alerts", "e2"), "xb")
    with writing(node.engine) as connection:
        sealed = node.store.keys.seal_for("xb", "text", b"4711", connection=connection)
        row = {"partner": "xb", "number": 1, "kind": "k", "at": NOW, "details": {}}
        connection.execute(notices.insert().values(**row, sealed_text=sealed))
    return node


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


def flaws(node: Node) -> dict[str, list[str]]:
    """The flaws by part; parts without any are left out."""
    found = {part.what: [flaw.detail for flaw in part.flaws] for part in inspect(node.store, quiet)}
    assert list(found) == PARTS
    return {what: details for what, details in found.items() if details}


def test_a_sound_node_has_no_flaws_also_after_a_rotation(node: Node) -> None:
    assert flaws(node) == {}
    OwnerKeyRotation(node.engine, node.store.keys, "xb").run()
    assert flaws(node.again()) == {}
    (digest,) = (part.checked for part in inspect(node.store, quiet) if part.what == "gallery digest")
    assert digest == f"{gallery_digest(node.store.open_templates())} of 3 entries"


E0 = entries.c.id == "e0"
E1 = entries.c.id == "e1"


def exchange(connection: Connection) -> None:
    """Put the seals of one entry into the row of another."""
    columns = ("digest", "wrapped_key", "sealed_subject", "sealed_templates")
    row = connection.execute(select(entries).where(E1)).mappings().one()
    connection.execute(entries.update().where(E0).values({name: row[name] for name in columns}))


NONSENSE = b"\1" + bytes(90)
XB_KEY = owner_keys.c.owner == "xb"
BROKEN_VALUE = b"\1\0\0\0\2" + NONSENSE
Spoil = Callable[[Connection], object]
SPOILED: dict[str, tuple[Spoil, str, str]] = {
    "templates": (
        lambda c: c.execute(entries.update().where(E0).values(sealed_templates=NONSENSE)),
        "seals",
        "e0",
    ),
    "exchanged": (exchange, "seals", "e0"),
    "digest": (lambda c: c.execute(entries.update().where(E0).values(digest=bytes(32))), "seals", "not what was"),
    "class": (lambda c: c.execute(entries.update().where(E0).values(handling=[])), "seals", "e0"),
    "owner": (
        lambda c: c.execute(watchlists.update().where(watchlists.c.id == "xb-alerts").values(owner="xa")),
        "seals",
        "another partner",
    ),
    "lost entry": (lambda c: c.execute(entries.delete().where(E0)), "replay", "e0 is in the log"),
    "sequence": (lambda c: c.execute(entries.update().where(E0).values(sequence=3)), "replay", "by the log 1"),
    "revived": (
        lambda c: c.execute(changes.update().where(changes.c.sequence == 5).values(kind="withdraw")),
        "replay",
        "a1 is there",
    ),
    "gap": (lambda c: c.execute(changes.delete().where(changes.c.sequence == 2)), "change log", "gaps"),
    "head": (lambda c: c.execute(change_head.update().values(last_sequence=9)), "change log", "head of the log is 9"),
    "owner key": (
        lambda c: c.execute(owner_keys.update().where(XB_KEY).values(wrapped_key=NONSENSE)),
        "owner keys",
        "generation 1",
    ),
    "value": (
        lambda c: c.execute(notices.update().values(sealed_text=BROKEN_VALUE)),
        "sealed values",
        "1 values",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_each_flaw_is_found_where_it_is(node: Node, name: str) -> None:
    spoil, what, words = SPOILED[name]
    with writing(node.engine) as connection:
        spoil(connection)
    found = flaws(node)
    assert any(words in detail for detail in found[what]), found


def test_an_unfinished_rotation_is_named(node: Node) -> None:
    with writing(node.engine) as connection:
        node.store.keys.begin_generation(connection, "xb")
    assert flaws(node) == {"owner keys": ["the rotation of the key of xb is not finished"]}


def test_orphans_are_found(node: Node) -> None:
    """A row may lose what it refers to only if somebody has switched the database's own checks off."""
    with node.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        else:
            connection.execute(text("SET session_replication_role = replica"))
        connection.execute(watchlists.delete().where(watchlists.c.id == "xa-alerts"))
        connection.commit()
        connection.invalidate()
    assert flaws(node)["references"] == ["1 rows refer from entries to watchlists, where nothing is"]


def test_writers_beside_it_are_no_flaws(node: Node) -> None:
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.wait(0.002):
            node.store.put_entry(entry(f"w{number % 5}", ALERTS), faces(number))
            if number % 3 == 0:
                node.store.withdraw_entry(EntryKey("xb-alerts", f"w{number % 5}"), "xb")
            number += 1

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        try:
            assert [flaws(node) for _ in range(3)] == [{}] * 3
        finally:
            over.set()
        writer.result()


def test_a_gallery_digest_tells_galleries_apart_and_not_what_is_each_nodes_own(node: Node) -> None:
    digest = gallery_digest(node.store.open_templates())
    stored = list(node.store.open_templates())
    assert gallery_digest(reversed(stored)) == digest
    assert gallery_digest(each._replace(sequence=99, expires_at=NOW) for each in stored) == digest
    first, *rest = stored
    others = [
        rest,
        [first._replace(key=EntryKey("xb-alerts", "e9")), *rest],
        [first._replace(klass=XA_ALERTS if first.klass != XA_ALERTS else ALERTS), *rest],
        [first._replace(packed=rest[0].packed), *rest],
        [first._replace(packed=None), *rest],
    ]
    assert len({digest, *map(gallery_digest, others)}) == 6
