"""Rotation of an owner's key: everything goes on opening, the old key is gone, whatever happens meanwhile."""

from __future__ import annotations

import gc
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, LargeBinary, func, select

import watchlists.rotation
from service.schema import checks, emergencies, notices
from tests.watchlists.makers import NOW, XA_ALERTS, Node, entry, faces
from watchlists.database import open_database, wipe_deleted, writing
from watchlists.errors import EntriesUnreadable, SealBroken, UnknownPartner
from watchlists.keys import KeyRing, OwnerKey, sealed_columns
from watchlists.records import EntryKey
from watchlists.rotation import OwnerKeyRotation, Rotated
from watchlists.schema import entries, metadata, owner_keys
from watchlists.sealing import FileRootKey
from watchlists.store import Outcome
from watchlists.store.sealed_rows import open_entry

ON_BOTH_DATABASES = True
TEXT = b"file 4711, Zebulon Quillfeather"


def rotate(node: Node, owner: str = "xb", **how: Any) -> Rotated:
    return OwnerKeyRotation(node.engine, node.store.keys, owner, **how).run()


def generations(node: Node, owner: str = "xb") -> list[int]:
    with node.engine.connect() as connection:
        return list(node.store.keys.generations(connection, owner))


def used_generations(node: Node) -> set[int]:
    with node.engine.connect() as connection:
        return set(connection.execute(select(entries.c.key_generation)).scalars())


def opens_everything(node: Node) -> bool:
    return all(stored.templates is not None for stored in node.store.open_templates())


def post(node: Node, number: int, owner: str = "xb") -> None:
    """Store a sealed value as the service does."""
    with writing(node.engine) as connection:
        sealed = node.store.keys.seal_for(owner, "text", TEXT, str(number), connection=connection)
        row = {"partner": owner, "number": number, "kind": "k", "at": NOW, "details": {}}
        connection.execute(notices.insert().values(**row, sealed_text=sealed))


def posted(node: Node, number: int, owner: str = "xb") -> bytes:
    with node.engine.connect() as connection:
        query = select(notices.c.sealed_text).where(notices.c.partner == owner, notices.c.number == number)
        sealed = connection.execute(query).scalar_one()
        return node.store.keys.open_for(owner, "text", sealed, str(number), connection=connection)


class Killed(Exception):
    """Stands for the end of the process: nothing after it runs."""


def test_everything_opens_under_the_next_key_and_the_old_one_is_gone(node: Node) -> None:
    for number in range(5):
        node.store.put_entry(entry(f"e{number}"), faces(number))
        post(node, number)
    node.store.put_entry(entry("other", XA_ALERTS), faces(9))
    before = node.store.entry(EntryKey("xb-alerts", "e3"))
    told: list[tuple[int, int]] = []

    rotated = rotate(node, progress=lambda done, total: told.append((done, total)))

    assert (rotated.generation, rotated.resumed, rotated.entries, rotated.values, rotated.lost) == (2, False, 5, 5, 0)
    assert rotated.wiped
    assert told == [(5, 5)]
    assert generations(node) == [2]
    for opened in (node, node.again()):
        assert opened.store.entry(EntryKey("xb-alerts", "e3")) == before
        assert opens_everything(opened)
        assert posted(opened, 4) == TEXT
    assert node.store.log.last_sequence() == 6  # a rotation is no change of an entry
    assert generations(node, "xa") == [1]


def test_digests_stay_what_they_are(node: Node) -> None:
    digest = node.store.keys.digest_for("xb", "case", b"4711")
    node.store.put_entry(entry("e1"), faces(1))
    for _ in range(2):
        rotate(node)
        assert node.store.keys.digest_for("xb", "case", b"4711") == digest
        assert node.again().store.keys.digest_for("xb", "case", b"4711") == digest
        assert node.store.put_entry(entry("e1"), faces(1)).outcome is Outcome.UNCHANGED


def test_a_key_of_before_digest_keys_were_kept_rotates_too(node: Node) -> None:
    digest = node.store.keys.digest_for("xb", "case", b"4711")
    with writing(node.engine) as connection:
        connection.execute(owner_keys.update().values(sealed_digest_key=None, fingerprint=None))
    assert node.again().store.keys.digest_for("xb", "case", b"4711") == digest
    rotate(node.again())
    assert node.again().store.keys.digest_for("xb", "case", b"4711") == digest


def test_an_entry_withdrawn_before_does_not_open_from_an_old_copy(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    node.store.put_entry(entry("e2"), faces(2))
    with node.engine.connect() as connection:
        copies = connection.execute(select(entries)).all()
    node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb")
    rotate(node)

    for copy in copies:
        with node.engine.connect() as connection, pytest.raises(SealBroken):
            node.store.keys.generation(connection, copy.owner, copy.key_generation)
        with writing(node.engine) as connection:
            newest = node.store.keys.current(connection, "xb")
            with pytest.raises(SealBroken):
                open_entry(copy, newest)


def rotate_and_die(root_key: Path, database: URL) -> None:
    """Rotate the key of XB, and be killed (SIGKILL) in the transaction that destroys the old one."""
    engine = open_database(Path(database.database or "") if database.drivername == "sqlite" else database)
    keys = KeyRing(engine, FileRootKey.load(root_key))
    OwnerKeyRotation(engine, keys, "xb", lambda *_: os.kill(os.getpid(), signal.SIGKILL)).run()


@pytest.mark.parametrize("step", ["begun", "first batch", "killed before the end"])
def test_a_rotation_that_was_broken_off_is_finished_by_the_next(
    node: Node, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchlists.rotation, "BATCH", 2)
    for number in range(5):
        node.store.put_entry(entry(f"e{number}"), faces(number))
        post(node, number)

    def killed(*_: object) -> None:
        raise Killed

    if step == "begun":
        with writing(node.engine) as connection:
            node.store.keys.begin_generation(connection, "xb")
    elif step == "first batch":
        with pytest.raises(Killed):
            rotate(node, progress=killed)
    else:
        arguments = (node.folder / "root.key", node.engine.url)
        process = get_context("spawn").Process(target=rotate_and_die, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert generations(node) == [1, 2]
    assert opens_everything(node)
    node.store.put_entry(entry("late"), faces(7))

    rotated = rotate(node.again())
    assert (rotated.generation, rotated.resumed) == (2, True)
    assert (generations(node), used_generations(node)) == ([2], {2})
    assert opens_everything(node)
    assert [posted(node, number) for number in range(5)] == [TEXT] * 5


def test_writers_beside_it_lose_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchlists.rotation, "BATCH", 20)
    over = threading.Event()

    def write(name: str) -> int:
        count = 0
        while not over.wait(0.01):
            node.store.put_entry(entry(f"{name}-{count % 10}"), faces(count))
            post(node, count, "xa" if name == "w0" else "xb")
            if count % 3 == 0:
                node.store.withdraw_entry(EntryKey("xb-alerts", f"{name}-{count % 10}"), "xb")
            count += 1
        return count

    def read() -> None:
        while not over.wait(0.01):
            assert opens_everything(node)

    with ThreadPoolExecutor(3) as threads:
        writers = [threads.submit(write, name) for name in ("w0", "w1")]
        reader = threads.submit(read)
        try:
            done = [rotate(node).generation for _ in range(3)]
        finally:
            over.set()
        counts = [writer.result() for writer in writers]
        reader.result()

    assert done == [2, 3, 4]
    assert (generations(node), used_generations(node)) == ([4], {4})
    assert opens_everything(node.again())
    assert min(counts) > 0
    for owner, count in zip(("xa", "xb"), counts, strict=True):
        assert {posted(node, number, owner) for number in range(count)} == {TEXT}


def test_a_writer_that_has_the_old_key_in_hand_is_waited_for(node: Node) -> None:
    """Between reading the key and storing what is sealed under it, the key must not be destroyed."""
    node.store.put_entry(entry("e1"), faces(1))
    in_hand, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with writing(node.engine) as connection:
            sealed = node.store.keys.seal_for("xb", "text", TEXT, "1", connection=connection)
            in_hand.set()
            go_on.wait(5)
            row = {"partner": "xb", "number": 1, "kind": "k", "at": NOW, "details": {}}
            connection.execute(notices.insert().values(**row, sealed_text=sealed))

    with ThreadPoolExecutor(2) as threads:
        writer = threads.submit(write_slowly)
        in_hand.wait(5)
        rotation = threads.submit(rotate, node)
        threading.Event().wait(0.2)
        assert not rotation.done()
        go_on.set()
        writer.result()
        rotation.result()
    assert posted(node, 1) == TEXT


def test_no_process_keeps_a_destroyed_key_in_memory(node: Node) -> None:
    """Also not one that has opened something under the old key after it had seen the new one."""
    node.store.put_entry(entry("e1"), faces(1))
    other = node.again()
    with node.engine.connect() as connection:
        old = node.store.keys.generation(connection, "xb", 1).fingerprint
    with writing(node.engine) as connection:
        node.store.keys.begin_generation(connection, "xb")
    for running in (node, other):
        with writing(running.engine) as connection:
            assert running.store.keys.current(connection, "xb").generation == 2
        assert opens_everything(running)  # under the old key still
    assert rotate(node).resumed
    gc.collect()
    keys = [each for each in gc.get_objects() if type(each) is OwnerKey and each.fingerprint == old]
    assert keys == []


def test_entries_that_do_not_open_keep_the_old_key_and_are_counted(node: Node) -> None:
    for number in range(3):
        node.store.put_entry(entry(f"e{number}"), faces(number))
    with writing(node.engine) as connection:
        connection.execute(entries.update().where(entries.c.id == "e1").values(wrapped_key=b"\1" + bytes(60)))

    with pytest.raises(EntriesUnreadable, match="1 entries"):
        rotate(node)
    assert (generations(node), used_generations(node)) == ([1, 2], {1, 2})

    node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb")
    assert rotate(node).resumed
    assert (generations(node), used_generations(node)) == ([2], {2})


def test_what_is_done_is_written_down_with_it_or_not_done(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    seen: list[Rotated] = []

    def settle(connection: Connection, rotated: Rotated) -> None:
        assert connection.execute(select(func.count()).select_from(owner_keys)).scalar_one() == 2  # xa and xb
        seen.append(rotated)

    rotated = rotate(node, settle=settle)
    assert [each.entries for each in seen] == [rotated.entries] == [1]


def test_an_unknown_owner_is_refused(node: Node) -> None:
    with pytest.raises(UnknownPartner):
        rotate(node, "xz")


def test_every_sealed_column_is_known_to_rotation() -> None:
    """A new table with a sealed value must say so (`sealed_for`), or its values die with the next rotation."""
    known = {(column.table.name, column.values.name) for column in sealed_columns()}
    assert {(checks.name, "sealed_answer"), (emergencies.name, "sealed_justification")} < known
    own = {("entries", "sealed_subject"), ("entries", "sealed_templates"), ("root_key_checks", "sealed_check")}
    own |= {("owner_keys", "sealed_digest_key"), ("entry_portraits", "sealed"), ("kept_probe_parts", "sealed")}
    columns = [column for table in metadata.tables.values() for column in table.columns]
    binary = [column for column in columns if isinstance(column.type, LargeBinary)]
    sealed = {(column.table.name, column.name) for column in binary if "sealed" in column.name} - own
    assert sealed == known


def test_the_bytes_of_the_old_key_are_gone_from_the_files(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    with node.engine.connect() as connection:
        old = connection.execute(select(owner_keys.c.wrapped_key).where(owner_keys.c.owner == "xb")).scalar_one()
        old_entry = connection.execute(select(entries.c.wrapped_key)).scalar_one()
    on_sqlite = node.engine.dialect.name == "sqlite"
    if on_sqlite:
        assert old in node.files()
    rotate(node)
    assert wipe_deleted(node.engine, owner_keys)
    if on_sqlite:
        assert [old in node.files(), old_entry in node.files()] == [False, False]
