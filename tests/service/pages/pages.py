"""Pages without a node behind them, for what needs none."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import Response

from service import errors
from service.errors import BodyTooLarge, Overloaded
from service.identity import WrongRole
from service.pages import problems, static
from service.pages.flashes import Flash
from service.pages.headers import PageHeaders
from service.pages.rendering import Site, page, see_other
from service.pages.translation import Language
from tests.service.pages.desk_views import sign_in

Shown = Mapping[str, tuple[str, Callable[[], Mapping[str, object]]]]
"""Path of a page: its template, and the values that it is made with."""


def app_of_pages(languages: Mapping[str, Language] | None = None, shown: Shown | None = None) -> FastAPI:
    """The static files, pages that fail in every way, and what is to be shown."""
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

    @app.get("/shown/{name}")
    async def show(name: str, request: Request) -> Response:
        template, values = (shown or {})[name]
        sign_in(request)
        return page(request, template, values())

    app.add_middleware(PageHeaders)
    return app


def client_of_pages(languages: Mapping[str, Language] | None = None, shown: Shown | None = None) -> TestClient:
    return TestClient(app_of_pages(languages, shown), follow_redirects=False, base_url="http://localhost")
