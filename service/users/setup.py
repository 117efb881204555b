"""What a new second factor is made from: one seed, from which the app's secret and the passkey's challenge follow.

So a page that shows them changes nothing, and shows the same when it is loaded again.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from typing import Final

_TOTP_SIZE: Final = 20  # bytes, as long as SHA-1's output (RFC 4226, 4)


@dataclass(frozen=True, slots=True)
class Setup:
    """A second factor on its way.

    Args:
        seed: 32 bytes that nobody can guess, and that are used for one setup.
    """

    seed: bytes = field(repr=False)

    @property
    def totp_secret(self) -> str:
        """For the authenticator app, in Base32."""
        return base64.b32encode(hmac.digest(self.seed, b"authenticator app", "sha256")[:_TOTP_SIZE]).decode()

    @property
    def challenge(self) -> bytes:
        """What a new passkey has to sign (32 bytes)."""
        return hmac.digest(self.seed, b"passkey challenge", "sha256")
