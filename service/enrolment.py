"""Writing entries: samples become templates, and entry, change and audit event are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from models.errors import InvalidInput
from service import audit
from service.api.owner_messages import EntryBody
from service.audit import EventKind
from service.enrolment_defences import Defences, NearDuplicate
from service.entries import Written, entry_of
from service.entry_rulings import AlreadyExpired, EntryRulings, PreparedEntry
from service.identity import Caller, require
from service.import_lines import RefusedLine, read_line, refusal_of, refused, result_of
from service.probes import SampleEncoder
from service.roles import Role
from watchlists.agreements.entering import EnteredSamples
from watchlists.database import writing
from watchlists.errors import UnknownWatchlist
from watchlists.gallery import Gallery
from watchlists.records import EntryKey, Quarantine, Watchlist
from watchlists.store import Outcome, PutResult, Store, StoredEntry


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A partner's work on its own watchlists, and what that takes.

    Args: keep_portraits: whether this node keeps portraits of faces at all.
    """

    encoder: SampleEncoder
    store: Store
    gallery: Gallery
    rulings: EntryRulings
    defences: Defences
    clock: Callable[[], datetime]
    keep_portraits: bool

    def put_watchlist(self, caller: Caller, watchlist: str, title: str) -> tuple[Outcome, int]:
        """Make or rename one of the caller's watchlists; return also how many entries it has.

        Raises:
            WatchlistNameTaken: another partner's list has that name.
        """
        require(caller, Role.SYNC)
        with self.store.writing() as write:
            outcome = write.put_watchlist(Watchlist(watchlist, caller.partner, title))
            details = {"watchlist": watchlist, "outcome": outcome.value}
            audit.record(write.connection, EventKind.WATCHLIST_PUT, caller, self.clock(), details)
        return outcome, self.store.entry_count(watchlist)

    def own_watchlists(self, caller: Caller) -> list[tuple[Watchlist, int]]:
        """Return the caller's watchlists, each with its number of entries."""
        require(caller, Role.SYNC)
        return [(own, self.store.entry_count(own.id)) for own in self.store.watchlists(caller.partner)]

    def own_watchlist(self, caller: Caller, watchlist: str) -> Watchlist:
        """Return one of the caller's watchlists; another partner's is as unknown as one that does not exist.

        Raises:
            UnknownWatchlist: the caller has none of that name.
        """
        require(caller, Role.SYNC)
        found = next((own for own in self.store.watchlists(caller.partner) if own.id == watchlist), None)
        if found is None:
            raise UnknownWatchlist("the caller's partner has no watchlist of that name")
        return found

    def put(self, caller: Caller, key: EntryKey, body: EntryBody) -> Written:
        """Write one entry, new or in place of what was there.

        Raises:
            UnknownWatchlist: the caller has no such watchlist.
            InvalidInput: a sample is damaged or too poor to enrol, or the entry has expired.
            EntryForbidden: a clause of an agreement of the caller's partner forbids it.
        """
        self.own_watchlist(caller, key.watchlist)
        prepared, now = self._prepare(caller, key, body), self.clock()
        (ruled,) = self.rulings.on(caller, [prepared], now)
        if isinstance(ruled, InvalidInput):
            raise ruled
        like = self.defences.near_duplicates(ruled.entry, ruled.templates, now)
        defended = self._defended(ruled, like)
        (result,) = self._commit(caller, [defended], now)
        return Written(result, defended.entry.klass.conditions.quarantine, like)

    def put_lines(
        self, caller: Caller, watchlist: str, first: int, unverified_lines: Sequence[bytes | None], executor: Executor
    ) -> list[dict[str, Any]]:
        """Write the good lines of an import in one transaction; return one result for each line, blank ones apart.

        None stands for a line that was too long to be kept.
        """
        numbered = [
            (number, line) for number, line in enumerate(unverified_lines, first) if line is None or line.strip()
        ]
        prepared = list(executor.map(lambda item: self._prepare_line(caller, watchlist, item[1]), numbered))
        now = self.clock()
        ruled = iter(self.rulings.on(caller, [item for item in prepared if isinstance(item, PreparedEntry)], now))
        results = [item if isinstance(item, RefusedLine) else _unless_refused(next(ruled)) for item in prepared]
        good = [item for item in results if isinstance(item, PreparedEntry)]
        written = iter(self._write(caller, good, now, executor) if good else [])
        return [
            refusal_of(number, item)
            if isinstance(item, RefusedLine)
            else result_of(number, item.entry.id, next(written))
            for (number, _), item in zip(numbered, results, strict=True)
        ]

    def read(self, caller: Caller, key: EntryKey) -> StoredEntry:
        """Return one of the caller's own entries.

        Raises:
            UnknownWatchlist, UnknownEntry: the caller has no such list, or the list no such entry.
        """
        self.own_watchlist(caller, key.watchlist)
        found = self.store.entry(key)
        with writing(self.store.engine) as connection:  # the log of changes is not touched: no import is waited for
            details = {"watchlist": key.watchlist, "entry": key.entry}
            audit.record(connection, EventKind.ENTRY_READ, caller, self.clock(), details)
        return found

    def quarantined(self, caller: Caller, watchlist: str) -> list[tuple[EntryKey, Quarantine]]:
        """Return the entries of one of the caller's watchlists that are in quarantine, with the reasons.

        Raises:
            UnknownWatchlist: the caller has no such list.
        """
        self.own_watchlist(caller, watchlist)
        return self.store.quarantined(watchlist)

    def withdraw(self, caller: Caller, key: EntryKey) -> None:
        """Withdraw one entry and destroy its key. Withdrawing what is not there changes nothing.

        Raises:
            UnknownWatchlist: the caller has no such watchlist.
        """
        self.own_watchlist(caller, key.watchlist)
        if not self.store.has_entry(key, caller.partner):
            return
        with self.store.writing() as write:
            sequence = write.withdraw_entry(key, caller.partner)
            details = {"watchlist": key.watchlist, "entry": key.entry, "sequence": sequence}
            audit.record(write.connection, EventKind.ENTRY_WITHDRAWN, caller, self.clock(), details)
        self.gallery.catch_up()

    def _write(
        self, caller: Caller, prepared: Sequence[PreparedEntry], now: datetime, executor: Executor
    ) -> list[Written]:
        def near(item: PreparedEntry) -> list[NearDuplicate]:
            return self.defences.near_duplicates(item.entry, item.templates, now)

        like = list(executor.map(near, prepared))
        defended = [self._defended(item, others) for item, others in zip(prepared, like, strict=True)]
        results = self._commit(caller, defended, now)
        if len(defended) > 1:  # they may be like one another
            like = list(executor.map(near, defended))
            if overlooked := self._overlooked(defended, like):
                again = self._commit(caller, list(overlooked.values()), now)
                for (place, item), result in zip(overlooked.items(), again, strict=True):
                    defended[place], results[place] = item, replace(results[place], sequence=result.sequence)
        reasons = [item.entry.klass.conditions.quarantine for item in defended]
        return [Written(*written) for written in zip(results, reasons, like, strict=True)]

    def _overlooked(
        self, written: Sequence[PreparedEntry], like: Sequence[Sequence[NearDuplicate]]
    ) -> dict[int, PreparedEntry]:
        """Return, by place and with its quarantine, what is like too many of those that it was written together with.

        Whoever is like most goes first, and the later of two; the others are then not like it any more. So of many
        entries of one person as many stay as would have, had they come one by one.
        """
        last = {item.entry.key: place for place, item in enumerate(written)}
        found: dict[int, PreparedEntry] = {}
        for place in sorted(last.values(), key=lambda place: (len(like[place]), place), reverse=True):
            gone = {item.entry.key for item in found.values()}
            kept = self._defended(written[place], [other for other in like[place] if other.key not in gone])
            if kept.entry != written[place].entry:
                found[place] = kept
        return found

    def _defended(self, item: PreparedEntry, like: Sequence[NearDuplicate]) -> PreparedEntry:
        if item.overruled:
            return item
        return replace(item, entry=self.defences.quarantined(item.entry, item.templates, like))

    def _commit(self, caller: Caller, prepared: Sequence[PreparedEntry], ruled_at: datetime) -> list[PutResult]:
        with self.store.writing() as write:
            results = write.put_entries(((item.entry, item.templates, item.portraits) for item in prepared), ruled_at)
            details = {
                "watchlist": prepared[0].entry.key.watchlist,
                "entries": [item.entry.id for item in prepared],
                "quarantined": [item.entry.id for item in prepared if item.entry.klass.conditions.quarantine],
                "overruled": [item.entry.id for item in prepared if item.overruled],
            }
            audit.record(write.connection, EventKind.ENTRIES_PUT, caller, self.clock(), details)
        self.gallery.catch_up()  # here, so that no terminal waits for what an import brought in
        return results

    def _prepare_line(
        self, caller: Caller, watchlist: str, unverified_line: bytes | None
    ) -> PreparedEntry | RefusedLine:
        try:
            body = read_line(unverified_line)
            return self._prepare(caller, EntryKey(watchlist, body.entry_id), body)
        except Exception as error:  # noqa: BLE001 -- one line must not take the good lines beside it down
            return refused(error)

    def _prepare(self, caller: Caller, key: EntryKey, body: EntryBody) -> PreparedEntry:
        now = self.clock()
        if body.expires_at is not None and body.expires_at <= now:
            raise AlreadyExpired("expires_at is in the past")
        portraits = [self.keep_portraits and face.keep_portrait for face in body.faces]
        samples = self.encoder.encode(body.faces, body.fingerprints, enrolling=True, portraits=portraits)
        if samples.refused:  # a poor sample on a watchlist would be missed, or mistaken, at every check to come
            raise samples.refused[0].as_error()
        entry = entry_of(caller, key, body, now.astimezone(UTC).date())
        faces, fingers = len(samples.templates.faces), len(samples.templates.fingers)
        entered = EnteredSamples(samples.warnings, faces, fingers)
        return PreparedEntry(entry, samples.templates, entered, body.overrule_quarantine, samples.portraits)


def _unless_refused(ruled: PreparedEntry | InvalidInput) -> PreparedEntry | RefusedLine:
    return refused(ruled) if isinstance(ruled, InvalidInput) else ruled
