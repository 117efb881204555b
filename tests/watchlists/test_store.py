"""Writing and reading entries."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from models.errors import InvalidInput
from tests.watchlists.makers import ALERTS, MISSING, NOW, SUBJECT, XA_ALERTS, Node, entry, face, faces, finger
from watchlists.changes import ChangeLog
from watchlists.database import writing
from watchlists.errors import (
    EntryChanged,
    ForeignWatchlist,
    SealBroken,
    UnknownEntry,
    UnknownPartner,
    UnknownWatchlist,
    WatchlistNameTaken,
)
from watchlists.records import ChangeKind, Entry, EntryKey, Partner, Subject, Templates, VisibilityClass, Watchlist
from watchlists.schema import entries
from watchlists.store import Details, Outcome, PutResult

ON_BOTH_DATABASES = True


def kinds(log: ChangeLog) -> list[tuple[int, ChangeKind, str]]:
    return [(change.sequence, change.kind, change.key.entry) for change in log.after(0)]


def test_an_entry_reads_back_as_it_was_written(node: Node) -> None:
    written = Entry(
        "e1",
        ALERTS,
        Subject("Ågren", "Zoë", datetime(1970, 2, 3, tzinfo=UTC).date(), "XB", ("P1", "P2")),
        review_at=datetime(2027, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))),
        expires_at=NOW + timedelta(days=30, microseconds=1),
    )
    templates = Templates((face(1), face(1, noise=0.1)), (finger(1),))

    assert node.store.put_entry(written, templates) == PutResult(Outcome.CREATED, 1)
    stored = node.store.entry(written.key)
    assert stored.entry == written
    assert stored.templates == templates
    assert stored.sequence == 1
    assert node.store.details(written.key) == Details(written.subject)


def test_a_repeated_write_changes_nothing_and_another_replaces(node: Node) -> None:
    store = node.store
    store.put_entry(entry("e1"), faces(1))

    assert store.put_entry(entry("e1"), faces(1)) == PutResult(Outcome.UNCHANGED, 1)
    assert store.put_entry(entry("e1"), faces(2)) == PutResult(Outcome.REPLACED, 2)
    assert store.put_entry(entry("e1", MISSING), faces(2)) == PutResult(Outcome.REPLACED, 3)
    assert store.put_entry(entry("e1", MISSING, expires_at=NOW), faces(2)) == PutResult(Outcome.REPLACED, 4)
    assert store.put_entry(Entry("e1", MISSING, SUBJECT, NOW, NOW), faces(2)) == PutResult(Outcome.REPLACED, 5)
    assert store.put_entry(Entry("e1", MISSING, Subject(), NOW, NOW), faces(2)) == PutResult(Outcome.REPLACED, 6)
    assert store.entry_count() == 1
    assert store.log.last_sequence() == 6


def test_a_replaced_entry_gets_a_new_data_key(node: Node) -> None:
    def wrapped_key() -> bytes:
        with node.engine.connect() as connection:
            key: bytes = connection.execute(select(entries.c.wrapped_key)).scalar_one()
            return key

    node.store.put_entry(entry("e1"), faces(1))
    first = wrapped_key()
    node.store.put_entry(entry("e1"), faces(2))

    assert wrapped_key() != first


def test_many_entries_are_one_transaction_with_results_in_order(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    items = [(entry(name), faces(person)) for name, person in (("e2", 2), ("e1", 1), ("e3", 3), ("e2", 4), ("e2", 4))]
    with node.store.writing() as write:
        results = write.put_entries(items)

    assert results == [
        PutResult(Outcome.CREATED, 2),
        PutResult(Outcome.UNCHANGED, 1),
        PutResult(Outcome.CREATED, 3),
        PutResult(Outcome.REPLACED, 4),
        PutResult(Outcome.UNCHANGED, 4),
    ]
    assert node.store.entry(EntryKey("xb-alerts", "e2")).templates == faces(4)
    assert [sequence for sequence, _, _ in kinds(node.store.log)] == [1, 2, 3, 4]


def test_more_entries_than_a_batch(node: Node) -> None:
    items = [(entry(f"e{i}"), faces(i)) for i in range(450)]
    with node.store.writing() as write:
        results = write.put_entries(items)
    with node.store.writing() as write:
        again = write.put_entries(items)

    assert [result.sequence for result in results] == list(range(1, 451))
    assert again == [PutResult(Outcome.UNCHANGED, result.sequence) for result in results]
    some = [item.key for item, _ in items[:10]]
    assert {opened.key for opened in node.store.open_templates(some)} == set(some)
    assert len(list(node.store.open_templates())) == 450


def test_an_exception_undoes_everything(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))

    def write_and_fail() -> None:
        with node.store.writing() as write:
            write.put_entry(entry("e2"), faces(2))
            write.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb")
            write.add_partner(Partner("xc", "XC"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_and_fail()

    assert kinds(node.store.log) == [(1, ChangeKind.PUT, "e1")]
    assert node.store.entry(EntryKey("xb-alerts", "e1")).templates == faces(1)
    assert [partner.id for partner in node.store.partners()] == ["xa", "xb"]
    # The key that the undone transaction made must not be used for the partner that is made now.
    node.store.add_partner(Partner("xc", "XC"))
    node.store.put_watchlist(Watchlist("xc-alerts", "xc", "Alerts"))
    own = entry("e1", VisibilityClass("xc", "xc-alerts", "wanted", "inform-officer"))
    node.store.put_entry(own, faces(3))
    assert node.store.entry(own.key).templates == faces(3)


def test_a_withdrawal_of_nothing_waits_for_no_writer(node: Node) -> None:
    with writing(node.engine):  # held by somebody else
        assert node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb") is None
        with pytest.raises(ForeignWatchlist):
            node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xa")
        with pytest.raises(UnknownWatchlist):
            node.store.withdraw_entry(EntryKey("xc-alerts", "e1"), "xb")
    assert node.store.log.last_sequence() == 0


def test_details_are_those_of_the_version_asked_for(node: Node) -> None:
    store, key = node.store, EntryKey("xb-alerts", "e1")
    first = store.put_entry(entry("e1"), faces(1)).sequence
    assert store.details(key, first) == store.details(key) == Details(SUBJECT)

    second = store.put_entry(entry("e1"), faces(2)).sequence
    with pytest.raises(EntryChanged):
        store.details(key, first)
    assert store.details(key, second).subject == SUBJECT

    store.withdraw_entry(key, "xb")
    for sequence in (first, second):
        with pytest.raises(EntryChanged):
            store.details(key, sequence)
    with pytest.raises(UnknownEntry):
        store.details(key)
    third = store.put_entry(entry("e1"), faces(2)).sequence
    with pytest.raises(EntryChanged):
        store.details(key, second)
    assert store.details(key, third).subject == SUBJECT


def test_a_withdrawn_entry_is_gone_and_can_come_back(node: Node) -> None:
    store, key = node.store, EntryKey("xb-alerts", "e1")
    store.put_entry(entry("e1"), faces(1))

    assert store.withdraw_entry(key, "xb") == 2
    assert store.withdraw_entry(key, "xb") is None
    with pytest.raises(UnknownEntry):
        store.entry(key)
    assert store.put_entry(entry("e1"), faces(1)) == PutResult(Outcome.CREATED, 3)
    assert kinds(store.log) == [(1, ChangeKind.PUT, "e1"), (2, ChangeKind.WITHDRAW, "e1"), (3, ChangeKind.PUT, "e1")]


def test_a_watchlist_belongs_to_one_partner(node: Node) -> None:
    store = node.store
    store.put_entry(entry("e1"), faces(1))

    with pytest.raises(WatchlistNameTaken):
        store.put_watchlist(Watchlist("xb-alerts", "xa", "Mine now"))
    with pytest.raises(ForeignWatchlist):
        store.put_entry(entry("e1", VisibilityClass("xa", "xb-alerts", "wanted", "inform-officer")), faces(2))
    with pytest.raises(ForeignWatchlist):
        store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xa")
    with pytest.raises(UnknownWatchlist):
        store.put_entry(entry("e1", VisibilityClass("xb", "nowhere", "wanted", "inform-officer")), faces(1))
    with pytest.raises(UnknownPartner):
        store.put_watchlist(Watchlist("xz-alerts", "xz", "Of nobody"))

    assert store.watchlists("xb") == [Watchlist("xb-alerts", "xb", "Alerts")]
    assert store.entry(EntryKey("xb-alerts", "e1")).templates == faces(1)
    assert store.entry_count("xb-alerts") == 1
    assert store.entry_count("xa-alerts") == 0


def test_partners_and_watchlists_can_be_put_again(node: Node) -> None:
    store = node.store

    assert store.add_partner(Partner("xa", "XA")) is Outcome.UNCHANGED
    assert store.add_partner(Partner("xa", "State of XA")) is Outcome.REPLACED
    assert store.partner("xa") == Partner("xa", "State of XA")
    assert store.put_watchlist(Watchlist("xa-alerts", "xa", "Alerts")) is Outcome.UNCHANGED
    assert store.put_watchlist(Watchlist("xa-alerts", "xa", "Alerts of XA")) is Outcome.REPLACED
    assert store.watchlist("xa-alerts").title == "Alerts of XA"
    assert store.put_watchlist(Watchlist("xa-other", "xa", "Other")) is Outcome.CREATED


@pytest.mark.parametrize(
    ("column", "value"),
    [("handling", []), ("category", "missing"), ("action", "none"), ("expires_at", None), ("owner", "xa")],
)
def test_what_rules_read_cannot_be_changed_behind_the_stores_back(node: Node, column: str, value: object) -> None:
    node.store.put_entry(entry("e1", expires_at=NOW), faces(1))
    with writing(node.engine) as connection:
        connection.execute(entries.update().values({column: value}))

    with pytest.raises(SealBroken):
        node.store.entry(EntryKey("xb-alerts", "e1"))


@pytest.mark.parametrize("columns", [("sealed_subject",), ("sealed_templates",), ("wrapped_key",)])
def test_sealed_values_of_two_entries_cannot_be_exchanged(node: Node, columns: tuple[str, ...]) -> None:
    _refuses_exchange(node, columns)


def test_rows_of_two_entries_cannot_be_exchanged_whole(node: Node) -> None:
    _refuses_exchange(node, ("wrapped_key", "sealed_subject", "sealed_templates"))


def _refuses_exchange(node: Node, columns: tuple[str, ...]) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    node.store.put_entry(entry("e2"), faces(2))
    with writing(node.engine) as connection:
        rows = {row.id: row for row in connection.execute(select(entries))}
        for target, source in (("e1", "e2"), ("e2", "e1")):
            values = {column: getattr(rows[source], column) for column in columns}
            connection.execute(entries.update().where(entries.c.id == target).values(values))

    for name in ("e1", "e2"):
        with pytest.raises(SealBroken):
            node.store.entry(EntryKey("xb-alerts", name))


def test_subject_and_templates_of_one_entry_cannot_be_exchanged(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    with writing(node.engine) as connection:
        row = connection.execute(select(entries)).one()
        connection.execute(
            entries.update().values(sealed_subject=row.sealed_templates, sealed_templates=row.sealed_subject)
        )

    with pytest.raises(SealBroken):
        node.store.details(EntryKey("xb-alerts", "e1"))


def test_a_reader_at_work_keeps_no_withdrawal_from_happening(node: Node) -> None:
    node.store.put_entry(entry("e1"), faces(1))
    with node.engine.connect() as reader:
        before = reader.execute(select(entries.c.id)).all()
        assert node.store.withdraw_entry(EntryKey("xb-alerts", "e1"), "xb") == 2
        assert reader.execute(select(entries.c.id)).all() == before

    node.store.put_entry(entry("e2", XA_ALERTS), faces(2))
    assert [opened.key.entry for opened in node.store.open_templates()] == ["e2"]


def test_datetimes_need_a_zone_and_a_place_in_the_calendar() -> None:
    with pytest.raises(ValueError, match="zone"):
        entry("e1", expires_at=datetime(2027, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidInput):
        entry("e1", expires_at=datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))))


def test_handling_codes_are_a_set() -> None:
    assert VisibilityClass("xb", "w", "wanted", "none", ("b", "a", "b")) == VisibilityClass(
        "xb", "w", "wanted", "none", ("a", "b")
    )
