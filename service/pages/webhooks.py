"""What became of the notices that the reader's partner has brought to addresses of its own. No secret is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.api.dependencies import CurrentRuntime
from service.pages.rendering import page
from service.pages.session import SignedIn, signed_in_as
from service.pages.translation import marked
from service.pages.work import work
from service.roles import Role
from service.webhooks.deliveries import DeliveryState
from service.webhooks.transport import Outcome

PLACE: Final = "/review/webhooks"
MOST: Final = 50
"""Newest notices that are shown of each endpoint."""
STATES: Final[Mapping[DeliveryState, str]] = {
    DeliveryState.DELIVERED: marked("Delivered"),
    DeliveryState.WAITING: marked("Waiting"),
    DeliveryState.FAILED: marked("Failed, tried again"),
    DeliveryState.PAUSED: marked("Paused by the operator"),
    DeliveryState.PARKED: marked("Given up: the operator has to look"),
    DeliveryState.LEFT_OUT: marked("Left out: fetch it"),
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.DELIVERED: marked("arrived"),
    Outcome.REFUSED: marked("refused by the receiver"),
    Outcome.REDIRECTED: marked("the receiver redirects, which is not followed"),
    Outcome.GONE: marked("the receiver wants nothing any more"),
    Outcome.TOO_SLOW: marked("no answer in time"),
    Outcome.UNREACHABLE: marked("nobody there"),
    Outcome.NOT_TRUSTED: marked("the certificate of the receiver is not trusted"),
    Outcome.ADDRESS_REFUSED: marked("the address leads where nothing may be sent"),
    Outcome.NOT_SIGNED: marked("the secret of the endpoint does not open"),
}

router = APIRouter(include_in_schema=False)
Reader = Annotated[SignedIn, Depends(signed_in_as(Role.REVIEWER, Role.AUDITOR))]


@router.get(PLACE)
async def show_deliveries(request: Request, reader: Reader, runtime: CurrentRuntime) -> Response:
    """Show the endpoints of the reader's partner, and what was sent to each."""
    found = await work(runtime, runtime.webhooks.deliveries.by_endpoint, reader.caller, MOST)
    return page(request, "review/webhooks.html", {"found": found, "states": STATES, "outcomes": OUTCOMES})
