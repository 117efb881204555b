"""Notices: what a partner is told without having asked, written in the transaction of what it is told of.

They are numbered for each partner by itself, without gaps: a number tells nothing of what others are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, bindparam, func, select

from service import audit
from service.audit import EventKind
from service.identity import Caller, require
from service.roles import Role
from service.schema import notices
from service.telemetry import log
from watchlists.database import ReadyStatement, writing
from watchlists.errors import SealBroken
from watchlists.keys import KeyRing
from watchlists.schema import partners

SEALED_TEXT = "text of a notice"
# Made once: to build a statement takes longer than to run it.
_LAST = select(func.max(notices.c.number)).where(notices.c.partner == bindparam("to"))
_INSERT = notices.insert()
_HELD = ReadyStatement(select(partners.c.id).order_by(partners.c.id).with_for_update(key_share=True))

NoticeDetails = Mapping[str, str | int | bool | None]


class NoticeKind(StrEnum):
    """Every kind of notice there is."""

    AUTHORISATION_REQUESTED = "authorisation-requested"
    """To an owner: a partner has a case for which it needs the owner's prior authorisation. Its text is the case."""
    AUTHORISATION_DECLINED = "authorisation-declined"
    """To the partner that has such a case: an owner does not authorise it. Its text is the case."""
    EMERGENCY_DECLARED = "emergency-declared"
    """To every partner whose agreements speak of emergencies. Its text is the justification."""
    EMERGENCY_USED = "emergency-used"
    """To the owner of an entry that was found in a declared emergency."""
    ENTRY_FOUND = "entry-found"
    """To the owner of an entry that a partner found, where an agreement asks for it."""
    RELEASE_REQUESTED = "release-requested"
    """To the owner of an entry: a partner found it, and sees more of it only if the owner says so in time."""
    RELEASE_LAPSED = "release-lapsed"
    """To the owner and to the partner that asked: it was not released in time."""
    FLAG_OVERDUE = "flag-overdue"
    """To the partner that asked: nobody confirmed a candidate in time."""
    DATA_PURGED = "data-purged"
    """To the partner that asked, which must delete its copies: what was disclosed is void, with the agreement that it
    came in by, or because nobody authorised it afterwards. Of the latter the owner is told too.
    """
    DEADLINE_NEAR = "deadline-near"
    """To whoever owes something: half of the time is gone, or it is near its end."""
    REVIEW_CONCLUDED = "review-concluded"
    """To the owner of an entry that a partner found: what its reviewers have come to."""
    DISCLOSURE_RELEASED = "disclosure-released"
    """To the partner that asked: it may see more of a candidate now."""
    RELEASE_REFUSED = "release-refused"
    """To the partner that asked: the owner does not release more of a candidate."""
    LOG_REVIEW_DUE = "log-review-due"
    """To a partner that searches: an agreement wants its logs reviewed by somebody independent."""
    REVIEW_DUE = "review-due"
    """To an owner: an entry of its is to be looked at again by the date it gave, or that an agreement sets."""
    EXPIRY_DUE = "expiry-due"
    """To an owner: an entry of its will be destroyed at the date that it gave, or that an agreement sets."""
    MAJORITY_REACHED = "majority-reached"
    """To an owner: the subject of an entry has come of age."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice as its recipient reads it.

    Args:
        number: of the recipient's notices, from 1.
        kind: what it is about.
        at: when it was posted.
        details: nothing personal.
        text: what the recipient alone may read; None if there is nothing, or it was forgotten since.
    """

    number: int
    kind: NoticeKind
    at: datetime
    details: NoticeDetails
    text: str | None = field(repr=False)


class Notices:
    """Posts notices, and gives them out to whom they are addressed."""

    def __init__(self, engine: Engine, keys: KeyRing, keep_texts: timedelta) -> None:
        self._engine = engine
        self._keys = keys
        self._keep_texts = keep_texts

    def post(
        self,
        connection: Connection,
        kind: NoticeKind,
        to: str,
        now: datetime,
        details: NoticeDetails,
        *,
        text: str | None = None,
        once: str | None = None,
    ) -> bool:
        """Post a notice in the transaction of `connection`; return whether it was posted.

        It is not if `to` is no partner of this node, which a party to an agreement need not be.

        Args:
            connection: of a write transaction.
            kind: what it is about.
            to: the partner that is told.
            now: when; aware.
            details: nothing personal.
            text: what may be personal, such as a case reference; sealed for `to`.
            once: what it is about; a second notice of the same kind about the same is not posted.
        """
        if to not in hold_partners(connection) or (once and self.told(connection, kind, to, once)):
            return False
        number = (connection.execute(_LAST, {"to": to}).scalar_one() or 0) + 1
        sealed = None if text is None else self._seal(connection, kind, to, number, text)
        row = {"partner": to, "number": number, "kind": kind.value, "at": now, "details": dict(details)}
        connection.execute(_INSERT, row | {"sealed_text": sealed, "once": _key(once)})
        return True

    def told(self, connection: Connection, kind: NoticeKind, to: str, once: str) -> bool:
        """Whether a notice of that kind about `once` was posted to that partner, and its text is not forgotten."""
        query = select(notices.c.number).where(*_is(kind, to), notices.c.once == _key(once))
        return connection.execute(query).first() is not None

    def last_posted(self, kind: NoticeKind, to: str, detail: str, value: str) -> datetime | None:
        """When the last notice of that kind whose detail has that value was posted to that partner; None if never."""
        is_it = notices.c.details[detail].as_string() == value
        query = select(func.max(notices.c.at)).where(*_is(kind, to), is_it)
        with self._engine.connect() as connection:
            last: datetime | None = connection.execute(query).scalar_one()
        return last

    def of(self, caller: Caller, after: int, limit: int, now: datetime) -> Sequence[Notice]:
        """Return the notices of the caller's partner with numbers above `after`, in order, at most `limit`.

        That texts were read is an event.

        Raises:
            WrongRole: the caller neither keeps the partner's watchlists nor reviews its flags.
        """
        require(caller, Role.SYNC, Role.REVIEWER)
        query = (
            select(notices)
            .where(notices.c.partner == caller.partner, notices.c.number > after)
            .order_by(notices.c.number)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
            found = [self._opened(connection, row) for row in rows]
        self._note_reading(caller, found, now)
        return found

    def with_texts(self, caller: Caller, kind: NoticeKind, most: int, now: datetime) -> Sequence[Notice]:
        """Return the last `most` notices of a kind of the caller's partner whose texts are kept, the newest first.

        The caller was let in before. That texts were read is an event.
        """
        query = select(notices).where(*_is(kind, caller.partner), notices.c.sealed_text.is_not(None))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(notices.c.number.desc()).limit(most)).mappings().all()
            found = [self._opened(connection, row) for row in rows]
        self._note_reading(caller, found, now)
        return found

    def _note_reading(self, caller: Caller, found: Sequence[Notice], now: datetime) -> None:
        if read := [notice.number for notice in found if notice.text is not None]:
            details = {"first": min(read), "last": max(read), "count": len(read)}
            with writing(self._engine) as connection:
                audit.record(connection, EventKind.NOTICES_READ, caller, now, details)

    def forget(self, now: datetime) -> None:
        """Delete the texts that have been kept for long enough; of what they were about, somebody may be told again."""
        old = notices.c.at < now - self._keep_texts, notices.c.sealed_text.is_not(None)
        with writing(self._engine) as connection:
            connection.execute(notices.update().where(*old).values(sealed_text=None, once=None))

    def _seal(self, connection: Connection, kind: NoticeKind, to: str, number: int, text: str) -> bytes:
        return self._keys.seal_for(to, SEALED_TEXT, text.encode(), kind.value, str(number), connection=connection)

    def _opened(self, connection: Connection, row: RowMapping) -> Notice:
        kind = NoticeKind(row["kind"])
        text = self._text(connection, row) if row["sealed_text"] is not None else None
        return Notice(row["number"], kind, row["at"], row["details"], text)

    def _text(self, connection: Connection, row: RowMapping) -> str | None:
        parts = row["kind"], str(row["number"])
        try:
            opened = self._keys.open_for(row["partner"], SEALED_TEXT, row["sealed_text"], *parts, connection=connection)
        except SealBroken:  # one damaged text must not hide the notices after it
            log.error("the text of notice %d of %s does not open", row["number"], row["partner"])
            return None
        return opened.decode()


def hold_partners(connection: Connection) -> Sequence[str]:
    """Lock what everybody locks who posts notices; return all partners, and the node itself, by id.

    The locks keep the numbers of a partner in the order in which they become visible. All are taken, in one order, or
    two transactions that tell the same partners could wait for each other. And they are taken before the audit log is:
    whoever may post after an event, in the same transaction, calls this before the event.
    """
    return [row["id"] for row in _HELD.rows(connection)]


def _is(kind: NoticeKind, to: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return notices.c.partner == to, notices.c.kind == kind.value


def _key(once: str | None) -> str | None:
    """What a notice is about, in 64 characters; whoever has something personal in it has keyed it before."""
    return None if once is None else hashlib.sha256(once.encode()).hexdigest()
