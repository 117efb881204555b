"""What is wrong with the identity that came with a request. Each says what to do, none what a right one would be."""

from __future__ import annotations

from datetime import datetime

from models.errors import CrosscheckError, InvalidInput


class SignatureMalformed(CrosscheckError):
    slug = "signature-malformed"
    hint = "Send Signature-Input and Signature as RFC 9421 has them, with one Ed25519 signature of tag crosscheck."


class SignatureIncomplete(CrosscheckError):
    """Something that has to be signed is not."""

    slug = "signature-incomplete"
    hint = "Sign everything that docs/api.md lists under `Signed requests`."


class ClockSkew(CrosscheckError):
    """The signature is of another time than now."""

    slug = "clock-skew"
    hint = "Set the clock of the machine, and sign each request just before it is sent."

    def __init__(self, detail: str, now: datetime) -> None:
        super().__init__(f"{detail}; here it is {now:%Y-%m-%dT%H:%M:%SZ}")


class UnknownKey(CrosscheckError):
    slug = "unknown-key"
    hint = "Have the operator register the key with `crosscheck terminal add`; a revoked one never comes back."


class SignatureWrong(CrosscheckError):
    slug = "signature-wrong"
    hint = "Sign with the key of that keyid, over the request as it arrives: no proxy may change what is signed."


class SignatureReplayed(CrosscheckError):
    slug = "signature-replayed"
    hint = "Sign every request anew, a repeated one too, each with a nonce of its own."


class OtherAuthority(CrosscheckError):
    slug = "other-authority"
    hint = "Call this node by one of the names in CROSSCHECK_AUTHORITY, and sign that name."


class DigestMalformed(CrosscheckError):
    slug = "digest-malformed"
    hint = "Send Content-Digest as RFC 9530 has it, with sha-256: `sha-256=:<base64>:`."


class DigestMismatch(InvalidInput):
    slug = "digest-mismatch"
    hint = "Send exactly the bytes that were signed, without any encoding in between."


class SeveralIdentities(CrosscheckError):
    slug = "several-identities"
    hint = "Send one of them: a signature, a certificate through the proxy, or a token."


class UntrustedProxy(CrosscheckError):
    """A header came that only a trusted proxy may send."""

    slug = "untrusted-proxy"
    hint = "Connect through the proxy; its operator lists it in CROSSCHECK_TRUSTED_PROXIES."


class CertificateRefused(CrosscheckError):
    slug = "certificate-refused"
    hint = "Have the operator register the certificate with `crosscheck terminal add --certificate`, or renew it."


class BearerRefused(CrosscheckError):
    slug = "bearer-refused"
    hint = "Sign requests (`crosscheck terminal key`), or come with a certificate; tokens are for development."


class KeyUnusable(CrosscheckError):
    slug = "key-unusable"
    hint = "Make one with `crosscheck terminal key FILE`, and register FILE.pub."


class KeyTaken(CrosscheckError):
    slug = "key-taken"
    hint = "Make a new key with `crosscheck terminal key FILE`: each machine has its own, and none comes back."


class MachineExists(CrosscheckError):
    slug = "machine-exists"
    hint = "Give it a second key with `crosscheck terminal rotate`, or choose another name."


class TooManyKeys(CrosscheckError):
    slug = "too-many-keys"
    hint = "Revoke one with `crosscheck terminal revoke --keyid` first: a machine has two keys at most."


class UnknownMachine(CrosscheckError):
    slug = "unknown-machine"
    hint = "List them with `crosscheck terminal list`."


STATUS_BY_SLUG = {
    error.slug: status
    for status, errors in {
        400: (SeveralIdentities, DigestMalformed, DigestMismatch),
        401: (
            SignatureMalformed,
            SignatureIncomplete,
            ClockSkew,
            UnknownKey,
            SignatureWrong,
            SignatureReplayed,
            CertificateRefused,
            BearerRefused,
        ),
        403: (UntrustedProxy,),
        421: (OtherAuthority,),
    }.items()
    for error in errors
}
