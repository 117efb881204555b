"""Keys of machines, and the files they are kept in: PEM, as openssl makes and reads them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from service.machines.errors import KeyUnusable


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public key of a machine, as the subject public key info of X.509 in DER."""

    info: bytes
    ed25519: bytes = b""

    @property
    def keyid(self) -> str:
        """What it is called: its SHA-256, in hexadecimal."""
        return sha256(self.info).hexdigest()

    @classmethod
    def of(cls, key: Ed25519PublicKey) -> PublicKey:
        return cls(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key.public_bytes_raw())

    @classmethod
    def of_pem(cls, unverified_pem: bytes) -> PublicKey:
        """Read the Ed25519 key that signs requests.

        Raises:
            KeyUnusable: it is none.
        """
        try:
            key = load_pem_public_key(unverified_pem)
        except (ValueError, UnsupportedAlgorithm):
            raise KeyUnusable("this is no public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise KeyUnusable("this is no Ed25519 key")
        return cls.of(key)

    @classmethod
    def of_certificate(cls, unverified_pem: bytes) -> PublicKey:
        """Read the key of a certificate; a renewed certificate with the same key needs no new registration.

        Raises:
            KeyUnusable: it is no certificate.
        """
        try:
            return cls(key_of(x509.load_pem_x509_certificate(unverified_pem)))
        except (ValueError, UnsupportedAlgorithm):
            raise KeyUnusable("this is no certificate in PEM") from None


def key_of(certificate: x509.Certificate) -> bytes:
    """Return the subject public key info of a certificate, in DER."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def make_key_file(file: Path) -> PublicKey:
    """Make a key pair: the private key in `file`, which must be new and nobody else can read, the public in `file`.pub.

    Raises:
        FileExistsError: there is such a file.
    """
    key = Ed25519PrivateKey.generate()
    public = file.with_name(file.name + ".pub")
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for path, content, mode in (
        (file, secret, 0o600),
        (public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644),
    ):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content)
    return PublicKey.of(key.public_key())


def read_key_file(file: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        KeyUnusable: other users can read the file, or it holds no Ed25519 key.
    """
    if file.stat().st_mode & 0o077:
        raise KeyUnusable(f"{file} can be read by other users", hint=f"Run `chmod 600 {file}`; then make a new key.")
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable(f"{file} is no private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{file} is no Ed25519 key")
    return key
