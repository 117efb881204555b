"""The loop that pulls: every feed by itself, again and again, by one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import anyio
import pytest

from service import feed_source
from service.feeds import Feeds, make_feeds
from service.settings import Settings
from service.storage import make_data_folder, open_store, system_clock
from service.sync import Sync
from tests.service.feed.server import TOKEN, FeedServer, serving
from tests.watchlists.feed.conftest import COPY, rule_book
from tests.watchlists.feed.simulator import WANTED, PartnerSimulator
from watchlists.feed import FeedId
from watchlists.records import Partner

OFTEN = timedelta(milliseconds=20)


class Follower:
    """The data folder of "xa", which follows three lists of "xb", each at a server of its own."""

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        settings = Settings(home=folder / "home")
        make_data_folder(settings)
        store = open_store(settings)
        for partner in ("xa", "xb"):
            store.add_partner(Partner(partner, partner.upper()))
        rules = rule_book(folder / "rules" / "test", COPY)
        self.feeds: Feeds = make_feeds(settings, store, lambda: rules, system_clock)
        self.store = store
        self.feeds.receiving.make("xa", system_clock())
        token = folder / "token"
        token.touch(0o600)
        token.write_text(TOKEN)
        self.servers: dict[str, FeedServer] = {}
        self.told: list[None] = []
        for name in ("xb-1", "xb-2", "xb-3"):
            feed = FeedId(owner="xb", watchlist=name, receiver="xa")
            partner_node = PartnerSimulator(rules, feed)
            partner_node.now = system_clock().replace(microsecond=0)
            with store.engine.connect() as connection:
                (partner_node.receiving,) = self.feeds.receiving.all(connection, "xa").values()
            partner_node.put(f"E-{name}", replace(WANTED, watchlist=name))
            partner_node.turn_page()
            self.servers[name] = servers.enter_context(serving(partner_node))
            self.feeds.subscribe(feed, self.servers[name].url, str(token), partner_node.root_messages[0])

    def names(self) -> list[str]:
        return sorted(stored.key.entry for stored in self.store.open_templates())

    def sync_until(self, holds: Callable[[], bool], chosen: frozenset[str] | None = None) -> int:
        """Let the loop run until something is so; return how often it told of changed entries."""
        told = self.told = []

        async def run() -> None:
            with anyio.fail_after(30):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(Sync(self.feeds, OFTEN, lambda: told.append(None), chosen).run)
                    while not await anyio.to_thread.run_sync(holds):
                        await anyio.sleep(0.01)
                    self.feeds.stopping.set()
                    tasks.cancel_scope.cancel()

        anyio.run(run)
        self.feeds.stopping.clear()
        return len(told)


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    with ExitStack() as servers:
        yield Follower(tmp_path, servers)


def test_a_partner_that_hangs_or_fails_holds_up_no_other(follower: Follower) -> None:
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        released.wait(30)
        handler.close_connection = True

    def arrived() -> bool:
        others = follower.told and follower.feeds.subscriptions.of("xb-2").refused
        if others and follower.names() == ["E-xb-3"]:
            released.set()
        return released.is_set()

    follower.servers["xb-1"].timestamp = lambda: hang
    follower.servers["xb-2"].timestamp = lambda: 500
    assert follower.sync_until(arrived) == 1
    assert follower.feeds.subscriptions.of("xb-2").refused == "feed-unreachable"
    assert len([path for path in follower.servers["xb-1"].asked if path.endswith("/timestamp")]) == 1  # not begun twice

    for server in follower.servers.values():
        server.be_honest()
    follower.sync_until(lambda: follower.names() == ["E-xb-1", "E-xb-2", "E-xb-3"])


def test_what_comes_later_is_pulled_too_and_only_what_was_chosen(follower: Follower) -> None:
    partner = follower.servers["xb-2"].partner

    def publish_once() -> bool:
        if follower.names() == ["E-xb-2"] and len(partner.pages) == 1:
            partner.put("later", replace(WANTED, watchlist="xb-2"))
            partner.turn_page()
        return follower.names() == ["E-xb-2", "later"] and bool(follower.told)

    assert follower.sync_until(publish_once, frozenset({"xb-2"})) > 0
    assert follower.servers["xb-1"].asked == []


def test_a_feed_that_another_process_has_just_pulled_is_left_alone(follower: Follower) -> None:
    first = follower.feeds.subscriptions.of("xb-1")
    follower.feeds.pull(first)
    asked = len(follower.servers["xb-1"].asked)
    sync = Sync(follower.feeds, timedelta(hours=1), lambda: None)

    assert [each.feed.watchlist for each in sync.due()] == ["xb-2", "xb-3"]
    assert len(follower.servers["xb-1"].asked) == asked


def test_a_partner_that_drips_its_answer_is_cut_off(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    hung_up = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        with suppress(OSError):
            while not hung_up.wait(0.01):
                handler.wfile.write(b"a")
        handler.close_connection = True

    monkeypatch.setattr(feed_source, "LONGEST", 0.2)
    follower.servers["xb-1"].timestamp = lambda: drip
    with ThreadPoolExecutor(1) as threads:
        pulled = threads.submit(follower.feeds.pull, follower.feeds.subscriptions.of("xb-1"))
        try:
            assert pulled.result(20).refused == "feed-unreachable"
        finally:
            hung_up.set()


def test_what_hangs_does_not_hold_up_the_end_of_the_loop(follower: Follower) -> None:
    asked, released = threading.Event(), threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        released.wait(30)
        handler.close_connection = True

    follower.servers["xb-1"].timestamp = lambda: hang
    try:
        follower.sync_until(asked.is_set, frozenset({"xb-1"}))
        assert follower.feeds.subscriptions.of("xb-1").refused is None  # it had not come to an end
    finally:
        released.set()
