"""The lines of an import: what one says, why one is refused, and the result that goes back for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from models.errors import CrosscheckError, InvalidInput
from service.api.owner_messages import ImportLine
from service.entries import Written, written_message
from service.errors import place_of, problem_of, problem_of_validation
from service.telemetry import log


class LineTooLong(InvalidInput):
    slug = "line-too-long"
    hint = "Scale its images down to about 1000 pixels on the long side and import the line again."


@dataclass(frozen=True, slots=True)
class RefusedLine:
    problem: dict[str, Any]


def read_line(unverified_line: bytes | None) -> ImportLine:
    """Read one line; None stands for one that was too long to be kept.

    Raises:
        LineTooLong: it was.
        ValidationError: it is no entry.
    """
    if unverified_line is None:
        raise LineTooLong("the line is longer than a request body may be")
    return ImportLine.model_validate_json(unverified_line)


def refused(error: Exception) -> RefusedLine:
    """Say why a line is refused. Whatever it is, it must not take the good lines beside it down."""
    match error:
        case ValidationError():
            errors = error.errors(include_input=False, include_url=False, include_context=False)
            problem = problem_of_validation(list(errors))
        case CrosscheckError():
            problem = problem_of(error)
        case _:
            log.error("unhandled %s at %s", type(error).__name__, place_of(error))
            problem = problem_of(CrosscheckError("the service failed to process this line"))
    return RefusedLine(problem.model_dump(exclude_none=True))


def result_of(number: int, entry: str, written: Written) -> dict[str, Any]:
    """What is answered to the line of that number, whose entry was written."""
    return {"line": number, **written_message(entry, written).model_dump(mode="json", exclude_defaults=True)}


def refusal_of(number: int, line: RefusedLine) -> dict[str, Any]:
    """What is answered to the line of that number, which was refused."""
    return {"line": number, "status": "refused", "problem": line.problem}


def result_line(result: dict[str, Any]) -> bytes:
    """One result as a line of the answer."""
    return json.dumps(result, separators=(",", ":")).encode() + b"\n"
