"""`crosscheck sync`: pull the feeds that this node follows, once or until it is stopped."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Annotated

import anyio
import typer

from service.commands.feeds_of_node import feeds_of_node
from service.feeds import Feeds
from service.settings import Settings
from service.sync import AT_ONCE, Sync
from service.telemetry import configure_logging
from watchlists.exchange import PullOutcome

commands = typer.Typer(add_completion=False)


@commands.command()
def sync(
    watchlist: Annotated[list[str] | None, typer.Option(help="This list only; can be given several times.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Pull everything there is, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once, print JSON.")] = False,
) -> None:
    """Pull feeds of other nodes. A running service does so by itself; both may run at once.

    With --once, ends with status 1 if a feed was refused.
    """
    feeds = feeds_of_node()
    chosen = None if not watchlist else frozenset(watchlist)
    for name in chosen or ():
        feeds.subscriptions.of(name)  # raises for an unknown one, with a hint
    if not once:
        configure_logging()
        anyio.run(Sync(feeds, Settings().pull_every, lambda: None, chosen).run)
    outcomes = _pull(feeds, chosen)
    typer.echo(json.dumps([_row(each) for each in outcomes]) if as_json else "\n".join(map(_said, outcomes)))
    if any(each.refused for each in outcomes):
        raise typer.Exit(1)


def _pull(feeds: Feeds, chosen: frozenset[str] | None) -> list[PullOutcome]:
    followed = [each for each in feeds.subscriptions.all() if chosen is None or each.feed.watchlist in chosen]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(feeds.pull, followed))


def _row(outcome: PullOutcome) -> dict[str, object]:
    row = asdict(outcome)
    return {**outcome.feed.plain(), **{name: row[name] for name in ("pages", "refused", "detail", "is_busy")}}


def _said(outcome: PullOutcome) -> str:
    name = f"{outcome.feed.watchlist} of {outcome.feed.owner}"
    if outcome.is_busy:
        return f"{name}: another process pulls it"
    if outcome.refused is not None:
        return f"{name}: refused after {outcome.pages} pages: {outcome.refused}: {outcome.detail}"
    return f"{name}: {outcome.pages} pages"
