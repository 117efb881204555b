"""Signed requests: HTTP Message Signatures (RFC 9421), one profile of them, strictly.

1. Exactly one signature with the tag `crosscheck` is looked at; others, of proxies perhaps, are not ours to judge.
2. The algorithm is Ed25519, whatever the request says; if it names one, it has to be that.
3. Method, authority, path and query are signed. With a body, its type and its digest (RFC 9530, sha-256) too.
4. Every covered component is one that we read the same way as the signer: none with parameters, each once.
5. `created` is at most 60 seconds ago and 30 ahead; `expires`, if there is one, has not passed.
6. `nonce` is there: whoever accepts the request owes that it is spent.
7. The signature is that of the key with that `keyid`, over the canonical form of what it says it covers.

What the caller still owes: the key by its id, the nonce, and that the body has the digest, before anything reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import http_sf
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.machines.arrived import Arrived
from service.machines.digests import body_digest
from service.machines.errors import ClockSkew, SignatureIncomplete, SignatureMalformed, SignatureWrong

TAG: Final = "crosscheck"
ALGORITHM: Final = "ed25519"
ALWAYS: Final = ("@method", "@authority", "@path", "@query")
WITH_BODY: Final = ("content-type", "content-digest")
GOOD_FOR: Final = timedelta(seconds=60)
SKEW: Final = timedelta(seconds=30)
_NONCE_LENGTHS: Final = range(16, 129)
_MOST_COMPONENTS: Final = 16
_TEXTS: Final = ("keyid", "nonce", "tag", "alg")
_NUMBERS: Final = ("created", "expires")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of now, over all that it has to cover; not yet compared with a key.

    Args:
        base: what is signed (RFC 9421, section 2.5).
        body_digest: SHA-256 that the body must have; None if there must be no body.
    """

    keyid: str
    nonce: str
    created: datetime
    base: bytes
    signature: bytes
    body_digest: bytes | None

    @property
    def last_moment(self) -> datetime:
        """When no clock that is right within `SKEW` takes this signature for one of now any more."""
        return self.created + GOOD_FOR + SKEW


def read_signature(unverified: Arrived, now: datetime) -> Signature:
    """Return the signature of a request, by rules 1 to 6.

    Raises:
        SignatureMalformed: it is not what RFC 9421 says, or of another kind.
        SignatureIncomplete: it does not cover everything, or a parameter is missing.
        ClockSkew: it is of another time.
        DigestMalformed: the digest of the body is none.
    """
    label, components, parameters = _ours(_dictionary(unverified, "signature-input"))
    named = {name for name, _ in components}
    needed = (*ALWAYS, *(WITH_BODY if unverified.has_body else ()))
    if missing := [name for name in needed if name not in named]:
        raise SignatureIncomplete(f"not signed: {', '.join(missing)}")
    if missing := [name for name in ("created", "keyid", "nonce") if name not in parameters]:
        raise SignatureIncomplete(f"parameters of the signature that are missing: {', '.join(missing)}")
    if len(parameters["nonce"]) not in _NONCE_LENGTHS:
        raise SignatureMalformed("a nonce has 16 to 128 characters")
    return Signature(
        keyid=parameters["keyid"],
        nonce=parameters["nonce"],
        created=_of_now(parameters, now),
        base=signature_base(unverified, components, parameters),
        signature=_signature_bytes(unverified, label),
        body_digest=body_digest(unverified.fields["content-digest"]) if "content-digest" in named else None,
    )


def require_key(signature: Signature, public: bytes) -> None:
    """Check rule 7: that the owner of an Ed25519 key has signed.

    Raises:
        SignatureWrong: it has not.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature.signature, signature.base)
    except InvalidSignature:
        raise SignatureWrong("the signature is not that of the key over this request") from None


def signature_base(arrived: Arrived, components: Sequence[tuple[Any, Any]], parameters: Any) -> bytes:
    """Return the bytes that are signed (RFC 9421, section 2.5)."""
    lines = [f'"{name}": {arrived.component(name)}' for name, _ in components]
    lines.append(f'"@signature-params": {input_of(components, parameters)}')
    return "\n".join(lines).encode()


def input_of(components: Sequence[tuple[Any, Any]], parameters: Any) -> str:
    """Return the one form of what a signature says that it covers."""
    member: Any = (list(components), parameters)
    return http_sf.ser({"s": member}).removeprefix("s=")


def _dictionary(unverified: Arrived, field: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    repeated = list[str]()
    try:
        parsed = http_sf.parse(
            unverified.fields.get(field, "").encode(),
            tltype="dictionary",
            on_duplicate_key=lambda key, _context: repeated.append(key),
        )
    except (http_sf.StructuredFieldError, ValueError):
        raise SignatureMalformed(f"{field} is no structured field") from None
    if repeated or not isinstance(parsed, dict):
        raise SignatureMalformed(f"{field} names something twice")
    return cast("dict[str, tuple[Any, dict[str, Any]]]", parsed)


def _ours(inputs: dict[str, tuple[Any, dict[str, Any]]]) -> tuple[str, list[tuple[Any, Any]], dict[str, Any]]:
    """Return label, components and parameters of the one signature with our tag."""
    tagged = [label for label, (_, parameters) in inputs.items() if parameters.get("tag") == TAG]
    if len(tagged) != 1:
        raise SignatureMalformed(f"{len(tagged)} signatures have the tag {TAG}; one must")
    components, parameters = inputs[tagged[0]]
    _require_readable(components)
    for names, kind in ((_TEXTS, str), (_NUMBERS, int)):
        if any(name in parameters and type(parameters[name]) is not kind for name in names):
            raise SignatureMalformed("a parameter of the signature is of another type")
    if parameters.keys() - {*_TEXTS, *_NUMBERS}:
        raise SignatureMalformed("the signature has parameters that RFC 9421 does not know")
    if parameters.get("alg", ALGORITHM) != ALGORITHM:
        raise SignatureMalformed(f"the algorithm is {ALGORITHM}, and no other")
    return tagged[0], components, parameters


def _require_readable(components: Any) -> None:
    if not isinstance(components, list) or len(components) > _MOST_COMPONENTS:
        raise SignatureMalformed("the covered components are no list, or too many")
    if not all(type(name) is str and name == name.lower() and not parameters for name, parameters in components):
        raise SignatureMalformed("covered components are lower-case names without parameters")
    if len({name for name, _ in components}) != len(components):
        raise SignatureMalformed("a component is covered twice")


def _of_now(parameters: dict[str, Any], now: datetime) -> datetime:
    try:
        created = datetime.fromtimestamp(parameters["created"], now.tzinfo)
        expires = datetime.fromtimestamp(parameters.get("expires", parameters["created"]), now.tzinfo)
    except (OverflowError, ValueError, OSError):
        raise SignatureMalformed("a moment of the signature is out of range") from None
    if created > now + SKEW:
        raise ClockSkew("the signature was made in the future", now)
    if created < now - GOOD_FOR:
        raise ClockSkew(f"the signature was made more than {GOOD_FOR.seconds} seconds ago", now)
    if "expires" in parameters and expires < now:
        raise ClockSkew("the signature has expired", now)
    return created


def _signature_bytes(unverified: Arrived, label: str) -> bytes:
    member, _ = _dictionary(unverified, "signature").get(label, (None, None))
    if not isinstance(member, bytes):
        raise SignatureMalformed("there is no signature of that label")
    return member
