"""`crosscheck serve`: the API on one data folder."""

from __future__ import annotations

import socket
from typing import Annotated

import typer
import uvicorn

from models.errors import CrosscheckError
from service.app import bootstrap, create_app
from service.settings import Settings
from service.telemetry import configure_logging


class AddressTaken(CrosscheckError):
    slug = "address-taken"
    hint = "Stop the other program, or choose another --port."


commands = typer.Typer(add_completion=False)


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Serve the API on the data folder CROSSCHECK_HOME."""
    configure_logging()
    _require_free(host, port)
    app = create_app(bootstrap(Settings()))
    # Uvicorn's access log would print entry ids; the service writes its own line a request.
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, timeout_graceful_shutdown=10)


def _require_free(host: str, port: int) -> None:
    """Find out before everything is loaded whether the address can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressTaken(f"cannot listen on {host} port {port}: {error.strerror}") from None
