"""The schema that migrations make is the one that the code declares."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

import service.schema  # noqa: F401 -- declares its tables, as every process of the service does
from tests.watchlists.makers import Node
from watchlists import migrations
from watchlists.database import open_database, writing
from watchlists.errors import SchemaUnknown


def test_a_migrated_database_is_as_the_code_declares(node: Node) -> None:
    assert migrations.differences(node.engine) == []


def test_a_difference_would_be_found(node: Node) -> None:
    with writing(node.engine) as connection:
        connection.execute(text("ALTER TABLE partners ADD COLUMN surplus TEXT"))
        connection.execute(text("DROP TABLE changes"))

    found = " ".join(migrations.differences(node.engine))
    assert "surplus" in found
    assert "changes" in found


def test_upgrading_again_changes_nothing(node: Node) -> None:
    node.store.keys.verify()
    migrations.upgrade(node.engine)
    assert [partner.id for partner in node.store.partners()] == ["xa", "xb"]


def test_processes_that_start_together_upgrade_once(tmp_path: Path) -> None:
    engines = [open_database(tmp_path / "crosscheck.db") for _ in range(3)]
    with ThreadPoolExecutor(len(engines)) as threads:
        list(threads.map(migrations.upgrade, engines))

    assert migrations.differences(engines[0]) == []
    for engine in engines:
        engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(node: Node) -> None:
    with writing(node.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaUnknown) as refused:
        migrations.upgrade(node.engine)
    assert "newer" in refused.value.hint
