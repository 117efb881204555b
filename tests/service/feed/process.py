"""One node in a process of its own, for tests: the real service, but for the networks that make embeddings.

Nodes are forked off a server that has imported everything once, so that a start takes a fraction of a second.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from typing import Any, cast

import uvicorn

from service.app import bootstrap, create_app
from service.settings import Settings
from tests.watchlists.makers import SPACE

_CONTEXT = multiprocessing.get_context("forkserver")


def prepare() -> None:
    """Begin to import everything, while the caller does something else."""
    _CONTEXT.set_forkserver_preload(["tests.service.feed.warm"])
    forkserver.ensure_running()


def start(settings: dict[str, Any], port: int) -> BaseProcess:
    """Start a node; wait for its `/readyz` before it is asked anything else."""
    process = _CONTEXT.Process(target=_serve, args=(settings, port), daemon=True)
    process.start()
    return process


def _serve(settings: dict[str, Any], port: int) -> None:
    app = create_app(bootstrap(Settings(**settings), faces=cast("Any", SPACE)))
    uvicorn.run(app, port=port, access_log=False, log_level="warning", timeout_graceful_shutdown=2)
