"""The store, read and written by everything that needs the truth about watchlists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, func, select

from watchlists.ages import age_on
from watchlists.changes import ChangeLog
from watchlists.database import Turn, wipe_deleted, writing
from watchlists.errors import EntryChanged, ForeignWatchlist, SealBroken, UnknownEntry, UnknownPartner, UnknownWatchlist
from watchlists.feed_schema import feed_contents
from watchlists.keys import KeyRing, OwnerKey
from watchlists.portraits import Portraits
from watchlists.records import Age, Entry, EntryKey, Partner, Quarantine, Templates, VisibilityClass, Watchlist
from watchlists.schema import NODE, entries, entry_portraits, partners, watchlists
from watchlists.store.choice import CLEAR, STREAMED, WHOLE, WITH_PORTRAITS, among
from watchlists.store.columns import TemplateColumns
from watchlists.store.dates import Dates
from watchlists.store.loading import LOADED, Sent, TemplateReader, received, sent, stored_templates
from watchlists.store.openers import open_in_processes
from watchlists.store.results import AgeChange, Outcome, PutResult, StoredEntry, StoredTemplates
from watchlists.store.sealed_rows import clear_entry, open_details, open_entry, open_portraits, open_templates
from watchlists.store.writing import Writing
from watchlists.templates import Details


class Store:
    """Partners, watchlists and entries. Thread-safe; several processes may use one database.

    Args:
        engine: from `watchlists.database.open_database`, brought up to date by `watchlists.migrations.upgrade`.
        keys: the key ring of that database.
        clock: the time that changes are dated with; aware.
    """

    def __init__(self, engine: Engine, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self.engine = engine
        self.keys = keys
        self.log = ChangeLog(engine)
        self.dates = Dates(engine)
        self._clock = clock

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """One write transaction: committed on leaving, undone if an exception leaves.

        Where it destroyed data keys, what the database still holds of them is wiped afterwards, as far as it can be.
        """
        with writing(self.engine, Turn.CHANGE_LOG) as connection:
            write = Writing(connection, self.keys, self._clock())
            yield write
        if write.destroyed:
            wipe_deleted(self.engine, entries, entry_portraits, feed_contents)

    def add_partner(self, partner: Partner) -> Outcome:
        """`Writing.add_partner` in a transaction of its own."""
        with self.writing() as write:
            return write.add_partner(partner)

    def put_watchlist(self, watchlist: Watchlist) -> Outcome:
        """`Writing.put_watchlist` in a transaction of its own."""
        with self.writing() as write:
            return write.put_watchlist(watchlist)

    def put_entry(self, entry: Entry, templates: Templates, portraits: Portraits = ()) -> PutResult:
        """`Writing.put_entry` in a transaction of its own."""
        with self.writing() as write:
            return write.put_entry(entry, templates, portraits)

    def withdraw_entry(self, key: EntryKey, owner: str) -> int | None:
        """`Writing.withdraw_entry` in a transaction of its own, and without one if there is nothing to withdraw."""
        if not self.has_entry(key, owner):
            return None
        with self.writing() as write:
            return write.withdraw_entry(key, owner)

    def partners(self) -> Sequence[Partner]:
        """Return all partners, by id."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(partners).where(partners.c.id != NODE).order_by(partners.c.id)).all()
        return [Partner(row.id, row.name, row.country) for row in rows]

    def partner(self, partner: str) -> Partner:
        """Return a partner.

        Raises:
            UnknownPartner: there is none of that id.
        """
        row = self._one(select(partners).where(partners.c.id == partner, partners.c.id != NODE))
        if row is None:
            raise UnknownPartner(f"there is no partner {partner}")
        return Partner(row.id, row.name, row.country)

    def watchlists(self, owner: str | None = None) -> Sequence[Watchlist]:
        """Return the watchlists of one owner, or all, by id."""
        query = select(watchlists).order_by(watchlists.c.id)
        if owner is not None:
            query = query.where(watchlists.c.owner == owner)
        with self.engine.connect() as connection:
            return [Watchlist(row.id, row.owner, row.title) for row in connection.execute(query)]

    def watchlist(self, watchlist: str) -> Watchlist:
        """Return a watchlist.

        Raises:
            UnknownWatchlist: there is none of that id.
        """
        row = self._one(select(watchlists).where(watchlists.c.id == watchlist))
        if row is None:
            raise UnknownWatchlist(f"there is no watchlist {watchlist}")
        return Watchlist(row.id, row.owner, row.title)

    def entry_count(self, watchlist: str | None = None) -> int:
        """Return the number of entries on one watchlist, or on all."""
        query = select(func.count()).select_from(entries)
        if watchlist is not None:
            query = query.where(entries.c.watchlist == watchlist)
        with self.engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def entry(self, key: EntryKey) -> StoredEntry:
        """Open an entry.

        Raises:
            UnknownEntry: there is none.
            SealBroken: it was changed or moved by other means than a write of its owner.
        """
        row, owner_key = self._sealed(key, WITH_PORTRAITS)
        entry, templates = open_entry(row, owner_key)
        return StoredEntry(entry, templates, row.sequence, open_portraits(row, entry, owner_key))

    def has_entry(self, key: EntryKey, owner: str) -> bool:
        """Whether `owner` has that entry on a watchlist of its own. Waits for no writer.

        Raises:
            UnknownWatchlist: there is no such watchlist.
            ForeignWatchlist: `owner` does not own it.
        """
        if self.watchlist(key.watchlist).owner != owner:
            raise ForeignWatchlist(f"watchlist {key.watchlist} is not owned by {owner}")
        query = select(entries.c.id).where(entries.c.watchlist == key.watchlist, entries.c.id == key.entry)
        return self._one(query) is not None

    def classes_of(self, keys: Collection[EntryKey]) -> dict[EntryKey, VisibilityClass]:
        """Return the classes of those of `keys` that there are and that have not expired. No seal is opened."""
        unexpired = entries.c.expires_at.is_(None) | (entries.c.expires_at > self._clock())
        with self.engine.connect() as connection:
            rows = _rows(connection, select(*CLEAR).where(unexpired), keys)
            return {entry.key: entry.klass for entry in map(clear_entry, rows)}

    def entered_at(self, keys: Collection[EntryKey]) -> dict[EntryKey, datetime]:
        """Return when those of `keys` that there are were first written. No seal is opened."""
        query = select(entries.c.watchlist, entries.c.id, entries.c.entered_at)
        known = entries.c.entered_at.is_not(None)
        with self.engine.connect() as connection:
            rows = _rows(connection, query.where(known), keys)
            return {EntryKey(row.watchlist, row.id): row.entered_at for row in rows}

    def details(self, key: EntryKey, sequence: int | None = None) -> Details:
        """Open the subject of an entry, its links and the misused identity, and nothing else.

        Args:
            key: whose.
            sequence: of the change that wrote the version wanted, as `Candidate` has it; None for the present one.

        Raises:
            EntryChanged: the version of `sequence` has been replaced or withdrawn.
            UnknownEntry: there is no such entry (`sequence` is None).
            SealBroken: it was changed or moved by other means than a write of its owner.
        """
        try:
            row, owner_key = self._sealed(key, WHOLE)
        except UnknownEntry:
            if sequence is None:
                raise
            raise _changed(key) from None
        if sequence not in (None, row.sequence):
            raise _changed(key)
        return open_details(row, clear_entry(row), owner_key)

    def samples(self, key: EntryKey) -> StoredEntry:
        """Open templates and portraits of an entry, for people to compare, and nothing of who it is about.

        Raises:
            UnknownEntry: there is none.
            SealBroken: it was changed or moved by other means than a write of its owner.
        """
        row, owner_key = self._sealed(key, WITH_PORTRAITS)
        entry = clear_entry(row)
        templates, portraits = open_templates(row, entry, owner_key), open_portraits(row, entry, owner_key)
        return StoredEntry(entry, templates, row.sequence, portraits)

    def quarantined(self, watchlist: str) -> list[tuple[EntryKey, Quarantine]]:
        """Return the entries of a watchlist that are in quarantine, by id. No seal is opened."""
        reason = entries.c.conditions["quarantine"].as_string()
        is_kept = entries.c.watchlist == watchlist, reason.is_not(None)
        query = select(entries.c.id, reason.label("reason")).where(*is_kept).order_by(entries.c.id)
        with self.engine.connect() as connection:
            rows = connection.execute(query)
            return [(EntryKey(watchlist, row.id), Quarantine(row.reason)) for row in rows]

    def entries_to_reage(self, now: datetime) -> list[AgeChange]:
        """Return the entries of children whose subject is in another age band by now, for `Writing.set_ages`.

        Every sealed subject below 18 is opened, and no other: meant for once a day. One that does not open is left.
        """
        columns = [column for column in entries.c if column.name != "sealed_templates"]
        age = entries.c.conditions["age"].as_string()
        query = select(*columns).where(age.in_((Age.UNDER_12, Age.MINOR)))
        with self.engine.connect() as connection:
            rows = connection.execution_options(yield_per=STREAMED).execute(query)
            changes = (self._age_change(connection, row, now) for row in rows)
            return [change for change in changes if change is not None]

    def open_templates(self, keys: Collection[EntryKey] | None = None) -> Iterator[StoredTemplates]:
        """Stream the templates of all entries, or of those of `keys` that there are, in no particular order.

        A database connection is held until the iterator ends.
        """
        with self.engine.connect() as connection:
            reader = TemplateReader(connection, self.keys)
            for chosen in [TemplateReader.QUERY] if keys is None else _chosen(TemplateReader.QUERY, keys):
                for opened in reader.read(chosen, STREAMED):
                    yield from stored_templates(opened)

    def open_all_templates(self, processes: int) -> Generator[TemplateColumns]:
        """Stream the templates of all entries, opened by that many processes beside this one; 0 for this one alone.

        What is written meanwhile may come in either version, twice, or not at all. A database connection is held until
        the iterator ends.

        Raises:
            OpenersEnded: one of the processes ended before its time.
        """
        with closing(self._opened(processes)) as opened:
            yield from map(received, opened)

    def _opened(self, processes: int) -> Generator[Sent]:
        if processes:
            yield from open_in_processes(self.engine.url, self.keys.root, processes)
            return
        with self.engine.connect() as connection:
            yield from map(sent, TemplateReader(connection, self.keys).read(TemplateReader.QUERY, LOADED))

    def _age_change(self, connection: Connection, row: Row[Any], now: datetime) -> AgeChange | None:
        entry = clear_entry(row)
        try:
            owner_key = self.keys.generation(connection, row.owner, row.key_generation)
            birth_date = open_details(row, entry, owner_key).subject.birth_date
        except SealBroken:
            return None
        age = age_on(birth_date, now.astimezone(UTC).date())
        unchanged = birth_date is None or age == entry.klass.conditions.age
        return None if unchanged else AgeChange(entry.key, row.owner, row.sequence, age)

    def _sealed(self, key: EntryKey, columns: Select[Any]) -> tuple[Row[Any], OwnerKey]:
        query = columns.where(entries.c.watchlist == key.watchlist, entries.c.id == key.entry)
        with self.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                raise UnknownEntry(f"there is no entry {key.entry} on watchlist {key.watchlist}")
            owner_key = self.keys.generation(connection, row.owner, row.key_generation)
        return row, owner_key

    def _one(self, query: Select[Any]) -> Row[Any] | None:
        with self.engine.connect() as connection:
            return connection.execute(query).one_or_none()


def _chosen(query: Select[Any], keys: Collection[EntryKey]) -> Iterator[Select[Any]]:
    """Cut a query for certain entries into several, none of which asks for too many."""
    remaining = iter(keys)
    while some := list(islice(remaining, STREAMED)):
        yield query.where(among(some))


def _rows(connection: Connection, query: Select[Any], keys: Collection[EntryKey]) -> Iterator[Row[Any]]:
    for chosen in _chosen(query, keys):
        yield from connection.execute(chosen)


def _changed(key: EntryKey) -> EntryChanged:
    return EntryChanged(f"entry {key.entry} on watchlist {key.watchlist} was changed meanwhile")
