"""Client certificates that a trusted proxy passes on (RFC 9440).

1. The field is one byte sequence: a certificate in DER.
2. It is good today, whatever the proxy has checked.
3. Its key is registered. Who has issued it, and for what name, says nothing here: the register does.

What the caller still owes: that the field comes from a trusted proxy.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

import http_sf
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from service.machines.errors import CertificateRefused
from service.machines.keys import key_of


def keyid_of_certificate(field: str, now: datetime) -> str:
    """Return the id of the key in the certificate of a Client-Cert field, by rules 1 and 2.

    Raises:
        CertificateRefused: there is none, or it is not good now.
    """
    try:
        parsed = http_sf.parse(field.encode(), tltype="item")
        content = parsed[0] if isinstance(parsed, tuple) else None
        if not isinstance(content, bytes):
            raise CertificateRefused("the proxy passed on something else than a certificate")
        certificate = x509.load_der_x509_certificate(content)
        key = key_of(certificate)
    except (ValueError, UnsupportedAlgorithm):  # a StructuredFieldError is a ValueError
        raise CertificateRefused("the proxy passed on something else than a certificate") from None
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise CertificateRefused(f"the certificate is not good at {now:%Y-%m-%dT%H:%M:%SZ}")
    return sha256(key).hexdigest()
