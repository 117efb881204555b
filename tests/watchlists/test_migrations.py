"""The schema that migrations make is the one that the code declares."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, StaticPool, Table, create_engine, select, text

from service.review.flag_state import NEVER
from service.schema import authorisations, duties, flag_candidates, flags, quota_uses, wipes_due
from tests.databases import Databases
from tests.watchlists.makers import NOW, Node, faces
from watchlists import migrations
from watchlists.database import open_database, writing
from watchlists.errors import SchemaUnknown
from watchlists.feed_schema import feed_heads, feed_held
from watchlists.keys import KeyRing
from watchlists.records import NO_CONDITIONS, Entry, Partner, Subject, VisibilityClass
from watchlists.rotation import OwnerKeyRotation
from watchlists.sealing import LocalRootKey
from watchlists.store import Outcome, PutResult, Store

ON_BOTH_DATABASES = True
OLD_ENTRY = Entry(
    "e1",
    VisibilityClass("xb", "xb-alerts", "wanted", "inform-officer", ("eyes-only", "tlp-amber")),
    Subject("Quillfeather", "Zebulon", date(1970, 2, 3), "XB", ("PXQ7719283",)),
    review_at=NOW + timedelta(days=9),
    expires_at=NOW + timedelta(days=30),
)


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


def test_those_who_start_together_upgrade_once(tmp_path: Path, databases: Databases) -> None:
    place = databases.empty(tmp_path)
    engines = [open_database(place) for _ in range(3)]
    ready = threading.Barrier(len(engines))

    def upgrade(engine: Engine) -> None:
        ready.wait()
        migrations.upgrade(engine)

    with ThreadPoolExecutor(len(engines)) as threads:
        list(threads.map(upgrade, engines))

    assert migrations.differences(engines[0]) == []
    for engine in engines:
        engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(node: Node) -> None:
    with writing(node.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaUnknown) as refused:
        migrations.upgrade(node.engine)
    assert "newer" in refused.value.hint


@pytest.fixture
def old(tmp_path: Path, databases: Databases) -> Iterator[Store]:
    """The store on a database with what schema 0002 left in one, brought up to date."""
    place = databases.empty(tmp_path)
    dump = (Path(__file__).parent / "data" / "version_0002.sql").read_text()
    engine = open_database(place)
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as connection:
            connection.executescript(dump)
    else:
        migrations.upgrade(engine, "0002")
        _fill(engine, dump)
    migrations.upgrade(engine)
    keys = KeyRing(engine, LocalRootKey(bytes(range(32))))
    keys.verify()
    yield Store(engine, keys, lambda: NOW)
    engine.dispose()


def _fill(engine: Engine, dump: str) -> None:
    """Copy the rows of a dump of SQLite into a database of another kind."""
    loaded = sqlite3.connect(":memory:")
    loaded.executescript(dump)
    source = create_engine("sqlite://", creator=lambda: loaded, poolclass=StaticPool)
    kept = MetaData()
    kept.reflect(source)
    with source.connect() as reading, writing(engine) as connection:
        for table in kept.sorted_tables:
            rows = [dict(row) for row in reading.execute(select(table)).mappings()]
            there = Table(table.name, MetaData(), autoload_with=connection)
            connection.execute(there.delete())
            if rows:
                connection.execute(there.insert(), rows)
    source.dispose()


def test_an_entry_from_before_conditions_still_opens(old: Store) -> None:
    assert migrations.differences(old.engine) == []
    stored = old.entry(OLD_ENTRY.key)

    assert (stored.entry, stored.templates, stored.sequence) == (OLD_ENTRY, faces(1), 1)
    assert stored.entry.klass.conditions == NO_CONDITIONS
    assert (stored.entry.author, stored.portraits) == ("", ())
    assert [opened.templates for opened in old.open_templates()] == [faces(1)]


def test_an_entry_from_before_conditions_is_recognised_when_it_is_written_again(old: Store) -> None:
    assert old.put_entry(OLD_ENTRY, faces(1)) == PutResult(Outcome.UNCHANGED, 1)


def test_a_key_from_before_keys_were_rotated_is_rotated_and_its_digests_stay(old: Store) -> None:
    assert OwnerKeyRotation(old.engine, old.keys, "xb").run().generation == 2

    assert old.entry(OLD_ENTRY.key).entry == OLD_ENTRY
    assert old.put_entry(OLD_ENTRY, faces(1)) == PutResult(Outcome.UNCHANGED, 1)


def test_an_old_partner_acts_for_the_state_of_its_name_and_old_tokens_for_no_authority(old: Store) -> None:
    assert old.partners() == [Partner("xb", "State of XB", country="xb")]
    with old.engine.connect() as connection:
        assert connection.execute(text("SELECT country FROM partners")).scalar_one() == "xb"
        assert connection.execute(text("SELECT name, authority FROM tokens")).one() == ("xb-gate-1", "")


@pytest.fixture
def at_0007(tmp_path: Path, databases: Databases) -> Iterator[Engine]:
    """A database of schema 0007 with the partner XB, for tests that put more into it and bring it up to date."""
    engine = open_database(databases.empty(tmp_path))
    migrations.upgrade(engine, "0007")
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO partners (id, name, country) VALUES ('xb', 'State of XB', 'xb')"))
    yield engine
    engine.dispose()


def test_rule_kind_38_counts_and_grants_from_before_are_live_ones(at_0007: Engine) -> None:
    with writing(at_0007) as connection:
        connection.execute(text("INSERT INTO quota_uses VALUES ('treaty', 'xb', '2026-11-22', 7)"))
        grant = "INSERT INTO authorisations VALUES ('xb', 'a-1', 'xa', 'crime', :digest, :now, :now, NULL)"
        connection.execute(text(grant), {"digest": b"\x07" * 32, "now": NOW.isoformat(" ")})
    migrations.upgrade(at_0007)

    with at_0007.connect() as connection:
        assert connection.execute(select(quota_uses)).one() == ("treaty", "xb", date(2026, 11, 22), False, 7)
        granted = select(authorisations.c.id, authorisations.c.exercise)
        assert connection.execute(granted).one() == ("a-1", False)
    assert migrations.differences(at_0007) == []


def test_rule_kind_36_what_was_purged_before_is_cleared_and_due_to_be_wiped(at_0007: Engine) -> None:
    flag = "INSERT INTO flags (id, partner, check_id, checkpoint, purpose, complete, opened_at) VALUES "
    columns = "candidate_id, flag_id, owner, watchlist, entry, score, level, decided_by, voided_at"
    with writing(at_0007) as connection:
        connection.execute(text(flag + "('f', 'xb', 'c', 'GATE', 'crime', true, :now)"), {"now": NOW.isoformat(" ")})
        for name, level, voided in (("c-1", "none", NOW.isoformat(" ")), ("c-2", "score", None)):
            values = f"'{name}', 'f', 'xa', 'w', 'e', 7.5, '{level}', '[]', :at"
            connection.execute(text(f"INSERT INTO flag_candidates ({columns}) VALUES ({values})"), {"at": voided})
        due = "INSERT INTO duties (candidate_id, obligation, opened_at) VALUES ('c-2', 'always-review', :now)"
        connection.execute(text(due), {"now": NOW.isoformat(" ")})
    migrations.upgrade(at_0007)

    found = select(*flag_candidates.c["candidate_id", "watchlist", "entry", "score", "level"]).order_by(text("1"))
    with at_0007.connect() as connection:
        rows = connection.execute(found).all()
        assert rows == [("c-1", None, None, None, "none"), ("c-2", "w", "e", 7.5, "score")]
        assert connection.execute(select(flags.c.asked)).scalar_one() == {}
        marked = connection.execute(select(wipes_due).order_by(wipes_due.c.of_table)).all()
        assert marked == [("checks", NOW), ("flag_candidates", NOW)]
    assert migrations.differences(at_0007) == []


def test_where_nothing_was_purged_nothing_is_due_to_be_wiped(at_0007: Engine) -> None:
    migrations.upgrade(at_0007)
    with at_0007.connect() as connection:
        assert connection.execute(select(wipes_due)).all() == []


def test_copies_from_before_links_were_kept_apart_are_all_looked_at_again(at_0007: Engine) -> None:
    migrations.upgrade(at_0007, "0013")
    with writing(at_0007) as connection:
        connection.execute(text("INSERT INTO partners (id, name, country) VALUES ('xa', 'XA', 'xa')"))
        connection.execute(text("INSERT INTO watchlists (id, owner, title) VALUES ('w', 'xb', 'W')"))
        head = "watchlist, receiver, owner, receiving_key, page, sequence, digest, followed, decided_by"
        values = "'w', 'xa', 'xb', :key, 1, 1, 'd', 1, 'rules of then', 1"
        insert = f"INSERT INTO feed_heads ({head}, timestamp_version) VALUES ({values})"
        connection.execute(text(insert), {"key": bytes(32)})
        held = "INSERT INTO feed_held (watchlist, receiver, entry, version, sealed_to) VALUES ('w', 'xa', 'e', 1, 'k')"
        connection.execute(text(held))
    migrations.upgrade(at_0007)

    with at_0007.connect() as connection:
        assert connection.execute(select(feed_held.c.entry, feed_held.c.linked)).all() == [("e", True)]
        assert connection.execute(select(feed_heads.c.decided_by)).scalar_one() is None
    assert migrations.differences(at_0007) == []


def test_flags_from_before_there_was_a_desk_are_queued_by_their_deadlines(at_0007: Engine) -> None:
    migrations.upgrade(at_0007, "0014")
    flag = "INSERT INTO flags (id, partner, check_id, checkpoint, purpose, complete, opened_at) VALUES "
    with writing(at_0007) as connection:
        for name in ("hurried", "calm", "void"):
            values = f"('{name}', 'xb', 'c', 'GATE', 'crime', true, :now)"
            connection.execute(text(flag + values), {"now": NOW.isoformat(" ")})
            columns = "candidate_id, flag_id, owner, level, decided_by, voided_at"
            insert = f"INSERT INTO flag_candidates ({columns}) VALUES (:id, :id, 'xa', 'hit', '[]', :voided)"
            voided = NOW.isoformat(" ") if name == "void" else None
            connection.execute(text(insert), {"id": name, "voided": voided})
        owed = "candidate_id, obligation, opened_at, due_at"
        due = f"INSERT INTO duties ({owed}) VALUES (:id, 'confirm-within', :now, :due)"
        at = {"now": NOW.isoformat(" "), "due": (NOW + timedelta(hours=1)).isoformat(" ")}
        connection.execute(text(due), {"id": "hurried"} | at)
    migrations.upgrade(at_0007)

    with at_0007.connect() as connection:
        found = {row.id: row for row in connection.execute(select(flags))}
        assert [(found[name].state, found[name].rank) for name in ("hurried", "calm", "void")] == [
            ("open", 3),
            ("open", 3),
            ("void", 0),
        ]
        assert [found[name].queued_at for name in ("hurried", "calm", "void")] == [NOW + timedelta(hours=1), NEVER, NOW]
        assert connection.execute(select(duties.c.escalate_at)).scalar_one() == NOW
        assert connection.execute(select(flag_candidates.c.review).distinct()).scalars().all() == ["open"]
    assert migrations.differences(at_0007) == []
