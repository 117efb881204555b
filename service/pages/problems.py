"""Errors as pages: what happened, and what the reader can do. Programs get the problem document instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service import errors
from service.errors import Problem
from service.pages.headers import is_page
from service.pages.problem_words import TOLD, Told
from service.pages.rendering import page, translate
from service.pages.translation import marked

HEADINGS: Final[Mapping[int, str]] = {
    401: marked("Sign in first"),
    403: marked("This page is not for you"),
    404: marked("There is nothing here"),
    405: marked("This page cannot be used like that"),
    409: marked("Something has changed meanwhile"),
    413: marked("That is too much to send"),
    422: marked("That cannot be used as it is"),
    429: marked("Too often"),
    503: marked("The service is busy"),
}
OTHERWISE: Final = marked("Something went wrong")


def wants_page(request: Request) -> bool:
    """Whether the answer is for a person who looks at pages."""
    if not is_page(request.url.path):
        return False
    return "hx-request" in request.headers or "text/html" in request.headers.get("accept", "")


def answer(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the error as whoever asked can read it."""
    if not wants_page(request):
        return errors.answer(problem, headers)
    slug = problem.type.removeprefix(errors.PROBLEM_TYPE)
    told = TOLD.get(slug, Told(problem.detail, problem.hint))
    values = {
        "heading": translate(request, HEADINGS.get(problem.status, OTHERWISE)),
        "detail": translate(request, told.detail),
        "advice": translate(request, told.advice),
        "retry_after": (headers or {}).get("Retry-After"),
        "slug": slug,
    }
    return page(request, "problem.html", values, status=problem.status, headers=headers)
