"""Logs to be verified: the one of a database, and one in a file. And how that file is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from service.audit.entries import Entry, Reader
from service.audit.errors import AuditFileInvalid
from service.audit.heads import Countersignature, stored_countersignatures, stored_heads
from service.audit.log import AuditLog
from service.audit.signatures import Head, PublicKeys
from service.schema import audit_log, audit_nodes
from watchlists.feed.signing import canonical, key_id
from watchlists.keys import KeyRing

FORMAT: Final = "crosscheck audit log 1"


class DatabaseLog:
    """The log of a database, as one transaction sees it.

    Args:
        connection: of the transaction.
        keys: open payloads and signing keys.
        known: public keys that are trusted beside those whose private halves are here, such as one that was lost.
    """

    def __init__(self, connection: Connection, keys: KeyRing, known: PublicKeys | None = None) -> None:
        self._reader = Reader(connection, keys)
        self.keys: PublicKeys = dict(known or {}) | dict(AuditLog(keys).public_keys(connection))
        self.size: int = connection.execute(select(audit_log.c.size)).scalar_one()
        self.heads: Sequence[Head] = stored_heads(connection)
        self.countersignatures: Sequence[Countersignature] = stored_countersignatures(connection)
        rows = connection.execute(select(audit_nodes)).all()
        self.nodes: Mapping[tuple[int, int], bytes] | None = {(row.level, row.place): row.hash for row in rows}

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the entries with numbers above `after`, in order."""
        return self._reader.entries(after)


class FileLog:
    """A log that was exported: a line of JSON that says what it is, then one for each entry.

    Args:
        file: which.
        keys: public keys that are trusted; those that the file itself names if None, which proves nothing against
            whoever has written it.

    Raises:
        AuditFileInvalid: it is none.
    """

    nodes: Mapping[tuple[int, int], bytes] | None = None

    def __init__(self, file: Path, keys: PublicKeys | None = None) -> None:
        self._file = file
        try:
            with file.open("rb") as lines:
                header = json.loads(lines.readline())
            if header["format"] != FORMAT:
                raise AuditFileInvalid(f"{file} is no exported log of a form that this version knows")
            own = {key_id(public): str(public) for public in header["keys"]}
            self.size = int(header["size"])
            self.heads: Sequence[Head] = [Head.read(head) for head in header["heads"]]
            self.countersignatures: Sequence[Countersignature] = [
                Countersignature(each["size"], each["partner"], each["public"], bytes.fromhex(each["signature"]))
                for each in header["countersignatures"]
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AuditFileInvalid(f"{file} cannot be read as an exported log ({type(error).__name__})") from None
        self.keys: PublicKeys = own if keys is None else keys

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the entries with numbers above `after`, in the order in which they stand.

        Raises:
            AuditFileInvalid: a line cannot be read.
        """
        with self._file.open("rb") as lines:
            next(lines)
            for number, line in enumerate(lines, 2):
                try:
                    entry = Entry.read(json.loads(line))
                except ValueError:
                    raise AuditFileInvalid(f"line {number} of {self._file} cannot be read") from None
                if entry.leaf.number > after:
                    yield entry


def export(connection: Connection, keys: KeyRing, file: Path, shown: Callable[[Entry], bool]) -> int:
    """Write the log to a new file; return the number of entries.

    Args:
        connection: sees one moment of the log.
        keys: open the payloads.
        file: readable for its user alone.
        shown: which payloads are written along, if they are there.

    Raises:
        AuditFileInvalid: the file exists, or cannot be written.
    """
    log = DatabaseLog(connection, keys)
    header = {
        "format": FORMAT,
        "keys": list(log.keys.values()),
        "size": log.size,
        "heads": [head.plain() for head in log.heads],
        "countersignatures": [each.plain() for each in log.countersignatures],
    }
    try:
        file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise AuditFileInvalid(f"{file} cannot be made: {error.strerror}", hint="Name a new file.") from None
    with file.open("wb") as out:
        out.write(canonical(header) + b"\n")
        for entry in log.entries():
            out.write(canonical((entry if shown(entry) else entry.withheld()).plain()) + b"\n")
    return log.size
