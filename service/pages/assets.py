"""The files that pages load: our own, and htmx out of the wheel that carries it.

All are held in memory and served under a path that names their common digest, so browsers may keep them for ever, and
modules find each other by relative names.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from models.errors import CrosscheckError

PREFIX: Final = "/static"
KEPT_FOR_EVER: Final = "public, max-age=31536000, immutable"
CARRIER: Final = "django-htmx"
"""MIT; it carries htmx and its extensions (0BSD). It is never imported: only files of it are read."""
CARRIED: Final[Mapping[str, tuple[str, str]]] = {
    "htmx.js": (
        "django_htmx/static/django_htmx/htmx-2.min.js",
        "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de",
    ),
    "htmx-sse.js": (
        "django_htmx/static/django_htmx/ext/hx-sse-2.min.js",
        "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
    ),
}
"""Name as pages know it: file of the wheel, and its SHA-256."""


class AssetDamaged(CrosscheckError):
    slug = "page-files"
    hint = "Install Crosscheck again with the versions that uv.lock pins."


class Assets:
    """Files by name, served under `/static/<digest of all of them>/<name>`."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = dict(contents)
        digest = hashlib.sha256()
        for name in sorted(contents):
            digest.update(name.encode() + b"\0" + hashlib.sha256(contents[name]).digest())
        self.version: Final = digest.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Return where a page finds the file of that name.

        Raises:
            KeyError: there is none.
        """
        if name not in self._contents:
            raise KeyError(name)
        return f"{PREFIX}/{self.version}/{name}"

    def answer(self, unverified_version: str, unverified_name: str) -> Response:
        """Return the file. What asks for another version, as in a roll-out, gets this one, and must not keep it.

        Raises:
            HTTPException: 404, there is no such file.
        """
        content = self._contents.get(unverified_name)
        if content is None:
            raise HTTPException(404, "there is no such file")
        kept = KEPT_FOR_EVER if unverified_version == self.version else "no-cache"
        kind = mimetypes.guess_type(unverified_name)[0] or "application/octet-stream"
        return Response(content, media_type=kind, headers={"Cache-Control": kept})


def load_assets() -> Assets:
    """Read our own files and those that wheels carry.

    Raises:
        AssetDamaged: a file of a wheel is missing, or is not the one that is pinned here.
    """
    own = {file.name: file.read_bytes() for file in files("service").joinpath("static").iterdir() if file.is_file()}
    return Assets(own | {name: _carried(path, pinned) for name, (path, pinned) in CARRIED.items()})


def _carried(path: str, sha256: str) -> bytes:
    try:
        with open(str(distribution(CARRIER).locate_file(path)), "rb") as file:  # noqa: PTH123 -- a path of any kind
            content = file.read()
    except (PackageNotFoundError, OSError):
        raise AssetDamaged(f"{path} of {CARRIER} is missing") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AssetDamaged(f"{path} of {CARRIER} is not the file that is pinned")
    return content
