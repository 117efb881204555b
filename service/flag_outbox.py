"""Between check and flag: what is to be opened is written down sealed, in one size, and opened after the answer.

To open a flag takes time, and a terminal must not see by the time of its answer that there was a silent alarm. So every
check leaves one row of the same size, with candidates or without, and nothing else of a flag. An opener takes the rows
on a grid of moments of its own, in which no check has a part.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter
from pydantic_core import from_json
from sqlalchemy import Connection, Engine, bindparam, select

from service.errors import place_of
from service.flagged import FlagToOpen
from service.flags import Flags
from service.notices import hold_partners
from service.pace import wait_out
from service.schema import flags_to_open
from service.telemetry import Metrics, log
from watchlists.database import UNAVAILABLE, ReadyStatement, Row, writing
from watchlists.keys import KeyRing

STEP: Final = 4096
"""Bytes: what is sealed is filled up with blanks to the next multiple."""
BATCH: Final = 20
"""Rows of one transaction, so that no check waits long for its turn to write."""
SLOT: Final = 0.01
"""Seconds, or a multiple of them, that the turn to write is held, whatever is opened."""
RETRY_AFTER: Final = timedelta(minutes=1)
"""When a row that could not be opened is tried again."""
SEALED_FLAG: Final = "flag to open"

_FORM: Final = TypeAdapter(FlagToOpen)
# Made once: to build a statement takes longer than to run it.
_INSERT: Final = ReadyStatement(flags_to_open.insert())
_NUMBER: Final = flags_to_open.c.number
_FOUND: Final = ReadyStatement(
    select(flags_to_open).where(_NUMBER.between(bindparam("first"), bindparam("last"))).order_by(_NUMBER)
)
_TAKE: Final = ReadyStatement(flags_to_open.delete().where(bindparam("opened") == _NUMBER))
_WAITING: Final = ReadyStatement(select(_NUMBER).where(bindparam("after") < _NUMBER).order_by(_NUMBER).limit(BATCH))


def packed(flag: FlagToOpen) -> bytes:
    """Return a flag as JSON, in one of few sizes."""
    plain = _FORM.dump_json(flag)
    return plain.ljust(-(-len(plain) // STEP) * STEP)


def unpacked(packed: bytes) -> FlagToOpen:
    """Return what `packed` was given.

    Raises:
        ValueError: it is of a form that this version does not know.
    """
    # What is said of a person must not stay in the memory of the parser.
    return _FORM.validate_python(from_json(packed, cache_strings="none"))


class FlagOutbox:
    """Takes what checks leave to be flagged."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def put(self, connection: Connection, partner: str, check_id: str, content: bytes) -> None:
        """Leave what `packed` gave, sealed for the asking partner, in the transaction of its check."""
        sealed = self._keys.seal_for(partner, SEALED_FLAG, content, check_id, connection=connection)
        _INSERT.write(connection, {"partner": partner, "check_id": check_id, "sealed": sealed})


class FlagOpener:
    """Opens the flags that checks have left, each once: also after a crash, and with several processes at it.

    What does not open stays, for people to look into, and does not keep the others waiting.
    """

    def __init__(self, engine: Engine, keys: KeyRing, flags: Flags, metrics: Metrics) -> None:
        self._engine = engine
        self._keys = keys
        self._flags = flags
        self._metrics = metrics
        self._failed_at: dict[int, datetime] = {}

    def run(self, now: datetime) -> int:
        """Open what waits, in the order of the checks; return how many rows stay behind.

        Raises:
            UNAVAILABLE: the database is busy or away; nothing is lost.
        """
        left = dict[int, datetime]()
        last = 0
        while numbers := self._waiting(last):
            left |= self._try(numbers, now)
            last = numbers[-1]
            if len(numbers) < BATCH:
                break
        self._failed_at = left
        self._metrics.flags_waiting.set(len(left))
        return len(left)

    def _waiting(self, after: int) -> Sequence[int]:
        return [row["number"] for row in _WAITING.look(self._engine, {"after": after})]

    def _try(self, numbers: Sequence[int], now: datetime) -> dict[int, datetime]:
        """Open these rows, but for those that failed lately; return which stay, and when they failed."""
        lately = {number: at for number, at in self._failed_at.items() if number in numbers and _is_lately(at, now)}
        if not (due := [number for number in numbers if number not in lately]):
            return lately
        with writing(self._engine) as connection:
            begun = time.perf_counter()
            hold_partners(connection)  # a flag may tell its owner after the event of the one before
            rows = _FOUND.rows(connection, {"first": due[0], "last": due[-1]})
            found = {row["number"]: row for row in rows if row["number"] in due}
            opened = [number for number, row in found.items() if self._open(connection, row)]
            if opened:
                _TAKE.write(connection, *({"opened": number} for number in opened))
            wait_out(begun, SLOT)  # a check that waits for its turn must not learn what was opened
        return lately | dict.fromkeys(found.keys() - opened, now)

    def _open(self, connection: Connection, row: Row) -> bool:
        """Open one flag, or leave everything as it was and return False."""
        try:
            self._open_sealed(connection, row)
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, the flags behind it must be opened
            log.error("a flag was not opened: %s at %s", type(error).__name__, place_of(error))
            return False
        return True

    def _open_sealed(self, connection: Connection, row: Row) -> None:
        partner, check_id = row["partner"], row["check_id"]
        flag = unpacked(self._keys.open_for(partner, SEALED_FLAG, row["sealed"], check_id, connection=connection))
        if flag.candidates:
            with connection.begin_nested():
                self._flags.open(connection, flag)


def _is_lately(at: datetime, now: datetime) -> bool:
    return timedelta() <= now - at < RETRY_AFTER
