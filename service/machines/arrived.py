"""The head of a request as it arrived: what an identity is read from, before one byte of the body is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from service.machines.errors import SignatureMalformed

HERE = "unix"
"""Stands for the address of whoever comes over a Unix socket."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request without its body.

    Args:
        method: in upper case.
        path: as sent, percent-encoded.
        query: as sent, without its question mark.
        fields: values of header fields by lower-case name, several of one name joined with commas (RFC 9110, 5.3).
        peer: address of whoever has opened the connection.
    """

    method: str
    path: str
    query: str
    fields: Mapping[str, str]
    peer: str

    @classmethod
    def of(cls, scope: Scope) -> Arrived:
        """Read the head of an ASGI request."""
        fields = dict[str, str]()
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip(" \t")
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        client = scope.get("client")
        raw_path = scope.get("raw_path") or scope["path"].encode()
        return cls(
            method=scope["method"],
            path=raw_path.decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            fields=fields,
            peer=client[0] if client else HERE,
        )

    @property
    def has_body(self) -> bool:
        """Whether a body may follow."""
        return self.fields.get("content-length", "0") != "0" or "transfer-encoding" in self.fields

    def component(self, name: str) -> str:
        """Return what RFC 9421 signs as the component of that name: a derived one, or a header field.

        `@scheme`, `@target-uri` and `@request-target` are not among them: behind a proxy nobody here knows how the
        request looked at its sender.

        Raises:
            SignatureMalformed: there is no such component, or its value has other characters than printable ASCII.
        """
        derived = {
            "@method": self.method,
            "@authority": self.fields.get("host", "").lower(),
            "@path": self.path or "/",
            "@query": f"?{self.query}",
        }
        value = derived.get(name) if name.startswith("@") else self.fields.get(name)
        if value is None:
            raise SignatureMalformed("the signature covers something that did not arrive, or cannot be verified here")
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise SignatureMalformed("a signed value has characters that are not printable ASCII")
        return value
