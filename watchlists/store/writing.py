"""What can be written to the store, in one transaction: all of it becomes visible together, or none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select

from watchlists.changes import ChangeWriter, NewChange
from watchlists.errors import ForeignWatchlist, SealBroken, UnknownPartner, UnknownWatchlist, WatchlistNameTaken
from watchlists.feed_schema import feed_contents
from watchlists.keys import KeyRing, OwnerKey
from watchlists.portraits import Portraits
from watchlists.records import ChangeKind, Entry, EntryKey, Partner, Templates, Watchlist
from watchlists.schema import entries, entry_portraits, partners, watchlists
from watchlists.store.choice import WITH_PORTRAITS, among
from watchlists.store.results import AgeChange, DateChange, Outcome, PutResult
from watchlists.store.sealed_rows import Content, open_entry, open_portraits

BATCH = 200
"""Entries that are written with one set of statements."""


Item = tuple[Entry, Templates] | tuple[Entry, Templates, Portraits]
"""An entry to write, with its templates, and with its portraits if there are any."""

_Change = TypeVar("_Change", AgeChange, DateChange)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What there is of an entry before it is written again."""

    digest: bytes
    sequence: int
    entered_at: datetime | None


class Writing:
    """One write transaction. Use it from one thread, inside `with store.writing() as write`.

    Args:
        connection: of the transaction; other tables can be written with it.
    """

    def __init__(self, connection: Connection, keys: KeyRing, now: datetime) -> None:
        self.connection = connection
        self.destroyed = 0
        """Entries whose data keys this transaction has destroyed."""
        self._keys = keys
        self._now = now
        self._log = ChangeWriter(connection, now)
        # For this transaction only: an owner's key could be rotated by the next one.
        self._owner_keys: dict[str, OwnerKey] = {}
        self._owners: dict[str, str] = {}

    def add_partner(self, partner: Partner) -> Outcome:
        """Add a partner and make its key, or change the name and country of one that is there."""
        row = self.connection.execute(select(partners).where(partners.c.id == partner.id)).one_or_none()
        if row is not None and Partner(row.id, row.name, row.country) == partner:
            return Outcome.UNCHANGED
        values = {"name": partner.name, "country": partner.country}
        if row is not None:
            self.connection.execute(partners.update().where(partners.c.id == partner.id).values(values))
            return Outcome.REPLACED
        self.connection.execute(partners.insert().values(id=partner.id, **values))
        self._keys.make(self.connection, partner.id)
        return Outcome.CREATED

    def put_watchlist(self, watchlist: Watchlist) -> Outcome:
        """Make a watchlist, or change its title.

        Raises:
            UnknownPartner: there is no such owner.
            WatchlistNameTaken: another partner owns a watchlist of that id.
        """
        query = select(watchlists).where(watchlists.c.id == watchlist.id)
        row = self.connection.execute(query).one_or_none()
        if row is None:
            known = select(partners.c.id).where(partners.c.id == watchlist.owner)
            if self.connection.execute(known).first() is None:
                raise UnknownPartner(f"there is no partner {watchlist.owner}")
            values = {"id": watchlist.id, "owner": watchlist.owner, "title": watchlist.title}
            self.connection.execute(watchlists.insert().values(values))
            return Outcome.CREATED
        if row.owner != watchlist.owner:
            raise WatchlistNameTaken(f"the name {watchlist.id} is taken")
        if row.title == watchlist.title:
            return Outcome.UNCHANGED
        self.connection.execute(
            watchlists.update().where(watchlists.c.id == watchlist.id).values(title=watchlist.title)
        )
        return Outcome.REPLACED

    def put_entry(self, entry: Entry, templates: Templates, portraits: Portraits = ()) -> PutResult:
        """Write an entry and its change. Writing the same content again changes nothing, whoever its author is.

        Raises:
            UnknownWatchlist: there is no such watchlist.
            ForeignWatchlist: its owner is not the entry's.
        """
        return self.put_entries([(entry, templates, portraits)])[0]

    def put_entries(self, items: Iterable[Item], entered_at: datetime | None = None) -> list[PutResult]:
        """Write many entries; the results are in the order of the items. What `put_entry` raises goes for each.

        Args:
            items: the entries.
            entered_at: the moment from which the retention of those that are new counts; that of the transaction if
                None. Whoever has reckoned with another moment has to say so, or the dates would move at the next write.
        """
        contents = [Content(*item) for item in items]
        for content in contents:
            self._require_owner(content.entry.key.watchlist, content.entry.klass.owner)
        return [result for batch in _batches(contents) for result in self._put_batch(batch, entered_at or self._now)]

    def withdraw_entry(self, key: EntryKey, owner: str) -> int | None:
        """Destroy an entry with its data key; return the number of the change, None if there was no such entry.

        Raises:
            UnknownWatchlist: there is no such watchlist.
            ForeignWatchlist: `owner` does not own it.
        """
        self._require_owner(key.watchlist, owner)
        if not self._destroy([key]):
            return None
        return self._log.append([NewChange(ChangeKind.WITHDRAW, key, owner)])[0]

    def expire_entry(self, key: EntryKey, now: datetime) -> int | None:
        """Withdraw an entry if it has expired by `now`; return the number of the change.

        None if it has not: it may have been written again, with a later end, since somebody looked.
        """
        row = self.connection.execute(
            select(entries.c.owner).where(
                entries.c.watchlist == key.watchlist, entries.c.id == key.entry, entries.c.expires_at <= now
            )
        ).one_or_none()
        return None if row is None else self.withdraw_entry(key, row.owner)

    def set_ages(self, age_changes: Collection[AgeChange]) -> list[AgeChange]:
        """Write entries again, with the same content, in the class of the age that their subject has come to.

        Returns:
            Those written. An entry that was changed or withdrawn meanwhile is left, and so is one that does not open.
        """

        def aged(entry: Entry, change: AgeChange) -> Entry:
            conditions = replace(entry.klass.conditions, age=change.age)
            return replace(entry, klass=replace(entry.klass, conditions=conditions))

        return self._rewrite(age_changes, aged)

    def set_dates(self, date_changes: Collection[DateChange]) -> list[DateChange]:
        """Write entries again, with the same content and other dates; what is returned is as of `set_ages`."""
        return self._rewrite(
            date_changes, lambda entry, change: replace(entry, review_at=change.review_at, expires_at=change.expires_at)
        )

    def _rewrite(self, changes: Collection[_Change], changed: Callable[[Entry, _Change], Entry]) -> list[_Change]:
        found = {change.key: change for change in changes}
        items: list[tuple[Entry, Templates, Portraits]] = []
        for row in self.connection.execute(WITH_PORTRAITS.where(among(found))).all():
            change = found[EntryKey(row.watchlist, row.id)]
            if row.sequence == change.sequence and (opened := self._open(row)) is not None:
                entry, templates, portraits = opened
                items.append((changed(entry, change), templates, portraits))
        self.put_entries(items)
        return [found[entry.key] for entry, *_ in items]

    def _open(self, row: Row[Any]) -> tuple[Entry, Templates, Portraits] | None:
        try:
            owner_key = self._keys.generation(self.connection, row.owner, row.key_generation)
            entry, templates = open_entry(row, owner_key)
            return entry, templates, open_portraits(row, entry, owner_key)
        except SealBroken:
            return None

    def _put_batch(self, batch: Sequence[Content], entered_at: datetime) -> list[PutResult]:
        stored = self._stored([content.entry.key for content in batch])
        results: list[PutResult | None] = []
        fresh: list[tuple[Content, bytes]] = []
        for content in batch:
            digest = content.digest(self._owner_key(content.entry.klass.owner))
            old = stored.get(content.entry.key)
            unchanged = old is not None and digest == old.digest
            results.append(PutResult(Outcome.UNCHANGED, old.sequence) if old is not None and unchanged else None)
            if not unchanged:
                fresh.append((content, digest))
        written = iter(self._write(fresh, stored, entered_at))
        return [result or next(written) for result in results]

    def _write(
        self, fresh: Sequence[tuple[Content, bytes]], there: Mapping[EntryKey, _Stored], entered_at: datetime
    ) -> list[PutResult]:
        if not fresh:
            return []
        keys = [content.entry.key for content, _ in fresh]
        replaced = [key for key in keys if key in there]
        sequences = self._log.append(
            [NewChange(ChangeKind.PUT, content.entry.key, content.entry.klass.owner) for content, _ in fresh]
        )
        sealed = [
            content.rows(self._owner_key(content.entry.klass.owner), digest, sequence)
            for (content, digest), sequence in zip(fresh, sequences, strict=True)
        ]
        first_written = [there[key].entered_at if key in there else entered_at for key in keys]
        if replaced:
            self._destroy(replaced)
        rows = [row | {"entered_at": at} for (row, _), at in zip(sealed, first_written, strict=True)]
        self.connection.execute(entries.insert(), rows)
        if portraits := [row for _, row in sealed if row is not None]:
            self.connection.execute(entry_portraits.insert(), portraits)
        outcomes = (Outcome.REPLACED if key in there else Outcome.CREATED for key in keys)
        return [PutResult(outcome, sequence) for outcome, sequence in zip(outcomes, sequences, strict=True)]

    def _destroy(self, keys: Collection[EntryKey]) -> int:
        """Destroy entries with their data keys, and return how many there were.

        What else there is of these versions goes too: portraits, and what waits for receivers to fetch it.
        """
        for table in (entry_portraits, feed_contents):
            self.connection.execute(table.delete().where(among(keys, table.c.watchlist, table.c.entry)))
        destroyed = self.connection.execute(entries.delete().where(among(keys))).rowcount
        self.destroyed += destroyed
        return destroyed

    def _stored(self, keys: Sequence[EntryKey]) -> dict[EntryKey, _Stored]:
        columns = (entries.c.digest, entries.c.sequence, entries.c.entered_at)
        query = select(entries.c.watchlist, entries.c.id, *columns)
        rows = self.connection.execute(query.where(among(keys)))
        return {EntryKey(row.watchlist, row.id): _Stored(row.digest, row.sequence, row.entered_at) for row in rows}

    def _owner_key(self, owner: str) -> OwnerKey:
        if owner not in self._owner_keys:
            self._owner_keys[owner] = self._keys.current(self.connection, owner)
        return self._owner_keys[owner]

    def _require_owner(self, watchlist: str, owner: str) -> None:
        if watchlist not in self._owners:
            query = select(watchlists.c.owner).where(watchlists.c.id == watchlist)
            found = self.connection.execute(query).scalar_one_or_none()
            if found is None:
                raise UnknownWatchlist(f"there is no watchlist {watchlist}")
            self._owners[watchlist] = found
        if self._owners[watchlist] != owner:
            raise ForeignWatchlist(f"watchlist {watchlist} is not owned by {owner}")


def _batches(contents: Sequence[Content]) -> Iterator[Sequence[Content]]:
    """Cut into batches in which no entry comes twice."""
    batch: dict[EntryKey, Content] = {}
    for content in contents:
        if content.entry.key in batch or len(batch) == BATCH:
            yield list(batch.values())
            batch = {}
        batch[content.entry.key] = content
    if batch:
        yield list(batch.values())
