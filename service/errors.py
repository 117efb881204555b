"""Every error becomes an RFC 9457 problem document: a stable `type`, what happened, and what to do about it.

No problem document repeats a value that the caller sent: it names fields, positions and sizes only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.errors import CrosscheckError, InvalidInput
from models.samples import Reason
from service.machines import errors as identity_errors

PROBLEM_TYPE = "urn:crosscheck:problem:"
WANTED_SIGNATURE = (  # RFC 9421, section 5
    'sig=("@method" "@authority" "@path" "@query" "content-type" "content-digest")'
    ';created;keyid;nonce;alg="ed25519";tag="crosscheck"'
)
MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """Which part of the request is wrong, and how; never the value itself."""

    field: str = Field(examples=["body.captured_at"])
    message: str = Field(examples=["Input should have timezone info"])


class Problem(BaseModel):
    """RFC 9457 problem document."""

    type: str = Field(examples=[PROBLEM_TYPE + "no-face"])
    title: str = Field(examples=["No face"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["no face was found in the image"])
    hint: str = Field(examples=["Ask the person to look at the camera and capture again."])
    errors: list[FieldError] | None = None


class CheckConflict(CrosscheckError):
    slug = "check-conflict"
    hint = "Choose a new check_id for every new check; repeat an old one byte for byte, by the same authority."


class UnusableSample(InvalidInput):
    """A sample is too poor to be compared. The slug is that of the first reason."""

    def __init__(self, field: str, reasons: Sequence[Reason]) -> None:
        words = ", ".join(reason.code.replace("-", " ") for reason in reasons)
        super().__init__(f"{field} cannot be used: {words}", hint=" ".join(reason.hint for reason in reasons))
        self.slug = reasons[0].code.value
        self.field = field


class Overloaded(CrosscheckError):
    """More work waits than can be answered in time."""

    slug = "overloaded"
    hint = "Try again after the number of seconds in Retry-After."

    def __init__(self, retry_after: int) -> None:
        super().__init__("the service is busy; this request would not be answered in time")
        self.retry_after = retry_after


class TooManyProbes(CrosscheckError):
    """One person was checked more often than anybody needs to be."""

    slug = "too-many-probes"
    hint = "Do not check this person again for now; call your supervisor. Retry-After says in how many seconds to try."

    def __init__(self, retry_after: int) -> None:
        super().__init__("this person was checked too often lately; nothing was searched")
        self.retry_after = retry_after


class TooManyRequests(CrosscheckError):
    """Somebody calls more often than agreed; see `service.rates`."""

    slug = "too-many-requests"
    hint = "Call less often; Retry-After says in how many seconds the next call will be let in."

    def __init__(self, most: int, retry_after: int) -> None:
        super().__init__(f"more than {most} requests in a minute")
        self.retry_after = retry_after


class BodyTooLarge(InvalidInput):
    slug = "body-too-large"
    hint = "Send a smaller body: scale images down to about 1000 pixels on the long side."


class HeadTooLarge(InvalidInput):
    slug = "head-too-large"
    hint = "Send fewer and shorter header fields."


class NotReady(CrosscheckError):
    slug = "not-ready"
    hint = "Try again in a few seconds; if it stays so, run `crosscheck doctor` on the server."
    retry_after = 2


class GalleryBehind(NotReady):
    """The gallery is not yet where the terminal wants to be answered from."""

    slug = "gallery-behind"
    hint = "Try again after the number of seconds in Retry-After; at_least_sequence is one that an answer gave before."
    retry_after = 1

    def __init__(self, sequence: int) -> None:
        super().__init__(f"the gallery is at sequence {sequence}, before the at_least_sequence of the request")


class DatabaseBusy(NotReady):
    """The database is locked by other writers, or all connections are in use."""


class DatabaseAway(CrosscheckError):
    """The database server cannot be reached, or does not let us in."""

    slug = "database-away"
    hint = "Start the database server, and check CROSSCHECK_DATABASE: host, user, password, name."


class DataFolderExists(CrosscheckError):
    slug = "data-folder-exists"
    hint = "Choose another CROSSCHECK_HOME; an existing data folder is never overwritten."


class DataFolderMissing(CrosscheckError):
    slug = "data-folder-missing"
    hint = "Run `crosscheck init`, or set CROSSCHECK_HOME to the data folder."


class DataFolderDamaged(CrosscheckError):
    slug = "data-folder-damaged"
    hint = "Restore the data folder from a backup."


class DataFolderNotEmpty(CrosscheckError):
    slug = "data-folder-not-empty"
    hint = "Add --replace to lose what is there for the backup; or set CROSSCHECK_HOME to a new folder."


class DataFolderInUse(CrosscheckError):
    slug = "data-folder-in-use"
    hint = "Stop all processes of the service first: what they hold in memory would be ahead of an older database."


class RestoreUnfinished(CrosscheckError):
    slug = "restore-unfinished"
    hint = "Run the same `crosscheck restore` again: it finishes what was broken off."


class StaleCapture(InvalidInput):
    slug = "stale-capture"
    hint = "Capture the person again, and check the clock of the terminal."


class JustificationMissing(InvalidInput):
    """An agreement asks for something that did not come with the check.

    Args:
        fields: names of the fields of the request that are missing.
        clauses: the clauses that ask for them, in words.
    """

    slug = "justification-missing"

    def __init__(self, fields: Sequence[str], clauses: Sequence[str]) -> None:
        names = " and ".join(fields)
        super().__init__(
            f"asked for, but not sent: {names} ({'; '.join(clauses)})", hint=f"Send the check again with {names}."
        )
        self.fields = tuple(fields)
        self.clauses = tuple(clauses)


class EmergencyNotActive(InvalidInput):
    slug = "emergency-not-active"
    hint = "Have a supervisor declare it with PUT /v1/emergencies/{emergency}, or leave `emergency` out."

    def __init__(self) -> None:
        super().__init__("no emergency of that id is declared, or it has ended")
        self.field = "body.emergency"


class UntilOutOfRange(InvalidInput):
    slug = "until-out-of-range"
    hint = "Choose an earlier `until`, in the future."

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.field = "body.until"


class UnknownAuthorisation(CrosscheckError):
    slug = "unknown-authorisation"
    hint = "Check the id of the authorisation; only the partner that granted it can withdraw it."


class UnknownEmergency(CrosscheckError):
    slug = "unknown-emergency"
    hint = "Check the id of the emergency; only the partner that declared it can end it."


class UnknownFlag(CrosscheckError):
    slug = "unknown-flag"
    hint = "List the flags of your desk with GET /v1/flags; those of another partner are as unknown as none."

    def __init__(self) -> None:
        super().__init__("the caller's desk has no flag or candidate of that id")


class UnknownRelease(CrosscheckError):
    slug = "unknown-release"
    hint = "List what your partner is asked to release with GET /v1/releases."

    def __init__(self) -> None:
        super().__init__("the caller's partner is not asked to release anything of that id")


class OwnEntry(CrosscheckError):
    slug = "own-entry"
    hint = "Leave this candidate to somebody else."

    def __init__(self) -> None:
        super().__init__("whoever entered an alert does not confirm it")


class VerdictConflict(CrosscheckError):
    slug = "verdict-conflict"
    hint = "A verdict stays as it was given; if it was a mistake, tell the others, who have still to give theirs."

    def __init__(self) -> None:
        super().__init__("the reviewer has said something else of this candidate before")


class NotAskedFor(CrosscheckError):
    """Nobody waits for this any more, or for this of the caller."""

    slug = "not-asked-for"
    hint = "Fetch the flag again: it says what it waits for."


class AlreadyDecided(CrosscheckError):
    slug = "already-decided"
    hint = "What was decided stays; fetch it again to see what that was."

    def __init__(self) -> None:
        super().__init__("something else was decided before")


class BadCursor(InvalidInput):
    slug = "bad-cursor"
    hint = "Ask with `after` exactly as the page before gave it in `following`, or without for the first page."

    def __init__(self) -> None:
        super().__init__("`after` is not one that this service gave")
        self.field = "query.after"


class EmergencyConflict(CrosscheckError):
    slug = "emergency-conflict"
    hint = "Choose a new id for every new emergency; repeat an old one only while it lasts, with the same body."


# Slugs whose status is not that of their branch of the error tree (InvalidInput 422, anything else 500).
STATUS_BY_SLUG: Mapping[str, int] = {
    **identity_errors.STATUS_BY_SLUG,
    "unauthenticated": 401,
    "wrong-role": 403,
    "forged-form": 403,
    "wrong-place": 421,
    "sign-in-refused": 401,
    "second-factor-refused": 401,
    "too-many-attempts": 429,
    "sign-in-expired": 401,
    "invitation-void": 404,
    "check-conflict": 409,
    "emergency-conflict": 409,
    "verdict-conflict": 409,
    "not-asked-for": 409,
    "already-decided": 409,
    "own-entry": 403,
    "unknown-flag": 404,
    "picture-not-shown": 404,
    "unknown-release": 404,
    "feed-followed": 409,
    "watchlist-name-taken": 409,
    "unknown-authorisation": 404,
    "unknown-emergency": 404,
    "unknown-audit-entry": 404,
    "unknown-head": 404,
    "unknown-witness": 404,
    "unknown-watchlist": 404,
    "unknown-entry": 404,
    "foreign-watchlist": 403,
    "body-too-large": 413,
    "image-too-large": 413,
    "head-too-large": 431,
    "too-many-probes": 429,
    "too-many-requests": 429,
    "overloaded": 503,
    "not-ready": 503,
    "gallery-behind": 503,
    "entry-changed": 503,
}

HTTP_SLUGS: Mapping[int, tuple[str, str]] = {
    400: ("malformed-request", "Send a complete HTTP request with a JSON body."),
    404: ("unknown-path", "See /openapi.json for the calls that exist."),
    405: ("method-not-allowed", "See /openapi.json for the methods of this path."),
    408: ("body-too-slow", "Send the body without pauses; check the connection."),
    413: (BodyTooLarge.slug, BodyTooLarge.hint),
}

# What the caller should do about pydantic's complaints; anything else gets the general hint.
FIELD_SLUGS: Mapping[str, tuple[str, str]] = {
    "json_invalid": ("malformed-json", "Send valid JSON in UTF-8."),
    "base64": ("malformed-base64", "Encode the bytes with standard base64 (RFC 4648 section 4), padding included."),
    "timezone_aware": ("timestamp-without-zone", "Give timestamps with a zone, as in 2026-11-22T09:30:00Z."),
    "no_samples": ("empty-check", "Send a face image, at least one fingerprint template, or both."),
}
GENERAL_FIELD_SLUG = ("invalid-request", "Correct the fields named under `errors`; /openapi.json shows every field.")


def problem(slug: str, status: int, detail: str, hint: str, errors: list[FieldError] | None = None) -> Problem:
    title = slug.replace("-", " ").capitalize()
    return Problem(type=PROBLEM_TYPE + slug, title=title, status=status, detail=detail, hint=hint, errors=errors)


def problem_of(error: CrosscheckError) -> Problem:
    """Return the problem document of one of our own errors."""
    status = STATUS_BY_SLUG.get(error.slug, 422 if isinstance(error, InvalidInput) else 500)
    if isinstance(error, JustificationMissing):
        fields = [f"body.{name}" for name in error.fields]
    else:
        fields = [error.field] if error.field else []
    errors = [FieldError(field=field, message=error.detail) for field in fields]
    return problem(error.slug, status, error.detail, error.hint, errors or None)


def problem_of_http(error: HTTPException) -> Problem:
    """Return the problem document of an error of the framework, or of a body that did not arrive as it should."""
    slug, hint = HTTP_SLUGS.get(error.status_code, ("http-error", "See /openapi.json for how to make this call."))
    return problem(slug, error.status_code, str(error.detail), hint)


def problem_of_validation(errors: list[Mapping[str, Any]]) -> Problem:
    """Return the problem document of pydantic's error list, without the rejected values."""
    slug, hint = FIELD_SLUGS.get(errors[0]["type"], GENERAL_FIELD_SLUG)
    fields = [FieldError(field=_field_path(error), message=error["msg"]) for error in errors]
    status = 400 if slug == "malformed-json" else 422
    return problem(slug, status, f"{len(fields)} field(s) of the request are not valid", hint, fields)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI, answered: Callable[[Request, Problem, Mapping[str, str] | None], Response]) -> None:
    """Make `app` answer every error with a problem, as `answered` shows it to whoever asked."""

    async def on_crosscheck_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, CrosscheckError)  # noqa: S101 -- registered for this type
        return answered(request, problem_of(error), headers_of(error))

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for this type
        return answered(request, problem_of_validation(list(error.errors())), None)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 -- registered for this type
        return answered(request, problem_of_http(error), error.headers)

    app.add_exception_handler(CrosscheckError, on_crosscheck_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)


def headers_of(error: CrosscheckError) -> dict[str, str]:
    if isinstance(error, Overloaded | NotReady | TooManyProbes | TooManyRequests):
        return {"Retry-After": str(error.retry_after)}
    if STATUS_BY_SLUG.get(error.slug) == 503:
        return {"Retry-After": "1"}
    if error.slug == "unauthenticated" or identity_errors.STATUS_BY_SLUG.get(error.slug) == 401:
        return {"Accept-Signature": WANTED_SIGNATURE, "WWW-Authenticate": 'Bearer realm="crosscheck"'}
    return {}


def place_of(error: Exception) -> str:
    """Return file and line of a bug. Its text stays out of the log: it may hold anything."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "unknown"


def _field_path(error: Mapping[str, Any]) -> str:
    # The name of a field that should not be there is the caller's own text: name its parent only.
    location = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
    return ".".join(str(part) for part in location)
