"""The second step of a form that cannot be taken back: what is about to be said is read back before it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request
from starlette.responses import Response

from service.pages.rendering import page, translate

CONFIRMED: Final = "confirmed"


@dataclass(frozen=True, slots=True)
class Question:
    """What is read back. All texts are source texts, but for the values.

    Args:
        heading: what is about to be done.
        said: label and value of what was filled in; values as they are.
        consequence: what comes of it.
        button: what the button says.
        back: where the way back leads.
        fields: the form again, hidden.
    """

    heading: str
    said: Sequence[tuple[str, str]] = field(repr=False)
    consequence: str
    button: str
    back: str
    fields: Mapping[str, str] = field(repr=False)


def confirmed(form: Mapping[str, str]) -> bool:
    """Whether the form comes from the second step."""
    return form.get(CONFIRMED) == "yes"


def ask(request: Request, question: Question) -> Response:
    """Return the page that reads a form back; it sends the form to where it came from, confirmed."""
    values = {
        "heading": translate(request, question.heading),
        "read_back": [(translate(request, label), value) for label, value in question.said],
        "consequence": translate(request, question.consequence),
        "confirm_label": translate(request, question.button),
        "back": question.back,
        "action": request.url.path,
        "fields": question.fields,
    }
    return page(request, "review/confirm.html", values)
