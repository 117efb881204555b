"""The operator's calls: is the process alive, is it ready, how is it doing."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from service.api.dependencies import AUTHENTICATED, CurrentCaller, CurrentRuntime, problems
from service.errors import NotReady
from service.identity import require
from service.roles import Role

router = APIRouter(tags=["operator"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.get("/healthz")
def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", responses=problems(503))
def readyz(runtime: CurrentRuntime) -> Health:
    """Models are loaded, the database answers and the gallery is current."""
    if runtime.draining.begun:
        raise NotReady("this process is about to end")
    if not runtime.ready():
        raise NotReady("the gallery is not current with the database")
    return Health()


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=AUTHENTICATED,
    responses={200: {"content": {"text/plain": {}}}, **problems(401, 403)},
)
def metrics(caller: CurrentCaller, runtime: CurrentRuntime) -> Response:
    """Prometheus metrics, for an operator's token."""
    require(caller, Role.OPERATOR)
    runtime.metrics.gallery_sequence.set(runtime.gallery.sequence)
    runtime.metrics.admitted.set(runtime.admission.admitted)
    return Response(generate_latest(runtime.metrics.registry), media_type=CONTENT_TYPE_LATEST)
