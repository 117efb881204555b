"""What lies in the files of the embedded database, and what does not."""

from pathlib import Path

from sqlalchemy import select

from tests.watchlists.makers import SUBJECT, Node, entry, face, faces, finger
from watchlists import migrations
from watchlists.database import open_database
from watchlists.records import EntryKey, Templates
from watchlists.schema import entries


def test_nothing_of_a_person_lies_in_the_files_in_clear(node: Node) -> None:
    node.store.put_entry(entry("e1"), Templates((face(1),), (finger(1),)))
    node.store.put_entry(entry("e2"), faces(2))
    node.store.put_entry(entry("e2"), faces(3))
    node.store.withdraw_entry(EntryKey("xb-alerts", "e2"), "xb")

    content = node.files()
    assert b"xb-alerts" in content  # the search below could find something
    documents = [document.encode() for document in SUBJECT.documents]
    secrets = [b"Quillfeather", b"Zebulon", *documents, finger(1).minutiae.to_bytes()[:16]]
    secrets += [face(person).vector.tobytes()[:16] for person in (1, 2, 3)]
    assert [secret for secret in secrets if secret in content] == []


def test_withdrawing_leaves_nothing_sealed_in_the_files(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    with node.engine.connect() as connection:
        row = connection.execute(select(entries)).one()
    sealed = [row.wrapped_key, row.sealed_subject, row.sealed_templates, row.digest]
    assert all(value in node.files() for value in sealed)

    node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb")

    assert [value for value in sealed if value in node.files()] == []


def test_replacing_leaves_nothing_sealed_in_the_files(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    with node.engine.connect() as connection:
        row = connection.execute(select(entries)).one()
    sealed = [row.wrapped_key, row.sealed_templates]
    assert all(value in node.files() for value in sealed)

    node.store.put_entry(entry("e1"), faces(2))

    assert [value for value in sealed if value in node.files()] == []


def test_a_new_database_file_is_readable_by_its_user_alone(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "crosscheck.db")
    migrations.upgrade(engine)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("crosscheck.db*")} == {0o600}
    engine.dispose()
