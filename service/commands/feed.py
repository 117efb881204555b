"""`crosscheck feed`: what this node publishes to other nodes, and what it follows of theirs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.commands import feed_keys
from service.commands.feeds_of_node import feeds_of_node
from service.feeds import Feeds
from watchlists.exchange import Published, Subscription
from watchlists.exchange.errors import FeedKeyInvalid
from watchlists.exchange.signing_keys import fingerprint
from watchlists.feed import FeedId
from watchlists.feed.errors import FeedMalformed, FeedRefused
from watchlists.feed.messages import ROOT_CAP, Root, RootMessage, read

commands = typer.Typer(help="Exchange watchlists with other nodes.", no_args_is_help=True, add_completion=False)
for command in (feed_keys.key, feed_keys.rotate, feed_keys.sign, feed_keys.publish, feed_keys.root, feed_keys.receive):
    commands.command()(command)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command()
def allow(
    receiver: Annotated[str, typer.Argument(help="The partner that may follow the list.")],
    watchlist: Annotated[str, typer.Option(help="The list, of an owner that publishes from this node.")],
    key: Annotated[str, typer.Option(help="Its receiving key, as its operator's `feed receive` printed it.")],
) -> None:
    """Publish a watchlist to a partner; what of it may leave, the agreements say. Again, to give it another key."""
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raise FeedKeyInvalid("a receiving key has 64 hexadecimal digits") from None
    is_new = feeds_of_node().allow(watchlist, receiver, raw)
    typer.echo(
        f"{watchlist} is published to {receiver}" if is_new else f"{watchlist} goes to another key of {receiver}"
    )


@commands.command()
def subscribe(
    url: Annotated[str, typer.Argument(help="Address of the owner's node, such as https://xb.example.")],
    owner: Annotated[str, typer.Option(help="The partner that owns the list.")],
    watchlist: Annotated[str, typer.Option(help="The list.")],
    receiver: Annotated[str, typer.Option(help="The partner of this node that receives it.")],
    root: Annotated[Path, typer.Option(help="The owner's root: its operator's `feed root --out`.", exists=True)],
    key_file: Annotated[
        Path | None,
        typer.Option(help="Private key that signs requests, from `crosscheck terminal key`.", dir_okay=False),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="Or a file with a token, for development.", dir_okay=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="The fingerprints were compared; do not ask.")] = False,
) -> None:
    """Follow a list of another node. If it is followed already, begin it anew: its copies here are dropped first.

    Without a key or a token, this node is known there by the certificate CROSSCHECK_FEED_CERTIFICATE alone.
    """
    if key_file is not None and token_file is not None:
        raise typer.BadParameter("give one of --key-file and --token-file")
    known_by = key_file or token_file
    message = root.read_bytes()
    typer.echo(fingerprint(_signed(message)))
    if not yes:
        typer.confirm("Did the other operator read out the same, on a line that you trust?", abort=True)
    feed = FeedId(owner=owner, watchlist=watchlist, receiver=receiver)
    feeds_of_node().subscribe(feed, url, "" if known_by is None else str(known_by.absolute()), message)
    typer.echo(f"{watchlist} of {owner} is followed. A running service pulls it; or run `crosscheck sync --once`.")


def _signed(unverified_root: bytes) -> Root:
    try:
        return read(unverified_root, RootMessage, ROOT_CAP).signed
    except FeedRefused as error:
        hint = "Give the file that the other operator made with `crosscheck feed root --out`, unchanged."
        raise FeedMalformed("the file of --root holds no root", hint=hint) from error


@commands.command()
def unsubscribe(watchlist: Annotated[str, typer.Argument(help="The list.")]) -> None:
    """Follow a list no longer; its copies are destroyed."""
    feeds_of_node().unsubscribe(watchlist)


@commands.command()
def status(as_json: AsJson = False) -> None:
    """Show how the feeds of this node stand."""
    feeds = feeds_of_node()
    published = [_published(each) for each in feeds.publisher.published()]
    followed = [_followed(each, feeds) for each in feeds.subscriptions.all()]
    roots = [{"owner": owner, "until": _moment(until)} for owner, until in feeds.signing.expiries().items()]
    if as_json:
        typer.echo(json.dumps({"published": published, "followed": followed, "roots": roots}))
        return
    for title, rows in (("published", published), ("followed", followed), ("own root", roots)):
        for row in rows:
            typer.echo(title)
            typer.echo("\n".join(f"  {name.replace('_', ' '):12} {_cell(value)}" for name, value in row.items()))


@commands.command()
def withheld(
    watchlist: Annotated[str | None, typer.Option(help="Of this list only.")] = None,
    receiver: Annotated[str | None, typer.Option(help="From this partner only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the entries that stay at home, and why."""
    found = feeds_of_node().publisher.withheld(watchlist, receiver)
    rows = [asdict(each) | {"reason": each.reason.value, "since": _moment(each.since)} for each in found]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("watchlist", "receiver", "entry", "reason", "since")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("watchlist", "receiver", "entry", "reason", "since")))
    Console().print(table)


def _published(each: Published) -> dict[str, Any]:
    return {
        **each.feed.plain(),
        "pages": each.pages,
        "entries": each.held,
        "withheld": each.withheld,
        "waiting": each.waiting,
        "at_home_for": list(each.at_home),
        "asked_at": _moment(each.pulled_at),
    }


def _followed(each: Subscription, feeds: Feeds) -> dict[str, Any]:
    return {
        **each.feed.plain(),
        "url": each.url,
        "page": None if each.state is None else each.state.position.page,
        "behind": each.is_behind(feeds.clock()),
        "fresh_until": _moment(each.fresh_until),
        "at_home_for": list(each.at_home),
        "pulled_at": _moment(each.pulled_at),
        "refused": each.refused,
        "refused_at": _moment(each.refused_at),
        "root": None if each.state is None else each.state.root.version,
        "root_until": None if each.state is None else _moment(each.state.root.expires),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
