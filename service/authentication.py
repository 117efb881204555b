"""Who is calling: the ways in which a machine can say so, in order.

1. A signature over the request (RFC 9421): the way for terminals, and for everybody else.
2. A certificate that a trusted proxy passes on (RFC 9440).
3. A bearer token: for development. Whoever sees one has it, so one that came over a network is refused, unless
   `CROSSCHECK_BEARER_TOKENS` says otherwise.
4. Whoever comes with several is refused: no one of them may be passed off as another.

What the caller still owes: that the body has the digest that was signed, before anything reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from service.identity import Caller, TokenRegister, Unauthenticated
from service.machines.arrived import Arrived
from service.machines.certificates import keyid_of_certificate
from service.machines.errors import BearerRefused, CertificateRefused, OtherAuthority, SeveralIdentities, UnknownKey
from service.machines.nonces import SpentNonces
from service.machines.proxies import TrustedProxies, is_local
from service.machines.register import KeyKind, MachineKey, MachineRegister
from service.machines.signatures import read_signature, require_key
from service.settings import BearerTokens, Settings


@dataclass(frozen=True, slots=True)
class Recognised:
    """An authenticated caller.

    Args:
        arrived: the head of its request.
        keyid: of the key that has signed; "" if nothing was signed.
        body_digest: the SHA-256 that a signed request's body must have; None if there must be no body, or if nothing
            was signed.
    """

    caller: Caller
    arrived: Arrived
    keyid: str = ""
    body_digest: bytes | None = None

    @property
    def signed(self) -> bool:
        """Whether the body is bound to the caller by its digest."""
        return bool(self.keyid)


@dataclass(frozen=True, slots=True)
class Authentication:
    """Recognises callers. `names` are those by which this node is called; none: any."""

    tokens: TokenRegister
    machines: MachineRegister
    nonces: SpentNonces
    proxies: TrustedProxies
    bearer: BearerTokens
    names: frozenset[str]
    clock: Callable[[], datetime]

    def recognise(self, unverified: Arrived) -> Recognised:
        """Return who has sent a request.

        Raises:
            CrosscheckError: it is not said, or not proved; the error says what to do.
        """
        certificate = self.proxies.certificate_field(unverified)
        signed, token = "signature-input" in unverified.fields, unverified.fields.get("authorization")
        if signed + (certificate is not None) + (token is not None) > 1:
            raise SeveralIdentities("several identities came with the request")
        if signed:
            return self._signer(unverified)
        if certificate is not None:
            return self._holder(unverified, certificate)
        if token is not None:
            return self._bearer(unverified, token)
        raise Unauthenticated("no signature, certificate or token came with the request")

    def still(self, recognised: Recognised) -> Caller:
        """Return who has sent a request that is still being worked on.

        Raises:
            CrosscheckError: its key or token was revoked meanwhile.
        """
        if recognised.signed:  # its nonce is spent, and its time may have passed
            return self._key(recognised.keyid).caller
        return self.recognise(recognised.arrived).caller

    def _signer(self, unverified: Arrived) -> Recognised:
        signature = read_signature(unverified, self.clock())
        if self.names and unverified.component("@authority") not in self.names:
            raise OtherAuthority("the request is signed for another node")
        key = self._key(signature.keyid)
        require_key(signature, key.public)
        self.nonces.spend(signature)
        return Recognised(key.caller, unverified, key.keyid, signature.body_digest)

    def _key(self, keyid: str) -> MachineKey:
        key = self.machines.recognise(keyid, KeyKind.SIGNATURE)
        if key is None:
            raise UnknownKey("no key of that keyid is in force")
        return key

    def _holder(self, unverified: Arrived, certificate: str) -> Recognised:
        key = self.machines.recognise(keyid_of_certificate(certificate, self.clock()), KeyKind.CERTIFICATE)
        if key is None:
            raise CertificateRefused("no certificate with that key is registered")
        return Recognised(key.caller, unverified)

    def _bearer(self, unverified: Arrived, token: str) -> Recognised:
        allowed = self.bearer is BearerTokens.INSECURE_ANYWHERE or (
            self.bearer is BearerTokens.LOCAL and is_local(unverified)
        )
        if not allowed:
            raise BearerRefused("bearer tokens are not accepted from there")
        return Recognised(self.tokens.recognise(token), unverified)


def make_authentication(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Authentication:
    """Put it together.

    Raises:
        ProxiesInvalid: CROSSCHECK_TRUSTED_PROXIES cannot be read.
    """
    return Authentication(
        tokens=TokenRegister(engine),
        machines=MachineRegister(engine),
        nonces=SpentNonces(engine),
        proxies=TrustedProxies.of(settings.trusted_proxies),
        bearer=settings.bearer_tokens,
        names=frozenset(name.strip().lower() for name in settings.authority.split(",") if name.strip()),
        clock=clock,
    )
