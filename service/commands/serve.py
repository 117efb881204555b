"""`crosscheck serve`: the API on one data folder."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from service.app import bootstrap, create_app
from service.settings import Settings
from service.telemetry import configure_logging

commands = typer.Typer(add_completion=False)


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Serve the API on the data folder CROSSCHECK_HOME."""
    configure_logging()
    app = create_app(bootstrap(Settings()))
    # Uvicorn's access log would print entry ids; the service writes its own line a request.
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, timeout_graceful_shutdown=10)
