"""How fast a node takes over a partner's feed: real pages, signed and sealed, composed before the clock starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import SecretStr
from rich.progress import Progress
from sqlalchemy import Connection

from service.settings import Settings
from service.storage import make_data_folder, open_store, system_clock
from watchlists.agreements import RuleBook, load_agreements
from watchlists.feed import FeedId, FeedState, Receiver, TrustedFeed, pin
from watchlists.feed.content import receiving_key_id
from watchlists.feed.messages import START, RoleKeys, Roles, Root
from watchlists.feed.publish import Addressee, Composed, Offer, compose, sign_message, sign_page, timestamp
from watchlists.feed.residency import node_of
from watchlists.feed.signing import LocalSigner, key_id
from watchlists.records import Entry, Partner, Templates, Watchlist
from watchlists.replica import apply_page
from watchlists.store import Store

_XA, _XB = Partner("xa", "State of XA"), Partner("xb", "State of XB")
_FEED = FeedId(owner="xb", watchlist="xb-alerts", receiver="xa")

_PARTICULARS = """id = "copies"
title = "Agreement on copies"
parties = ["xa", "xb"]
version = 1
in_force_from = 2020-01-01T00:00:00Z
purposes = ["border-check"]
categories = ["wanted", "missing-person"]
actions = ["inform-officer"]
handling = ["tlp-amber"]
"""
_RULES = '@id("copy")\npermit (principal, action == Action::"copy", resource);\n'


def measure_feed(entries: Sequence[tuple[Entry, Templates]], folder: Path, progress: Progress) -> float:
    """Return how many entries of XB a new node of XA takes over in a second: verified, opened, stored durably."""
    rules = _rules(folder / "agreements")
    signer, receiving = LocalSigner(Ed25519PrivateKey.generate()), X25519PrivateKey.generate()
    pages = _pages(entries, Addressee(_FEED, node_of(_XA), receiving.public_key()), rules, progress)
    messages = [sign_page(page.page, page.contents, [signer]) for page in pages]
    receiver = Receiver(node_of(_XA), {receiving_key_id(receiving.public_key()): receiving})
    feed = TrustedFeed(_FEED, pin(sign_message(_root(signer), [signer]), _FEED.owner), receiver)
    promise = timestamp(_FEED, 1, pages[-1].page.position(), system_clock())
    feed.update_timestamp(sign_message(promise, [signer]), system_clock())
    store = _new_node(folder / "node")
    begun = time.perf_counter()
    for message in progress.track(messages, description="taking over a feed"):
        now = system_clock()
        apply_page(store, feed.update_page(message, rules, now), _remember, now)
    rate = len(entries) / (time.perf_counter() - begun)
    store.engine.dispose()
    return rate


def _pages(
    entries: Sequence[tuple[Entry, Templates]], to: Addressee, rules: RuleBook, progress: Progress
) -> list[Composed]:
    offers = [Offer(entry.id, (entry, templates)) for entry, templates in entries]
    pages: list[Composed] = []
    after = START
    task = progress.add_task("composing a feed", total=len(offers))
    while offers:
        composition = compose(after, offers, to, rules, (), system_clock())
        if composition.composed is not None:
            pages.append(composition.composed)
            after = pages[-1].page.position()
        del offers[: composition.taken]
        progress.advance(task, composition.taken)
    progress.remove_task(task)
    return pages


def _root(signer: LocalSigner) -> Root:
    name = key_id(signer.public)
    everything = RoleKeys(keyids=(name,), threshold=1)
    return Root(
        owner=_FEED.owner,
        version=1,
        expires=system_clock() + timedelta(days=1),
        keys={name: signer.public},
        roles=Roles(root=everything, timestamp=everything, page=everything),
    )


def _rules(folder: Path) -> RuleBook:
    agreement = folder / "copies"
    agreement.mkdir(parents=True)
    (agreement / "agreement.toml").write_text(_PARTICULARS, "utf-8")
    (agreement / "rules.cedar").write_text(_RULES, "utf-8")
    return RuleBook(load_agreements(folder))


def _new_node(home: Path) -> Store:
    settings = Settings(home=home, database=SecretStr(""))
    make_data_folder(settings)
    store = open_store(settings)
    with store.writing() as write:
        for partner in (_XA, _XB):
            write.add_partner(partner)
        write.put_watchlist(Watchlist(_FEED.watchlist, _FEED.owner, "Copies"))
    return store


def _remember(_connection: Connection, state: FeedState) -> None:
    """Do what storing the state costs but for the row: the entries are what takes time."""
    state.model_dump_json()
