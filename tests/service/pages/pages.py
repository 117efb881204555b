"""Pages without a node behind them, for what needs none."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import Response

from service import errors
from service.errors import BodyTooLarge, Overloaded
from service.identity import WrongRole
from service.pages import problems, static
from service.pages.flashes import Flash
from service.pages.headers import PageHeaders
from service.pages.rendering import Site, see_other
from service.pages.translation import Language


def client_of_pages(languages: Mapping[str, Language] | None = None) -> TestClient:
    """The static files, and pages that fail in every way."""
    app = FastAPI()
    app.state.site = Site.load(languages)
    app.include_router(static.router)
    errors.install(app, problems.answer)

    @app.get("/fails/{how}")
    async def fails(how: str) -> Response:
        raise {"role": WrongRole("this page is for reviewers"), "busy": Overloaded(7), "big": BodyTooLarge("big")}[how]

    @app.get("/v1/fails")
    async def call_fails() -> Response:
        raise WrongRole("this call is for reviewers")

    @app.get("/says")
    async def says(request: Request) -> Response:
        return see_other("/nowhere", Flash.SIGNED_OUT)

    app.add_middleware(PageHeaders)
    return TestClient(app, follow_redirects=False, base_url="http://localhost")
