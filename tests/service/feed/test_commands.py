"""The ceremony as two operators go through it, on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.errors import CrosscheckError
from service.commands import feed, sync
from service.commands.feeds_of_node import feeds_of_node
from service.settings import Settings
from service.storage import make_data_folder, open_store
from tests.service.feed.server import TOKEN, FeedServer, serving
from tests.service.recorded import recorded
from tests.service.treaties import permit, write_treaty
from tests.watchlists.feed.conftest import COPY, rule_book
from tests.watchlists.feed.simulator import LOCAL, WANTED, PartnerSimulator
from tests.watchlists.makers import SUBJECT, faces
from watchlists.errors import UnknownPartner
from watchlists.exchange import ReceivingKeys
from watchlists.exchange.errors import FeedKeyInvalid, FeedKeysMissing, FeedRootUnusable, FeedUnknown
from watchlists.records import Entry, Partner, Watchlist
from watchlists.store import Store


class Operator:
    """Runs commands on the data folder of one node."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._environment = monkeypatch
        settings = Settings(home=home)
        make_data_folder(settings)
        write_treaty(home / "agreements" / "treaty", *map(permit, ("search", "see hit", "copy")), parties=("xa", "xb"))
        self.store: Store = open_store(settings)
        for partner in ("xa", "xb"):
            self.store.add_partner(Partner(partner, partner.upper()))

    def run(self, *arguments: str | Path, ending: int = 0) -> str:
        result = self._run(*arguments)
        assert result.exit_code == ending, result.output
        return result.output

    def fails(self, error: type[CrosscheckError], *arguments: str | Path) -> None:
        assert isinstance(self._run(*arguments).exception, error)

    def status(self) -> Any:
        return json.loads(self.run("status", "--json"))

    def _run(self, *arguments: str | Path) -> Result:
        self._environment.setenv("CROSSCHECK_HOME", str(self.home))
        commands = sync.commands if arguments[0] == "sync" else feed.commands
        return CliRunner().invoke(commands, [str(each) for each in arguments if each != "sync"])


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path / "home", monkeypatch)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[FeedServer]:
    """The node of "xb", where somebody has allowed the feed."""
    partner = PartnerSimulator(rule_book(tmp_path / "rules" / "test", COPY))
    partner.now = datetime.now(UTC).replace(microsecond=0)
    with serving(partner) as server:
        yield server


def test_a_publisher_makes_a_root_allows_a_feed_and_sees_what_stays_at_home(operator: Operator, tmp_path: Path) -> None:
    operator.store.put_watchlist(Watchlist("xb-alerts", "xb", "Alerts"))
    operator.store.put_entry(Entry("H", LOCAL, SUBJECT), faces(1))
    key = operator.run("receive", "--receiver", "xa").strip()
    operator.fails(FeedKeysMissing, "allow", "xa", "--watchlist", "xb-alerts", "--key", key)
    operator.fails(FeedKeysMissing, "root", "--owner", "xb")

    made = operator.run("rotate", "--owner", "xb").splitlines()
    shown = operator.run("root", "--owner", "xb", "--out", tmp_path / "xb.json").splitlines()
    assert made == shown
    assert len(made[1].split()) == 16
    operator.fails(FeedKeyInvalid, "allow", "xa", "--watchlist", "xb-alerts", "--key", "no key")
    operator.fails(UnknownPartner, "allow", "xz", "--watchlist", "xb-alerts", "--key", key)
    operator.run("allow", "xa", "--watchlist", "xb-alerts", "--key", key)
    feed_of_status = operator.status()["published"][0]
    assert (feed_of_status["receiver"], feed_of_status["pages"]) == ("xa", 0)

    feeds_of_node().publisher.advance_all(datetime.now(UTC))
    (at_home,) = json.loads(operator.run("withheld", "--json"))
    assert (at_home["entry"], at_home["reason"]) == ("H", "rules")
    assert "H" in operator.run("withheld", "--watchlist", "xb-alerts", "--receiver", "xa")
    assert json.loads(operator.run("withheld", "--receiver", "xz", "--json")) == []


def test_three_people_hold_the_root_and_two_of_them_bring_a_new_one_into_force(
    operator: Operator, tmp_path: Path
) -> None:
    files = [tmp_path / f"holder-{number}.pem" for number in range(3)]
    public = [operator.run("key", file).strip() for file in files]
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    draft = tmp_path / "draft.json"
    holders = [argument for each in public for argument in ("--holder", each)]
    operator.run("rotate", "--owner", "xb", *holders, "--threshold", "2", "--draft", draft)

    signed = operator.run("sign", draft, "--key", files[0]).splitlines()[1]
    operator.fails(FeedRootUnusable, "publish", draft)
    assert operator.run("sign", draft, "--key", files[2]).splitlines()[1] == signed
    assert operator.run("publish", draft).splitlines()[1] == signed

    operator.run("rotate", "--owner", "xb", "--draft", draft)  # the node cannot by itself
    for file in files[:2]:
        operator.run("sign", draft, "--key", file)
    operator.run("publish", draft)
    assert operator.run("root", "--owner", "xb").startswith("root 2 of xb")
    kinds = [event["kind"] for event in recorded(operator.store)]
    assert kinds.count("feed-root-published") == 2


def test_a_follower_pins_a_root_pulls_and_sees_how_it_stands(
    operator: Operator, other: FeedServer, tmp_path: Path
) -> None:
    other.partner.put("A", WANTED)
    key = operator.run("receive", "--receiver", "xa").strip()
    assert operator.run("receive", "--receiver", "xa").strip() == key
    take_over_key(operator, other)
    other.partner.turn_page()
    root, token = tmp_path / "xb.json", tmp_path / "token"
    root.write_bytes(other.partner.root_messages[0])
    token.touch(0o600)
    token.write_text(TOKEN)
    arguments = ["subscribe", other.url, "--owner", "xb", "--watchlist", "xb-alerts", "--receiver", "xa"]
    arguments += ["--root", str(root), "--token-file", str(token)]
    operator.run(*arguments, ending=1)  # nobody says that the fingerprints were compared
    assert operator.status()["followed"] == []
    operator.run(*arguments, "--yes")
    operator.fails(FeedUnknown, "sync", "--once", "--watchlist", "xz-alerts")

    assert json.loads(operator.run("sync", "--once", "--json"))[0]["pages"] == 1
    (followed,) = operator.status()["followed"]
    assert (followed["page"], followed["behind"], followed["refused"]) == (1, False, None)
    assert "xb-alerts" in operator.run("status")

    other.timestamp = lambda: other.partner.timestamp(version=1)
    assert "feed-rollback" in operator.run("sync", "--once", ending=1)
    assert operator.status()["followed"][0]["refused"] == "feed-rollback"

    operator.run("unsubscribe", "xb-alerts")
    assert operator.store.entry_count("xb-alerts") == 0
    assert operator.status()["followed"] == []


def take_over_key(operator: Operator, other: FeedServer) -> None:
    """What `feed allow` does at the other node: seal to this key from now on."""
    keys = ReceivingKeys(operator.store.engine, operator.store.keys)
    with operator.store.engine.connect() as connection:
        (other.partner.receiving,) = keys.all(connection, "xa").values()
