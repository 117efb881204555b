"""Codes of authenticator apps: TOTP (RFC 6238), 6 digits, 30 seconds, SHA-1, as every app has them.

1. The code of the present step counts, and those of the steps before and after it: clocks and hands are not exact
   (RFC 6238, 5.2).
2. A code counts once: of a step that was used, or of an earlier one, none is taken any more. The step is written down
   by one statement, so that of two processes that are shown the same code only one accepts it.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

import pyotp
import segno
from sqlalchemy import Connection, or_

from service.user_schema import users
from service.users.errors import CodeRefused
from service.users.names import UserId
from service.users.records import change
from service.users.sessions import is_of
from watchlists.keys import KeyRing

STEP_SECONDS: Final = 30
ISSUER: Final = "Crosscheck"
_PURPOSE: Final = "authenticator app"


def matching_step(secret: str, unverified_code: str, now: datetime) -> int | None:
    """Return the time step that a code is of; None if it is of none that counts now."""
    code = "".join(unverified_code.split()).encode()
    present = int(now.timestamp()) // STEP_SECONDS
    app = pyotp.TOTP(secret, interval=STEP_SECONDS)
    steps = [step for step in (present - 1, present, present + 1) if _is(app.generate_otp(step), code)]
    return max(steps, default=None)


def take_step(connection: Connection, user: UserId, step: int) -> bool:
    """Use up a time step of a user, in the transaction of `connection`; False if it was used up before."""
    unused = or_(users.c.totp_step.is_(None), users.c.totp_step < step)
    taken = users.update().where(*is_of(users, user), unused).values(totp_step=step)
    return connection.execute(taken).rowcount == 1


def set_up(
    keys: KeyRing, connection: Connection, user: UserId, secret: str, unverified_code: str, now: datetime
) -> None:
    """Store the secret of an app that shows it by its first code, which is used up, in the transaction of `connection`.

    Raises:
        CodeRefused: it is not a code of that app.
    """
    step = matching_step(secret, unverified_code, now)
    if step is None:
        raise CodeRefused
    sealed = keys.seal_for(user.partner, _PURPOSE, secret.encode(), user.name, connection=connection)
    change(connection, user, sealed_totp=sealed, totp_step=step)


def open_secret(keys: KeyRing, connection: Connection, user: UserId, sealed: bytes) -> str:
    """Return the secret that was sealed.

    Raises:
        SealBroken: it was changed, or is another user's.
    """
    return keys.open_for(user.partner, _PURPOSE, sealed, user.name, connection=connection).decode()


def address_of(secret: str, user: UserId) -> str:
    """Return what an app reads from the picture (the `otpauth` scheme)."""
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=str(user), issuer_name=ISSUER)


def picture_of(address: str) -> str:
    """Return a QR code as SVG to stand in a page: dark on light whatever colours the page has, and no style in it."""
    drawn: str = segno.make(address, error="m", micro=False).svg_inline(scale=5, border=4, dark="#000", light="#fff")
    return drawn


def _is(code: str, entered: bytes) -> bool:
    return hmac.compare_digest(code.encode(), entered)
