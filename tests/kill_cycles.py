"""Kills a writer at random points, over and over, and looks each time whether the store kept what it promises."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from sqlalchemy import select

from tests.kill_writer import ALERTS, DIMENSION, MODEL, NAMES, content
from tests.watchlists.makers import NOW, Node, Space
from watchlists.gallery import LocalGallery
from watchlists.records import EntryKey, Templates
from watchlists.schema import changes, entries

LONGEST = 0.4
"""Seconds from the first deed of a writer to its end, at most."""

State = dict[str, int]
"""Version by name, of the entries that there are."""


@dataclass
class Tally:
    """What was seen in all cycles: the first four are how often it happened, the others must stay 0."""

    cycles: int = 0
    acknowledged: int = 0
    unacknowledged_whole: int = 0
    unacknowledged_absent: int = 0
    lost: int = 0
    half: int = 0
    wrong_answers: int = 0


@dataclass
class KillCycles:
    """Args: node: a new node; a gallery of another process follows it all the time."""

    node: Node
    seed: int
    tally: Tally = field(default_factory=Tally)
    _newest: dict[str, int | None] = field(default_factory=dict)
    _replaced: dict[str, int | None] = field(default_factory=dict)

    def run(self, cycles: int) -> None:
        """Run cycles; an assertion says which promise was broken in which of them."""
        chance = random.Random(self.seed)
        follower = self._gallery()
        state: State = {}
        with self._starter() as starter:
            for cycle in range(cycles):
                done, open_deed = self._until_killed(starter, chance.randrange(10**6), chance.uniform(0, LONGEST))
                for deed in done:
                    _apply(state, deed)
                self.tally.acknowledged += len(done)
                state = self._found(state, open_deed)
                self._look(state, follower, f"cycle {cycle} of seed {self.seed}")
                self.tally.cycles += 1

    @contextmanager
    def _starter(self) -> Iterator[subprocess.Popen[bytes]]:
        url = self.node.engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "tests.kill_writer", str(self.node.folder / "root.key"), url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
            try:
                yield starter
            finally:
                starter.kill()

    def _until_killed(
        self, starter: subprocess.Popen[bytes], seed: int, seconds: float
    ) -> tuple[list[dict[str, int | None]], dict[str, int | None] | None]:
        """Let a writer work that long; return the deeds that it acknowledged, and the one it was at."""
        assert starter.stdin is not None
        assert starter.stdout is not None
        starter.stdin.write(b"%d\n" % seed)
        starter.stdin.flush()
        pid = _line(starter.stdout)["pid"]
        first = _line(starter.stdout)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        begun, done = {first["begin"]: first["deed"]}, list[int]()
        while "end" not in (line := _line(starter.stdout)):
            if "begin" in line:
                begun[line["begin"]] = line["deed"]
            else:
                done.append(line["done"])
        assert os.WTERMSIG(line["end"]) == signal.SIGKILL
        return [begun.pop(number) for number in done], next(iter(begun.values()), None)

    def _found(self, state: State, open_deed: dict[str, int | None] | None) -> State:
        """The state that is stored; it must be the acknowledged one, with or without the whole of the open deed."""
        with self.node.store.writing():
            pass  # a server may still be at the last commit of its dead client
        after = dict(state)
        _apply(after, open_deed or {})
        stored = self._stored()
        if after == state:
            matches = stored == state
        elif stored == after:
            self.tally.unacknowledged_whole += 1
            return after
        else:
            self.tally.unacknowledged_absent += 1
            matches = stored == state
        if not matches:
            lost = [name for name, version in state.items() if stored.get(name) not in (version, after.get(name))]
            self.tally.lost += len(lost)
            self.tally.half += not lost
        assert matches, "the store is neither as acknowledged nor as it would be with the last deed"
        return state

    def _stored(self) -> State:
        """Open every entry whole: subject and templates must be of one and the same version."""
        with self.node.engine.connect() as connection:
            names = list(connection.execute(select(entries.c.id)).scalars())
        found: State = {}
        for name in names:
            opened = self.node.store.entry(EntryKey(ALERTS.watchlist, name))
            version = int((opened.entry.subject.family_name or "").rpartition(" ")[2])
            if (opened.entry, opened.templates) != content(name, version):
                self.tally.half += 1
            found[name] = version
        assert self.tally.half == 0, "an entry is made of two versions"
        return found

    def _look(self, state: State, follower: LocalGallery, where: str) -> None:
        self._look_at_log(where)
        follower.catch_up()
        for gallery in (self._gallery(), follower):
            assert gallery.sequence == self.node.store.log.last_sequence(), where
            assert (gallery.entries, gallery.unreadable) == (len(state), 0), where
            for name in NAMES:
                if name in state:
                    self._expect(gallery, content(name, state[name])[1], {name}, where)
                for version in {self._newest.get(name), self._replaced.get(name)} - {None, state.get(name)}:
                    self._expect(gallery, content(name, version or 0)[1], set(), where)
        self._remember(state)

    def _remember(self, state: State) -> None:
        """Remember the versions that there were: one that is withdrawn or replaced must never be found again."""
        for name, version in state.items():
            if version != self._newest.get(name):
                self._replaced[name], self._newest[name] = self._newest.get(name), version

    def _expect(self, gallery: LocalGallery, probe: Templates, names: set[str], where: str) -> None:
        classes = gallery.classes()
        found = gallery.search(probe, classes, considered=classes, target_fpir=0.01, now=NOW)
        if {candidate.key.entry for candidate in found.candidates} != names:
            self.tally.wrong_answers += 1
        assert self.tally.wrong_answers == 0, f"{where}: a search found other entries than the store has"

    def _look_at_log(self, where: str) -> None:
        """The log has no gap, and its last word on each entry is what the store has."""
        with self.node.engine.connect() as connection:
            log = connection.execute(select(changes).order_by(changes.c.sequence)).all()
            rows = connection.execute(select(entries.c.id, entries.c.sequence)).all()
        assert [change.sequence for change in log] == list(range(1, len(log) + 1)), where
        last = {change.entry: change for change in log}
        written = {entry: change.sequence for entry, change in last.items() if change.kind == "put"}
        assert {row.id: row.sequence for row in rows} == written, where

    def _gallery(self) -> LocalGallery:
        return self.node.gallery(Space(MODEL, DIMENSION))


def _apply(state: State, deed: dict[str, int | None]) -> None:
    for name, version in deed.items():
        if version is None:
            state.pop(name, None)
        else:
            state[name] = version


def _line(stream: IO[bytes]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.readline())
    return line
