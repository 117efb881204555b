"""An authenticator in software: real keys, real "none" attestations and signatures (WebAuthn Level 2, 6 and 7)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey of one user. What a thief or a broken one would do is said by the arguments."""

    def __init__(self, origin: str, host: str, *, counts: bool = True) -> None:
        self.origin = origin
        self.host = host
        self.counter = 0
        self._counts = counts
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = secrets.token_bytes(32)

    def make(self, options: str, *, verified: bool = True, origin: str = "", host: str = "") -> str:
        """What the browser answers when a passkey is to be made."""
        numbers = self._key.public_key().public_numbers()
        point = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        public = cbor2.dumps({1: 2, 3: -7, -1: 1} | point)
        attested = bytes(16) + struct.pack(">H", len(self._id)) + self._id + public
        data = self._data(host, ATTESTED | (VERIFIED if verified else 0)) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, origin)
        return self._answer({"clientDataJSON": text_of(client), "attestationObject": text_of(attestation)})

    def sign(self, options: str, *, verified: bool = True, origin: str = "", host: str = "") -> str:
        """What the browser answers when it is asked for this passkey."""
        self.counter += self._counts
        data = self._data(host, VERIFIED if verified else 0)
        client = self._client("webauthn.get", options, origin)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "clientDataJSON": text_of(client),
                "authenticatorData": text_of(data),
                "signature": text_of(signature),
            }
        )

    def _data(self, host: str, flags: int) -> bytes:
        rp = hashlib.sha256((host or self.host).encode()).digest()
        return rp + bytes([PRESENT | flags]) + struct.pack(">I", self.counter)

    def _client(self, kind: str, options: str, origin: str) -> bytes:
        challenge = json.loads(options)["challenge"]
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin or self.origin}).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        named = text_of(self._id)
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response})


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
