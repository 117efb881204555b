"""Forms of pages: read under a cap, in memory, and shown again with what is wrong.

Only `application/x-www-form-urlencoded` is read: uploads would be spooled to disk, and pages need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import parse_qsl

import anyio
from fastapi import Depends, Request

from models.errors import InvalidInput
from service.errors import BodyTooLarge

MOST_BYTES: Final = 64 * 1024
MOST_FIELDS: Final = 100
URLENCODED: Final = "application/x-www-form-urlencoded"


class MalformedForm(InvalidInput):
    slug = "malformed-form"
    hint = "Go back, load the page again, and send the form from there."


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a page shows it.

    Args:
        values: what was filled in, by field.
        errors: what is wrong, by field, in the words of the page; translated.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """Return what was filled in, "" if nothing was."""
        return self.values.get(name, "")


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, the last one of each name.

    Raises:
        MalformedForm: it is no form, or not in UTF-8, or has too many fields, or did not come in time.
        BodyTooLarge: it is over 64 KiB.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != URLENCODED:
        raise MalformedForm("the request is no form of a page")
    body = bytearray()
    with anyio.move_on_after(request.app.state.runtime.settings.body_within) as waiting:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise BodyTooLarge(f"the form is over {MOST_BYTES} bytes")
    if waiting.cancelled_caught:
        raise MalformedForm("the form did not arrive in time")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise MalformedForm("the form cannot be read") from None
    return dict(fields)


Fields = Annotated[Mapping[str, str], Depends(read_form)]
