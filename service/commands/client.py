"""A small HTTP client for the commands that talk to a running service."""

from __future__ import annotations

from typing import Annotated, Any

import httpx2
import typer

from models.errors import CrosscheckError

DEFAULT_URL = "http://127.0.0.1:8000"
Url = Annotated[str, typer.Option("--url", envvar="CROSSCHECK_URL", help="Address of the running service.")]
Token = Annotated[str, typer.Option("--token", envvar="CROSSCHECK_TOKEN", help="Bearer token; its partner acts.")]


class CallFailed(CrosscheckError):
    slug = "call-failed"


def connect(url: str, token: str) -> httpx2.Client:
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
        raise CallFailed(detail, hint=problem.get("hint", "See the log of the service."))
    return response
