"""Processes that open templates side by side: one alone would keep a large gallery waiting at its start.

They are given the root key, over a pipe, as the process that starts them has it; nothing is written to disk.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait

from sqlalchemy import URL

from watchlists.database import open_database
from watchlists.errors import OpenersEnded
from watchlists.keys import KeyRing
from watchlists.schema import entries
from watchlists.sealing import RootKey
from watchlists.store.loading import LOADED, Sent, TemplateReader, sent


def open_in_processes(database: URL, root: RootKey, processes: int) -> Iterator[Sent]:
    """Stream the templates of all entries, in no particular order.

    Each process sees a state of the database of its own: what is written meanwhile may come in either version, twice,
    or not at all, and has to be brought in again from the log.

    Raises:
        OpenersEnded: one of them ended before its time.
    """
    # Not forked: this process may have threads.
    context = get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    openers = [
        context.Process(target=_open_part, args=(sender, database, root, part, processes), daemon=True)
        for part, (_, sender) in enumerate(pipes)
    ]
    try:
        for opener, (_, sender) in zip(openers, pipes, strict=True):
            opener.start()
            sender.close()  # ours: so that the end of the process is the end of the pipe
        yield from _received([receiver for receiver, _ in pipes])
    finally:
        for opener in openers:
            opener.terminate()
            opener.join()


def _received(receivers: list[Pipe]) -> Iterator[Sent]:
    while receivers:
        ready = wait(receivers)
        for receiver in [each for each in receivers if each in ready]:
            try:
                rows: Sent | None = receiver.recv()
            except EOFError:
                raise OpenersEnded("a process that opens templates ended before its time") from None
            if rows is None:
                receivers.remove(receiver)
            else:
                yield rows


def _open_part(sender: Pipe, database: URL, root: RootKey, part: int, parts: int) -> None:
    """Send the rows of one part, and then None. Meant for a process of its own, which ends after that."""
    gc.disable()  # rows leave no cycles behind, and to look for some takes a twentieth of the time
    engine = open_database(database)
    with engine.connect() as connection:
        reader = TemplateReader(connection, KeyRing(engine, root))
        for opened in reader.read(TemplateReader.QUERY.where(entries.c.sequence % parts == part), LOADED):
            sender.send(sent(opened))
    sender.send(None)
    sender.close()
