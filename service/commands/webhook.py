"""`crosscheck webhook`: where partners are told of their notices, and what became of what was sent."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.settings import Settings
from service.storage import open_store, system_clock
from service.webhooks.deliveries import Delivery
from service.webhooks.endpoints import Endpoint
from service.webhooks.house import Webhooks, make_webhooks
from service.webhooks.message import trial_message
from service.webhooks.signing import Scheme, WebhookSecret
from service.webhooks.transport import Outcome

commands = typer.Typer(
    help="Bring partners their notices by webhook (Standard Webhooks).", no_args_is_help=True, add_completion=False
)

Partner = Annotated[str, typer.Argument(help="The partner that is told.")]
Name = Annotated[str, typer.Argument(help="Name of the endpoint, among the partner's.")]
Ed25519 = Annotated[
    bool, typer.Option("--ed25519", help="Sign with Ed25519 (v1a): the receiver gets a public key, and no secret.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command("add")
def add(
    partner: Partner,
    name: Name,
    url: Annotated[str, typer.Argument(help="Where its notices are sent, such as https://xb.example/crosscheck.")],
    ed25519: Ed25519 = False,
    after: Annotated[
        int | None, typer.Option(min=0, help="Number of the last notice that is not sent; the newest if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register an endpoint, and print once what its receiver verifies signatures with."""
    chosen = Scheme.ED25519 if ed25519 else Scheme.HMAC
    open_store(Settings()).partner(partner)  # raises for an unknown one, with a hint
    _show(_webhooks().endpoints.add(partner, name, url, chosen, system_clock(), after), as_json=as_json)


@commands.command("list")
def list_endpoints(
    partner: Annotated[str | None, typer.Argument(help="Of this partner only.")] = None, as_json: AsJson = False
) -> None:
    """List endpoints, and how they stand."""
    rows = [_endpoint(each) for each in _webhooks().endpoints.all(partner)]
    _print(rows, as_json=as_json)


@commands.command("rotate")
def rotate(
    partner: Partner,
    name: Name,
    overlap_hours: Annotated[
        float, typer.Option(min=0, help="How long messages are signed with the old secret as well; 0 to end it now.")
    ] = 24.0,
    ed25519: Ed25519 = False,
    hmac: Annotated[bool, typer.Option("--hmac", help="Sign with HMAC-SHA256 (v1).")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new secret and print it once. Until the old one ends, either verifies: nothing is lost."""
    if ed25519 and hmac:
        raise typer.BadParameter("give one of --ed25519 and --hmac")
    scheme = Scheme.ED25519 if ed25519 else Scheme.HMAC if hmac else None
    overlap = timedelta(hours=overlap_hours)
    _show(_webhooks().endpoints.rotate(partner, name, system_clock(), overlap, scheme), as_json=as_json)


@commands.command("pause")
def pause(partner: Partner, name: Name) -> None:
    """Send nothing more to an endpoint until `resume`; what is posted meanwhile waits."""
    _webhooks().endpoints.pause(partner, name, system_clock())


@commands.command("resume")
def resume(
    partner: Partner,
    name: Name,
    skip: Annotated[
        bool,
        typer.Option("--skip", help="Leave out the next notice, which the receiver cannot take; it can be fetched."),
    ] = False,
) -> None:
    """Send again what waits, whether the endpoint was paused or given up."""
    _webhooks().endpoints.resume(partner, name, system_clock(), skip=skip)


@commands.command("remove")
def remove(partner: Partner, name: Name) -> None:
    """Forget an endpoint and its secrets. The notices stay, and can be fetched."""
    _webhooks().endpoints.remove(partner, name, system_clock())


@commands.command("test")
def try_out(partner: Partner, name: Name, as_json: AsJson = False) -> None:
    """Send a message that says nothing, now; the status is 1 if it does not arrive."""
    webhooks = _webhooks()
    endpoint, now = webhooks.endpoints.of(partner, name), system_clock()
    answer = webhooks.courier.test(endpoint, trial_message(partner, name, now))
    webhooks.endpoints.tested(endpoint, answer.outcome.value, now)
    if as_json:
        typer.echo(json.dumps({"outcome": answer.outcome.value, "status": answer.status}))
    else:
        typer.echo(answer.outcome.value + (f" ({answer.status})" if answer.status else ""))
    if answer.outcome is not Outcome.DELIVERED:
        raise typer.Exit(1)


@commands.command("deliveries")
def deliveries(
    partner: Partner,
    name: Annotated[str | None, typer.Argument(help="Of this endpoint only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most of each endpoint.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was sent, when, what came of it and when it is tried again, the newest notice first."""
    webhooks = _webhooks()
    chosen = webhooks.endpoints.all(partner) if name is None else [webhooks.endpoints.of(partner, name)]
    found = [_delivery(each) for endpoint in chosen for each in webhooks.deliveries.at(endpoint, limit)]
    _print(found, as_json=as_json)


def _webhooks() -> Webhooks:
    settings = Settings()
    store = open_store(settings)
    return make_webhooks(settings, store.engine, store.keys, system_clock)


def _show(secret: WebhookSecret, *, as_json: bool) -> None:
    """Print what the receiver needs, to standard output and nowhere else."""
    given = secret.for_receiver()
    typer.echo(json.dumps({"scheme": secret.scheme.value, "verify_with": given}) if as_json else given)


def _endpoint(each: Endpoint) -> dict[str, Any]:
    state = "parked" if each.parked_at else "paused" if each.paused_at else "failing" if each.failures else "active"
    return {
        "partner": each.partner,
        "webhook": each.name,
        "url": each.url,
        "state": state,
        "delivered": each.delivered,
        "failures": each.failures,
        "failing_since": _moment(each.failing_since),
        "next_try_at": _moment(each.next_try_at),
    }


def _delivery(each: Delivery) -> dict[str, Any]:
    moments = {name: _moment(value) for name, value in asdict(each).items() if isinstance(value, datetime)}
    return asdict(each) | moments


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo("None.")
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)
