"""Every problem type is documented, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import service.app
from models.errors import CrosscheckError, InvalidInput
from models.samples import ReasonCode
from service.errors import FIELD_SLUGS, GENERAL_FIELD_SLUG, HTTP_SLUGS, STATUS_BY_SLUG

DOCUMENT = (Path(service.app.__file__).parents[1] / "docs" / "api.md").read_text()


def subclasses(error: type[CrosscheckError]) -> Iterator[type[CrosscheckError]]:
    for found in error.__subclasses__():
        yield found
        yield from subclasses(found)


def test_every_type_that_a_caller_can_meet_is_documented() -> None:
    over_http = [error for error in subclasses(InvalidInput) if not error.__module__.startswith("models.evaluation")]
    slugs = {error.slug for error in over_http} - {InvalidInput.slug}
    slugs |= {slug for slug, _ in (*FIELD_SLUGS.values(), GENERAL_FIELD_SLUG, *HTTP_SLUGS.values())}
    slugs |= STATUS_BY_SLUG.keys() | set(ReasonCode)
    assert {slug for slug in slugs if f"`{slug}`" not in DOCUMENT} == set()


def test_every_error_says_what_to_do() -> None:
    assert [error.__name__ for error in subclasses(CrosscheckError) if not error.hint.strip()] == []
