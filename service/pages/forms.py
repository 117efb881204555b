"""Forms, read in memory: a few short fields as a browser sends them, under caps of their own.

(Starlette's reader would need another library, and spools uploads to disk.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

import anyio
from fastapi import Request

from models.errors import InvalidInput
from service.errors import BodyTooLarge

LARGEST: Final = 2**16
MOST_FIELDS: Final = 100
WITHIN: Final = 15.0
_KIND: Final = "application/x-www-form-urlencoded"


class FormUnreadable(InvalidInput):
    slug = "form-unreadable"
    hint = "Go back, load the page again, and send the form once more."


class Form:
    """The fields of one form. What is in them is unverified."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def get(self, name: str) -> str:
        """Return the field as it was filled in; "" if it is not there."""
        return next(iter(self._fields.get(name, ())), "")

    def all(self, name: str) -> Sequence[str]:
        """Return every value of a field that can be chosen several times."""
        return self._fields.get(name, ())


async def read_form(request: Request) -> Form:
    """Read the body of a request as a form.

    Raises:
        BodyTooLarge: it is over 64 KiB.
        FormUnreadable: it is of another kind, no UTF-8, has too many fields, or did not arrive in time.
    """
    if request.headers.get("content-type", _KIND).partition(";")[0].strip().lower() != _KIND:
        raise FormUnreadable(f"a form is sent as {_KIND}")
    body = bytearray()
    try:
        with anyio.fail_after(WITHIN):
            async for part in request.stream():
                body += part
                if len(body) > LARGEST:
                    raise BodyTooLarge(f"the form is over {LARGEST} bytes")
        return Form(parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except TimeoutError:
        raise FormUnreadable(f"the form did not arrive within {WITHIN:g} seconds") from None
    except ValueError:  # not UTF-8, or too many fields; its text would repeat what was filled in
        raise FormUnreadable("the form has too many fields, or bytes that are no text") from None
