"""`crosscheck serve`: the API on one data folder, by one process or several."""

from __future__ import annotations

import socket
import sys
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from models.errors import CrosscheckError
from service.app import bootstrap, create_app
from service.serving.connections import BoundedConnection
from service.serving.server import GRACE, give_notice
from service.settings import Settings
from service.storage import open_store
from service.telemetry import configure_logging, log

UNANSWERED_SECONDS = 120
"""A process that does not answer its parent for so long is started anew; it does not while it loads networks."""


class AddressTaken(CrosscheckError):
    slug = "address-taken"
    hint = "Stop the other program, or choose another --port."


commands = typer.Typer(add_completion=False)


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    workers: Annotated[
        int,
        typer.Option(min=1, help="Processes, each with a gallery of its own and CROSSCHECK_WORKERS checks at once."),
    ] = 1,
) -> None:
    """Serve the API on the data folder CROSSCHECK_HOME."""
    configure_logging()
    _require_free(host, port)
    if workers > 1:
        open_store(Settings()).engine.dispose()  # what is wrong with it is said once, here, and not by every process
    app = _application() if workers == 1 else f"{__name__}:app_of_worker"
    uvicorn.run(
        app,
        host=host,
        port=port,
        workers=workers,
        factory=workers > 1,
        access_log=False,  # it would print entry ids; the service writes its own line a request
        server_header=False,
        proxy_headers=False,  # who connects is what `service.machines.proxies` decides by: no header may change it
        http=BoundedConnection,
        ws="none",
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=UNANSWERED_SECONDS,
    )


def app_of_worker() -> FastAPI:
    """Return the application of one of several processes."""
    configure_logging()
    try:
        return _application()
    except CrosscheckError as error:
        log.error("%s. %s", error.detail, error.hint)
        sys.exit(STARTUP_FAILURE)  # the parent ends too, instead of trying again and again


def _application() -> FastAPI:
    settings = Settings()
    BoundedConnection.most = settings.max_connections
    app = create_app(bootstrap(settings))
    app.openapi()  # before anybody is served: no check waits until it is worked out
    return give_notice(app, settings.drain_notice)


def _require_free(host: str, port: int) -> None:
    """Find out before everything is loaded whether the address can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressTaken(f"cannot listen on {host} port {port}: {error.strerror}") from None
