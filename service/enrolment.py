"""Writing entries: samples become templates, and entry, change and audit event are one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from models.errors import CrosscheckError, InvalidInput
from service import audit
from service.api.owner_messages import EntryBody, ImportLine
from service.audit import EventKind
from service.entries import entry_of
from service.errors import place_of, problem_of, problem_of_validation
from service.identity import Caller, require
from service.probes import SampleEncoder
from service.roles import Role
from service.telemetry import log
from watchlists.agreements import Clause, Request, RuleBook
from watchlists.agreements.entering import EnteredSamples, may_enter
from watchlists.errors import UnknownWatchlist
from watchlists.gallery import Gallery
from watchlists.records import Entry, EntryKey, LinkKind, Templates, Watchlist
from watchlists.store import Outcome, PutResult, Store, StoredEntry


class AlreadyExpired(InvalidInput):
    slug = "already-expired"
    hint = "Give an expires_at in the future, or leave it out."


class LineTooLong(InvalidInput):
    slug = "line-too-long"
    hint = "Scale its images down to about 1000 pixels on the long side and import the line again."


class EntryForbidden(InvalidInput):
    """A clause keeps the entry off the watchlist."""

    slug = "entry-forbidden"
    hint = "The clause says what such an entry lacks or may not be; `GET /v1/agreements` shows its text."

    def __init__(self, clauses: Sequence[Clause]) -> None:
        named = ", ".join(f"{by.agreement}@{by.version} {by.clause}" for by in clauses)
        super().__init__(f"forbidden by {named}" if named else "no rule could be put to this entry")


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """An entry whose samples are encoded; `samples` is what the quality check said of them."""

    entry: Entry
    templates: Templates
    samples: EnteredSamples


@dataclass(frozen=True, slots=True)
class RefusedLine:
    problem: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A partner's work on its own watchlists, and what that takes."""

    encoder: SampleEncoder
    store: Store
    gallery: Gallery
    rules: Callable[[], RuleBook]
    clock: Callable[[], datetime]

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

    def put(self, caller: Caller, key: EntryKey, body: EntryBody) -> PutResult:
        """Write one entry, new or in place of what was there.

        Raises:
            UnknownWatchlist: the caller has no such watchlist.
            InvalidInput: a sample is damaged or too poor to enrol, or the entry has expired.
            EntryForbidden: a clause of an agreement of the caller's partner forbids it.
        """
        self.own_watchlist(caller, key.watchlist)
        prepared, now = self._prepare(caller, key, body), self.clock()
        (ruled,) = self._rule(caller, [prepared], now)
        if isinstance(ruled, InvalidInput):
            raise ruled
        return self._commit(caller, [ruled], now)[0]

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
        ruled = iter(self._rule(caller, [item for item in prepared if isinstance(item, PreparedEntry)], now))
        results = [item if isinstance(item, RefusedLine) else _unless_refused(next(ruled)) for item in prepared]
        good = [item for item in results if isinstance(item, PreparedEntry)]
        written = iter(self._commit(caller, good, now) if good else [])
        return [
            {"line": number, **(_refusal(item) if isinstance(item, RefusedLine) else _receipt(item, next(written)))}
            for (number, _), item in zip(numbered, results, strict=True)
        ]

    def read(self, caller: Caller, key: EntryKey) -> StoredEntry:
        """Return one of the caller's own entries.

        Raises:
            UnknownWatchlist, UnknownEntry: the caller has no such list, or the list no such entry.
        """
        self.own_watchlist(caller, key.watchlist)
        found = self.store.entry(key)
        with self.store.writing() as write:
            details = {"watchlist": key.watchlist, "entry": key.entry}
            audit.record(write.connection, EventKind.ENTRY_READ, caller, self.clock(), details)
        return found

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

    def _commit(self, caller: Caller, prepared: Sequence[PreparedEntry], ruled_at: datetime) -> list[PutResult]:
        with self.store.writing() as write:
            results = write.put_entries(((item.entry, item.templates) for item in prepared), ruled_at)
            entries = [item.entry.id for item in prepared]
            details = {"watchlist": prepared[0].entry.key.watchlist, "entries": entries}
            audit.record(write.connection, EventKind.ENTRIES_PUT, caller, self.clock(), details)
        self.gallery.catch_up()  # here, so that no terminal waits for what an import brought in
        return results

    def _prepare_line(
        self, caller: Caller, watchlist: str, unverified_line: bytes | None
    ) -> PreparedEntry | RefusedLine:
        try:
            if unverified_line is None:
                raise LineTooLong("the line is longer than a request body may be")
            body = ImportLine.model_validate_json(unverified_line)
            return self._prepare(caller, EntryKey(watchlist, body.entry_id), body)
        except ValidationError as error:
            errors = error.errors(include_input=False, include_url=False, include_context=False)
            return RefusedLine(problem_of_validation(list(errors)).model_dump(exclude_none=True))
        except CrosscheckError as error:
            return RefusedLine(problem_of(error).model_dump(exclude_none=True))
        except Exception as error:  # noqa: BLE001 -- one line must not take the good lines beside it down
            log.error("unhandled %s at %s", type(error).__name__, place_of(error))
            bug = CrosscheckError("the service failed to process this line")
            return RefusedLine(problem_of(bug).model_dump(exclude_none=True))

    def _prepare(self, caller: Caller, key: EntryKey, body: EntryBody) -> PreparedEntry:
        now = self.clock()
        if body.expires_at is not None and body.expires_at <= now:
            raise AlreadyExpired("expires_at is in the past")
        samples = self.encoder.encode(body.faces, body.fingerprints, enrolling=True)
        if samples.refused:  # a poor sample on a watchlist would be missed, or mistaken, at every check to come
            raise samples.refused[0].as_error()
        entry = entry_of(caller.partner, key, body, now.astimezone(UTC).date())
        faces, fingers = len(samples.templates.faces), len(samples.templates.fingers)
        return PreparedEntry(entry, samples.templates, EnteredSamples(samples.warnings, faces, fingers))

    def _rule(
        self, caller: Caller, prepared: Sequence[PreparedEntry], now: datetime
    ) -> list[PreparedEntry | InvalidInput]:
        """Bring the dates of entries within the terms of the agreements, or say which clause forbids one.

        Each is ruled on beside those before it, which will be written with it.
        """
        rules = self.rules()
        entered = self.store.entered_at([item.entry.key for item in prepared])
        ruled, before = list[PreparedEntry | InvalidInput](), dict[EntryKey, Entry]()
        for item in prepared:
            key, beside = item.entry.key, self._beside(item.entry, before)
            ruled.append(self._ruled(caller, rules, item, beside, entered.get(key, now), now))
            if isinstance(ruled[-1], PreparedEntry):
                before[key] = item.entry
        return ruled

    def _ruled(
        self,
        caller: Caller,
        rules: RuleBook,
        item: PreparedEntry,
        beside: Collection[str],
        entered_at: datetime,
        now: datetime,
    ) -> PreparedEntry | InvalidInput:
        owner = Request(caller.partner, caller.role, "", None, "", caller.country, caller.authority)
        ruling = may_enter(rules, owner, item.entry, item.samples, beside, entered_at, now)
        if not ruling.allowed:
            return EntryForbidden(ruling.decided_by)
        dates = ruling.schedule
        if dates.expires_at is not None and dates.expires_at <= now:
            return AlreadyExpired("the time for which an agreement lets this entry be kept is over")
        return replace(item, entry=replace(item.entry, review_at=dates.review_at, expires_at=dates.expires_at))

    def _beside(self, entry: Entry, before: Mapping[EntryKey, Entry]) -> list[str]:
        """The categories in which the owner has entered the same person: by its links, and by those `before`."""
        same = _same_person(entry)
        classes = dict(self.store.classes_of(same)) if same else {}
        classes |= {
            key: other.klass for key, other in before.items() if key in same or entry.key in _same_person(other)
        }
        return [klass.category for klass in classes.values() if klass.owner == entry.klass.owner]


def _same_person(entry: Entry) -> list[EntryKey]:
    return [link.to for link in entry.links if link.kind is LinkKind.SAME_PERSON]


def _unless_refused(ruled: PreparedEntry | InvalidInput) -> PreparedEntry | RefusedLine:
    if isinstance(ruled, InvalidInput):
        return RefusedLine(problem_of(ruled).model_dump(exclude_none=True))
    return ruled


def _receipt(item: PreparedEntry, result: PutResult) -> dict[str, Any]:
    return {"entry_id": item.entry.id, "status": result.outcome.value, "sequence": result.sequence}


def _refusal(line: RefusedLine) -> dict[str, Any]:
    return {"status": "refused", "problem": line.problem}


def result_line(result: dict[str, Any]) -> bytes:
    return json.dumps(result, separators=(",", ":")).encode() + b"\n"
