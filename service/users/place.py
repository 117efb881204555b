"""Where the desk is: the origin that browsers know it by. Cookies, passkeys and the check of forms go by it.

1. The operator has set an origin: that is the place, whatever a request says of itself.
2. None was set: only names of this machine itself count, over plain HTTP, for development. A page of another site that
   has its own name point here (DNS rebinding) is refused, for its name is not one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from service.users.errors import ForgedForm, WrongPlace

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PREFIX: Final = "__Host-"
"""Browsers take a cookie of such a name only over HTTPS, from the host itself, for all of it (RFC 6265bis, 4.1.3.2)."""


@dataclass(frozen=True, slots=True)
class Place:
    """An origin.

    Args:
        origin: scheme, host and port, as browsers send it.
        host: what passkeys are bound to.
        secure: whether browsers speak HTTPS to it.
    """

    origin: str
    host: str
    secure: bool

    @classmethod
    def of_origin(cls, origin: str) -> Place:
        """Read an origin, such as https://desk.example.

        Raises:
            WrongPlace: it is none, or not over HTTPS and not this machine itself.
        """
        parts = urlsplit(origin)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}" or not host:
            raise WrongPlace("the origin of the desk is not of the form https://desk.example")
        if parts.scheme == "http" and host not in _LOOPBACK:
            raise WrongPlace("the desk is offered over HTTPS only, but for development on the machine itself")
        return cls(origin, host, parts.scheme == "https")

    @classmethod
    def of_request(cls, configured: str, unverified_host: str) -> Place:
        """Return the place that a request is for.

        Raises:
            WrongPlace: the operator has set none, and the request names another host than this machine.
        """
        return cls.of_origin(configured or f"http://{unverified_host}")

    def cookie(self, name: str) -> str:
        """Return the full name of a cookie."""
        return f"{_PREFIX}{name}" if self.secure else name

    def require_own_form(self, unverified_origin: str | None, unverified_site: str | None) -> None:
        """Check that a form was sent by a page of this place.

        Browsers say where a form comes from in `Origin` and `Sec-Fetch-Site`, which no page can set. `Origin` is `null`
        where a page lets nobody know where one comes from; then the other one must be there.

        Raises:
            ForgedForm: it comes from elsewhere, or nothing says from where.
        """
        if unverified_site is None and unverified_origin in (None, "null"):
            raise ForgedForm("nothing says which page this form was sent from")
        if unverified_site not in (None, "same-origin") or unverified_origin not in (None, "null", self.origin):
            raise ForgedForm("this form was sent from a page of another site")
