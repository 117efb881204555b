"""PostgreSQL 15 or newer, through psycopg 3: for several processes, and for backups while the service runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, Table, event, func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from watchlists.database.backend import BUSY_TIMEOUT, DatabaseState, Turn

if TYPE_CHECKING:  # a node on SQLite need not wait for it
    from psycopg import Connection as DriverConnection

_LOCK_SPACE: Final = 0x43524F53
"""First half of the keys of the advisory locks, so that they meet no other program's in a shared database."""

# For libpq: how soon a server that is away is noticed. What the URL says itself goes before.
_NETWORK: Final = {
    "application_name": "crosscheck",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

_TABLE_TIMEOUT: Final = "30s"
_SESSION: Final = {
    "timezone": "UTC",  # moments at the end of the calendar have no name in zones to the east
    "synchronous_commit": "on",  # acknowledged is on disk, and on every standby that must have it
    "lock_timeout": f"{round(BUSY_TIMEOUT * 1000)}ms",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",  # a process that hangs must not keep a lock for ever
}
_PREPARE: Final = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SESSION.items())

_LEAVING: Final = 2.0
"""Seconds for which the server may still show a connection that was closed."""

_AS_IT_HAS_TO_BE: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "server_encoding": "UTF8",
}


class PostgresqlBackend:
    """A database server."""

    def options(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            # As on SQLite, a transaction that reads sees one state of the database from its first statement on.
            "isolation_level": "REPEATABLE READ",
            # A connection is tried before it is used: after a restart of the server no request finds a dead one.
            "pool_pre_ping": True,
            "connect_args": {name: value for name, value in _NETWORK.items() if name not in query},
        }

    def prepare(self, engine: Engine) -> None:
        event.listen(engine, "connect", _prepare)

    def connection_to_write(self, engine: Engine) -> AbstractContextManager[Connection]:
        """Whoever has waited for its turn must see what the one before it wrote, hence not one state from the start."""
        return engine.connect().execution_options(isolation_level="READ COMMITTED")

    def take(self, connection: Connection, turn: Turn) -> None:
        if turn is Turn.CHANGE_LOG:
            return  # taken with the row of the head
        mine = select(func.pg_advisory_xact_lock(_LOCK_SPACE, turn.value))
        if turn is not Turn.MIGRATION:
            connection.execute(mine)
            return
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(mine)
        # While a change of a table waits for those who use it, all others wait behind it: better to give up.
        connection.execute(text(f"SET LOCAL lock_timeout = '{_TABLE_TIMEOUT}'"))

    def insert(self, table: Table) -> postgresql.Insert:
        return postgresql.insert(table)

    def wipe(self, engine: Engine, tables: Sequence[Table]) -> bool:
        """Vacuum the tables: deleted rows cannot be read by any statement any more, and their space is used again.

        No more than that. PostgreSQL overwrites nothing on purpose: until their space is used again the bytes stay in
        the files, and longer in the write-ahead log, its archive and on standbys. They are sealed, and their owner's
        key, with the root key outside the database, is what opens them.
        """
        names = ", ".join(engine.dialect.identifier_preparer.format_table(table) for table in tables)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"VACUUM (SKIP_LOCKED) {names}"))
        except DBAPIError:
            return False  # the write before it is committed: it must not look as if it had failed
        return True

    def in_use(self, engine: Engine) -> bool:
        others = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name = current_setting('application_name')"
        )
        deadline = time.monotonic() + _LEAVING
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while used := bool(connection.execute(others).scalar_one()):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.1)
        return used

    def examine(self, engine: Engine) -> DatabaseState:
        settings = select(*(func.current_setting(name).label(name) for name in _AS_IT_HAS_TO_BE))
        server = text(
            "SELECT current_setting('server_version') AS version, current_database() AS name,"
            " host(inet_server_addr()) AS address, rolsuper AS is_superuser,"
            " (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted"
            " FROM pg_roles WHERE rolname = current_user"
        )
        with engine.connect() as connection:
            found = connection.execute(settings).mappings().one()
            facts = connection.execute(server).one()
        weaknesses = [
            f"{name} is {found[name]}, and has to be {wanted}"
            for name, wanted in _AS_IT_HAS_TO_BE.items()
            if found[name] != wanted
        ]
        if facts.address is not None and not facts.encrypted and not ip_address(facts.address).is_loopback:
            weaknesses.append("the connection is not encrypted: add sslmode=verify-full to CROSSCHECK_DATABASE")
        promises = tuple(f"{name} {found[name]}" for name in ("synchronous_commit", "fsync", "full_page_writes"))
        place = f"{facts.name} at {facts.address or 'a local socket'}"
        return DatabaseState(f"PostgreSQL {facts.version}", place, promises, tuple(weaknesses))


def _prepare(connection: DriverConnection[Any], _record: Any) -> None:
    connection.execute(_PREPARE)
    connection.commit()
