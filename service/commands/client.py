"""A small HTTP client for the commands that talk to a running service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from models.errors import CrosscheckError
from service.machines.keys import read_key_file
from service.machines.signing import RequestSigner, SignedBy

DEFAULT_URL = "http://127.0.0.1:8000"
Url = Annotated[str, typer.Option("--url", envvar="CROSSCHECK_URL", help="Address of the running service.")]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        envvar="CROSSCHECK_KEY",
        exists=True,
        dir_okay=False,
        help="Private key of a registered machine (`crosscheck terminal`), which signs each request.",
    ),
]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="CROSSCHECK_TOKEN",
        help="Or a bearer token, for development on the node itself. A key counts before it.",
    ),
]


class CallFailed(CrosscheckError):
    """Args: status: that the service answered with; None if it did not answer."""

    slug = "call-failed"

    def __init__(self, detail: str, *, hint: str, status: int | None = None) -> None:
        super().__init__(detail, hint=hint)
        self.status = status


def connect(url: str, token: str = "", key: Path | None = None) -> httpx2.Client:
    """Return a client that shows one identity; a key before a token.

    Raises:
        CallFailed: neither was given.
        KeyUnusable: other users can read the key, or it is none.
    """
    if key is not None:
        return httpx2.Client(base_url=url, auth=SignedBy(RequestSigner(read_key_file(key))), timeout=60)
    if not token:
        hint = "Give the private key of a registered machine with --key, or a token for development with --token."
        raise CallFailed("the service has to know who calls", hint=hint)
    return httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def call(client: httpx2.Client, method: str, path: str, **kwargs: Any) -> httpx2.Response:
    """Send one request and return its answer.

    Raises:
        CallFailed: the service cannot be reached, or answered with a problem; its hint is passed on.
    """
    try:
        response = client.request(method, path, **kwargs)
    except httpx2.HTTPError as error:
        hint = "Start the service with `crosscheck serve`, or give its address with --url."
        raise CallFailed(f"no answer from {client.base_url} ({type(error).__name__})", hint=hint) from None
    if response.is_error:
        problem = response.json() if "json" in response.headers.get("content-type", "") else {}
        detail = problem.get("detail", f"the service answered {response.status_code}")
        hint = problem.get("hint", "See the log of the service.")
        raise CallFailed(detail, hint=hint, status=response.status_code)
    return response
