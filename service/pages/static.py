"""What pages load, and the way from the bare address to the desk."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from service.pages.rendering import site_of

router = APIRouter(include_in_schema=False)


@router.get("/static/{version}/{name}")
async def static_file(version: str, name: str, request: Request) -> Response:
    """Return a file that pages load."""
    return site_of(request).assets.answer(version, name)


@router.get("/")
async def start() -> RedirectResponse:
    """Lead people to the desk."""
    return RedirectResponse("/review", 303)
