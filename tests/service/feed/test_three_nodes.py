"""Three nodes of three states, in processes and folders of their own, each publishing to both others."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
from sqlalchemy import URL

from service.feeds import Feeds, make_feeds
from service.identity import Caller, TokenRegister
from service.machines.keys import make_key_file
from service.machines.register import KeyKind, MachineRegister
from service.roles import Role
from service.settings import Settings
from service.storage import make_data_folder, open_store
from tests.postgresql import Server
from tests.service.feed.process import prepare, start
from tests.service.feed.wire import Wire
from tests.service.node import entry, finger
from tests.service.treaties import permit, write_treaty
from tests.watchlists.makers import faces
from watchlists.agreements import RuleBookHolder
from watchlists.exchange import Subscription
from watchlists.feed import FeedId
from watchlists.gallery.digest import gallery_digest
from watchlists.records import Entry, EntryKey, Partner, Subject, VisibilityClass, Watchlist
from watchlists.store import Store

pytestmark = pytest.mark.slow

PARTNERS = ("xa", "xb", "xc")
PATIENCE = 30.0
"""Seconds after which what does not come never will: no measure of how fast it comes."""


class State:
    """One node: its folder, its process while it runs, and how the test looks into its database."""

    def __init__(self, partner: str, home: Path, database: URL | None) -> None:
        self.partner = partner
        self.home = home
        self.database = database
        self.port = _free_port()
        self.tokens: dict[str, str] = {}
        self._process: BaseProcess | None = None
        self._store: Store | None = None
        self._feeds: Feeds | None = None
        make_data_folder(self.settings)
        write_treaty(home / "agreements" / "treaty", *map(permit, ("search", "see hit", "copy")), parties=PARTNERS)
        with self.store.writing() as write:
            for each in PARTNERS:
                write.add_partner(Partner(each, each.upper()))
            write.put_watchlist(Watchlist(f"{partner}-alerts", partner, "Alerts"))
        register = TokenRegister(self.store.engine)
        for each in PARTNERS:
            self.tokens[each] = register.issue(Caller(each, Role.SYNC, f"{each}-node"), datetime.now(UTC))
        self.tokens["terminal"] = register.issue(Caller(partner, Role.TERMINAL, "gate"), datetime.now(UTC))
        self.feeds.publish_root(self.feeds.signing.draft(partner, None, datetime.now(UTC)))
        self.feeds.receiving.make(partner, datetime.now(UTC))

    @property
    def settings(self) -> Settings:
        return Settings(**self._values)

    @property
    def _values(self) -> dict[str, Any]:
        url = "" if self.database is None else self.database.render_as_string(hide_password=False)
        return {"home": self.home, "database": url, "workers": 2, "pull_every": 0.2}

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.settings)
        return self._store

    @property
    def feeds(self) -> Feeds:
        if self._feeds is None:
            rules = RuleBookHolder(self.home / "agreements")
            self._feeds = make_feeds(self.settings, self.store, lambda: rules.current, lambda: datetime.now(UTC))
        return self._feeds

    # The process

    def start(self) -> None:
        self._process = start(self._values, self.port)

    def wait(self) -> None:
        eventually(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).is_success
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """As `kill -9` does; and let go of the database."""
        assert self._process is not None
        self._process.kill()
        self._process.join()
        if self._store is not None:
            self._store.engine.dispose()
            self._store = self._feeds = None

    # What is done at it

    def write(self, *names: str) -> None:
        """Write entries with generated embeddings, as another process of the node does."""
        klass = VisibilityClass(self.partner, f"{self.partner}-alerts", "wanted", "inform-officer")
        with self.store.writing() as write:
            people = [sum(name.encode()) for name in names]
            write.put_entries(
                [(Entry(name, klass, Subject()), faces(each)) for name, each in zip(names, people, strict=True)]
            )

    def withdraw(self, name: str) -> None:
        self.store.withdraw_entry(EntryKey(f"{self.partner}-alerts", name), self.partner)

    def call(self, who: str, method: str, path: str, body: dict[str, Any]) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return httpx2.request(method, f"http://127.0.0.1:{self.port}{path}", json=body, headers=headers, timeout=30)

    def finds(self, number: int) -> list[str]:
        """The owners of the candidates of a check on a person."""
        body = {
            "check_id": str(uuid4()),
            "purpose": "crime",
            "checkpoint": "GATE-1",
            "captured_at": datetime.now(UTC).isoformat(),
            "fingerprints": [finger(number, impression=1)],
        }
        answer = self.call("terminal", "POST", "/v1/match", body).json()
        return sorted(candidate["owner"] for candidate in answer["candidates"])

    # What is seen of it

    def digest(self) -> str:
        return gallery_digest(self.store.open_templates())

    def names(self, owner: str) -> list[str]:
        templates = self.store.open_templates()
        return sorted(stored.key.entry for stored in templates if stored.klass.owner == owner)

    def follows(self, other: State) -> Subscription:
        return self.feeds.subscriptions.of(f"{other.partner}-alerts")


class World:
    """The three nodes, and a wire from each to each other that it follows."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        places = {"xa": None, "xb": server.new_database(), "xc": None}
        self.nodes = [State(partner, folder / partner, place) for partner, place in places.items()]
        pairs = [(one, other) for one in self.nodes for other in self.nodes if one is not other]
        self.wires = {(one.partner, other.partner): Wire(other.port) for one, other in pairs}
        for follower, publisher in pairs:
            key = follower.feeds.receiving.newest(follower.partner)
            assert key is not None
            publisher.feeds.allow(f"{publisher.partner}-alerts", follower.partner, key)
            public = make_key_file(follower.home / f"{publisher.partner}.key")
            caller = Caller(follower.partner, Role.SYNC, f"{follower.partner}-puller")
            register = MachineRegister(publisher.store.engine)
            register.add(caller, KeyKind.SIGNATURE, public, datetime.now(UTC))
            self.pin(follower, publisher)

    def pin(self, follower: State, publisher: State) -> None:
        """What two operators do on the telephone: `feed root` here, `feed subscribe` there."""
        root = publisher.feeds.signing.root(publisher.partner)
        assert root is not None
        feed = FeedId(owner=publisher.partner, watchlist=f"{publisher.partner}-alerts", receiver=follower.partner)
        url = f"http://127.0.0.1:{self.wires[follower.partner, publisher.partner].port}"
        follower.feeds.subscribe(feed, url, str(follower.home / f"{publisher.partner}.key"), root)

    def others(self, node: State) -> list[State]:
        return [other for other in self.nodes if other is not node]

    def wires_of(self, node: State) -> list[Wire]:
        return [wire for ends, wire in self.wires.items() if node.partner in ends]

    def converges(self) -> None:
        """Wait until all three galleries are equal, and hold what each owner has."""
        eventually(lambda: len({node.digest() for node in self.nodes}) == 1)
        eventually(lambda: all(not one.follows(other).is_behind(datetime.now(UTC)) for one, other in self._pairs()))

    def _pairs(self) -> list[tuple[State, State]]:
        return [(one, other) for one in self.nodes for other in self.others(one)]

    # Copies of a node that does not run

    def keep(self, node: State, folder: Path) -> URL | Path:
        copy = folder / f"{node.partner}-copy"
        shutil.copytree(node.home, copy)
        if node.database is None:
            return copy
        return self._copy_database(node.database)

    def put_back(self, node: State, folder: Path, kept: URL | Path) -> None:
        shutil.rmtree(node.home)
        shutil.copytree(folder / f"{node.partner}-copy", node.home)
        node.database = kept if isinstance(kept, URL) else None

    def _copy_database(self, database: URL) -> URL:
        copies: list[URL] = []

        def is_copied() -> bool:
            try:
                copies.append(self.server.new_database(database))
            except psycopg.errors.ObjectInUse:  # the server has not noticed yet that its client was killed
                return False
            return True

        eventually(is_copied)
        return copies[0]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    prepare()
    server: Server = request.getfixturevalue("server")
    world = World(tmp_path, server)
    for node in world.nodes:
        node.start()
    for node in world.nodes:
        node.wait()
    yield world
    for node in world.nodes:
        node.kill()
    for wire in world.wires.values():
        wire.close()


def write_everywhere(world: World) -> None:
    for number, node in enumerate(world.nodes):
        path = f"/v1/watchlists/{node.partner}-alerts/entries/by-hand"
        assert node.call(node.partner, "PUT", path, entry(finger_number=number)).status_code == 201
        node.write(*(f"E-{each}" for each in range(20)))
        node.withdraw("E-7")


def kill(world: World, node: State, folder: Path) -> URL | Path:
    """Kill a node while the others go on; return where a copy of its data is, as it was when it died."""
    node.write("before-kill")
    node.kill()
    for other in world.others(node):
        other.write(f"while-{node.partner}-was-dead")
    kept = world.keep(node, folder)
    node.start()
    node.wait()
    return kept


def cut_off(world: World, node: State) -> None:
    """Cut a node off while everybody goes on."""
    for wire in world.wires_of(node):
        wire.cut()
    name = f"while-{node.partner}-was-cut-off"
    for each in world.nodes:
        each.write(name)
    for other in world.others(node):
        eventually(lambda other=other: other.follows(node).refused == "feed-unreachable")  # type: ignore[misc]
        assert name not in other.names(node.partner)
    for wire in world.wires_of(node):
        wire.mend()


def turn_back(world: World, node: State, folder: Path, kept: URL | Path, begun_anew: Sequence[State]) -> None:
    """Put an old copy of its data in place of a node's: nobody believes it until people agree to begin anew."""
    held = world.others(node)[0].names(node.partner)
    node.kill()
    world.put_back(node, folder, kept)
    node.write("after-the-copy")
    node.start()
    node.wait()
    for other in world.others(node):
        eventually(lambda other=other: other.follows(node).refused in {"feed-rollback", "feed-fork"})  # type: ignore[misc]
        assert other.names(node.partner) == held
    for other in world.others(node):
        world.pin(other, node)
    for other in begun_anew:  # since that copy was made: to the node it looks as if the other had gone back
        world.pin(node, other)


def test_three_nodes_come_to_equal_galleries_whatever_happens_to_one_of_them(world: World, tmp_path: Path) -> None:
    write_everywhere(world)
    world.converges()
    assert all(len(node.names(owner)) == 20 for node in world.nodes for owner in PARTNERS)
    for number, owner in enumerate(PARTNERS):
        assert all(node.finds(number) == [owner] for node in world.nodes if node.partner != owner)

    kept = {node.partner: kill(world, node, tmp_path) for node in world.nodes}
    world.converges()

    for node in world.nodes:
        cut_off(world, node)
    world.converges()

    for number, node in enumerate(world.nodes):
        turn_back(world, node, tmp_path, kept[node.partner], world.nodes[:number])
        world.converges()
        assert "after-the-copy" in world.others(node)[0].names(node.partner)
