"""A node that follows a bad partner over HTTP: every refusal has its name and its alarm, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from models.face import FaceEncoder
from models.weights import ModelStore
from service.feed_source import FeedUrlInvalid
from service.machines.keys import make_key_file
from tests.service.feed.server import TOKEN, FeedServer, serving
from tests.service.node import Node
from tests.service.treaties import permit, sign
from tests.watchlists.feed.conftest import COPY, rule_book
from tests.watchlists.feed.simulator import FEED, LOCAL, PartnerSimulator, changed, signers
from watchlists.errors import WatchlistNameTaken
from watchlists.exchange import Subscription
from watchlists.feed.errors import FeedForeignOwner
from watchlists.feed.messages import ROOT_CAP, TIMESTAMP_CAP
from watchlists.records import Watchlist

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def follower(tmp_path_factory: pytest.TempPathFactory, model_store: ModelStore, faces: FaceEncoder) -> Iterator[Node]:
    """The node of "xa". It pulls when a test says so."""
    home = tmp_path_factory.mktemp("follower") / "node"
    node = Node(home, model_store.folder, faces, {"pull_every": timedelta(days=1)})
    sign(node, permit("search"), permit("see hit"), permit("copy"))
    token_file = home / "xb.token"
    token_file.touch(0o600)
    token_file.write_text(TOKEN)
    yield node
    node.stop()


@pytest.fixture
def served(follower: Node, tmp_path: Path) -> Iterator[FeedServer]:
    """A feed of five entries on three pages, of which the first two pages were taken over."""
    partner = PartnerSimulator(rule_book(tmp_path / "rules" / "test", COPY))
    partner.now = follower.clock().replace(microsecond=0)
    receiving = follower.runtime.feeds.receiving
    receiving.make("xa", partner.now)
    with follower.runtime.store.engine.connect() as connection:
        partner.receiving = list(receiving.all(connection, "xa").values())[-1]
    for names in (("A",), ("B",)):
        _page(partner, *names)
    with serving(partner) as server:
        feeds = follower.runtime.feeds
        feeds.subscribe(FEED, server.url, str(follower.home / "xb.token"), partner.root_messages[0])
        assert feeds.pull(subscription(follower)).refused is None
        _page(partner, "C", "D")
        _page(partner, "E")
        yield server
        feeds.unsubscribe(FEED.watchlist)


def _page(partner: PartnerSimulator, *names: str) -> None:
    for name in names:
        partner.put(name)
    partner.turn_page()


def subscription(node: Node) -> Subscription:
    return node.runtime.feeds.subscriptions.of(FEED.watchlist)


def names(node: Node) -> list[str]:
    return sorted(stored.key.entry for stored in node.runtime.store.open_templates())


def alarms(node: Node) -> dict[str, float]:
    """The refusals that an operator sees, by reason."""
    lines = node.call("xa-operator", "GET", "/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("crosscheck_feed_refused_total{")]
    return {line.partition('reason="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in found}


Bad = Callable[[FeedServer], None]


def _page_3(**other: object) -> Bad:
    def be_bad(server: FeedServer) -> None:
        server.page = lambda _number: server.partner.page(3, **other)

    return be_bad


def _timestamp(server: FeedServer, **other: object) -> None:
    server.timestamp = lambda: server.partner.timestamp(**other)


def _forged(server: FeedServer) -> None:
    server.partner.keys = replace(server.partner.keys, page=signers(1))


def _forged_root(server: FeedServer) -> None:
    server.partner.rotate(replace(server.partner.keys, root=signers(3)), signers(3))


def _kept_back(server: FeedServer) -> None:
    """The promise of an hour ago: whoever keeps newer ones back replays it."""
    then = server.partner.now - HOUR
    _timestamp(server, issued=then, expires=then + timedelta(minutes=10))


def _not_allowed(server: FeedServer) -> None:
    """The publisher's rules let an entry go that those of the receiver do not let in."""
    partner = server.partner
    with TemporaryDirectory() as folder:
        partner.rules = rule_book(Path(folder) / "wide" / "test", COPY, categories='["wanted", "local"]')
    partner.put("L", LOCAL)
    partner.turn_page()


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(1000):
            handler.wfile.write(b" " * TIMESTAMP_CAP)
    except OSError:  # the receiver hangs up: it reads no more than the cap
        handler.close_connection = True
    else:
        raise AssertionError("everything was read")


def _elsewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/stolen")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _compressed(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "4")
    handler.end_headers()
    handler.wfile.write(b"bomb")


def _cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "4000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


BAD: dict[str, tuple[str, Bad]] = {
    "bad signature": ("feed-bad-signature", _forged),
    "forged root": ("feed-bad-signature", _forged_root),
    "too few signatures": ("feed-too-few-signatures", lambda server: _unsigned(server)),
    "expired freshness": ("feed-expired", _kept_back),
    "rollback of the version": ("feed-rollback", lambda server: _timestamp(server, version=1)),
    "rollback of the head": (
        "feed-rollback",
        lambda server: _timestamp(server, head=server.partner.pages[0].page.position()),
    ),
    "gap": ("feed-gap", lambda server: setattr(server, "page", lambda _number: server.partner.page(4))),
    "gap, for nothing is served": ("feed-gap", lambda server: setattr(server, "page", lambda _number: None)),
    "fork": ("feed-fork", _page_3(previous="5" * 64)),
    "replay": ("feed-replay", lambda server: setattr(server, "page", lambda _number: server.partner.page(2))),
    "clock skew": ("feed-clock-skew", lambda server: _timestamp(server, issued=server.partner.now + HOUR)),
    "foreign owner": ("feed-foreign-owner", lambda server: _timestamp(server, feed=changed(FEED, owner="xc"))),
    "foreign list": ("feed-foreign-owner", _page_3(feed=changed(FEED, watchlist="xa-alerts"))),
    "other receiver": ("feed-wrong-receiver", _page_3(feed=changed(FEED, receiver="xc"))),
    "entry that may not be replicated": ("feed-not-allowed", _not_allowed),
    "oversize root": ("feed-oversize", lambda server: setattr(server, "root", lambda _version: b" " * (ROOT_CAP + 1))),
    "oversize without an end": ("feed-oversize", lambda server: setattr(server, "timestamp", lambda: _endless)),
    "not a message": ("feed-malformed", lambda server: setattr(server, "timestamp", lambda: b"<html>")),
    "redirect": ("feed-unreachable", lambda server: setattr(server, "timestamp", lambda: _elsewhere)),
    "compressed": ("feed-unreachable", lambda server: setattr(server, "timestamp", lambda: _compressed)),
    "broken off": ("feed-unreachable", lambda server: setattr(server, "page", lambda _number: _cut_off)),
    "unknown there": ("feed-unreachable", lambda server: setattr(server, "root", lambda _version: 404)),
    "out of order": ("feed-unreachable", lambda server: setattr(server, "timestamp", lambda: 503)),
}


def _unsigned(server: FeedServer) -> None:
    server.partner.keys = replace(server.partner.keys, page=())


@pytest.mark.parametrize("kind", BAD)
def test_what_a_bad_partner_sends_is_refused_by_name_and_changes_nothing(
    follower: Node, served: FeedServer, kind: str
) -> None:
    slug, be_bad = BAD[kind]
    feeds, keys = follower.runtime.feeds, served.partner.keys
    before, log = subscription(follower).state, follower.runtime.store.log.last_sequence()
    be_bad(served)

    outcome = feeds.pull(subscription(follower))

    assert (outcome.refused, outcome.detail != "") == (slug, True)
    after = subscription(follower)
    assert after.refused == slug
    assert before is not None
    assert after.state is not None
    assert after.state.root == before.root
    if kind != "entry that may not be replicated":
        assert after.state.position == before.position
        assert names(follower) == ["A", "B"]
        assert follower.runtime.store.log.last_sequence() == log
    assert "L" not in names(follower)
    assert alarms(follower) == {slug: 1.0}
    assert "/stolen" not in served.asked

    if kind in {"forged root", "entry that may not be replicated"}:
        return
    served.partner.keys = keys
    served.be_honest()
    assert feeds.pull(subscription(follower)).refused is None
    assert names(follower) == ["A", "B", "C", "D", "E"]
    assert subscription(follower).refused is None
    assert alarms(follower) == {slug: 1.0}  # a counter: what was refused once stays on record


def test_a_token_that_others_can_read_is_not_sent(follower: Node, served: FeedServer) -> None:
    file = follower.home / "xb.token"
    served.asked.clear()
    file.chmod(0o640)
    try:
        assert follower.runtime.feeds.pull(subscription(follower)).refused == "feed-token-file"
    finally:
        file.chmod(0o600)
    assert served.asked == []
    assert served.tokens == {f"Bearer {TOKEN}"}


def test_with_a_private_key_requests_are_signed_and_no_token_is_sent(follower: Node, served: FeedServer) -> None:
    key = follower.home / "xb.key"
    make_key_file(key)
    feeds, root = follower.runtime.feeds, served.partner.root_messages[0]
    served.tokens.clear()
    served.signed.clear()
    feeds.subscribe(FEED, served.url, str(key), root)
    assert feeds.pull(subscription(follower)).refused is None
    assert (served.tokens, set(served.signed)) == ({None}, {True})

    key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert feeds.pull(subscription(follower)).refused == "feed-token-file"


def test_without_a_key_or_a_token_the_certificate_of_the_connection_is_all(follower: Node, served: FeedServer) -> None:
    feeds, root = follower.runtime.feeds, served.partner.root_messages[0]
    served.tokens.clear()
    served.signed.clear()
    feeds.subscribe(FEED, served.url, "", root)
    assert feeds.pull(subscription(follower)).refused is None
    assert (served.tokens, set(served.signed)) == ({None}, {False})


def test_a_feed_of_a_list_that_is_another_partners_here_is_not_begun(follower: Node, served: FeedServer) -> None:
    feeds, root = follower.runtime.feeds, served.partner.root_messages[0]
    follower.runtime.store.put_watchlist(Watchlist("taken", "xa", "Of XA"))
    with pytest.raises(WatchlistNameTaken):
        feeds.subscribe(changed(FEED, watchlist="taken"), served.url, "/nowhere", root)
    with pytest.raises(FeedForeignOwner):
        feeds.subscribe(changed(FEED, owner="xa", watchlist="xa-alerts"), served.url, "/nowhere", root)


@pytest.mark.parametrize(
    "url", ["http://xb.example", "https://u:p@xb.example", "xb.example", "https://xb.example/?a=b"]
)
def test_no_token_goes_where_it_could_be_read(follower: Node, served: FeedServer, url: str) -> None:
    with pytest.raises(FeedUrlInvalid):
        follower.runtime.feeds.subscribe(FEED, url, "/nowhere", served.partner.root_messages[0])
    assert subscription(follower).url == served.url
