"""Passkeys (WebAuthn): made by an authenticator for this desk, and asked for a signature at sign-in.

1. Only what answers our own challenge, made by a page of our origin and for our host, counts; the caller still owes
   that a challenge is answered once.
2. The authenticator has to verify its user (fingerprint, face, PIN): a key that was left in a socket signs nobody in.
3. It must be a key of the very user whose password was right.
4. Where it counts its signatures, the count must have grown; else it may have been copied, and is refused.

No attestation is asked for: which make a key is of is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import webauthn
from sqlalchemy import Connection, RowMapping, select
from webauthn.helpers import options_to_json, parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from service.user_schema import user_passkeys
from service.users.errors import PasskeyRefused
from service.users.names import UserId
from service.users.place import Place
from service.users.sessions import is_of
from watchlists.keys import KeyRing

LONGEST_LABEL: Final = 40
MOST: Final = 10
"""Of one user."""
_NAME: Final = "Crosscheck"
_LABEL: Final = "label of a passkey"
_VERIFIED: Final = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What an authenticator is asked to sign, and for which place."""

    challenge: bytes = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner finds it listed. `id` is that of the authenticator, in hexadecimal."""

    id: str
    label: str = field(repr=False)
    added_at: datetime
    used_at: datetime | None


class Passkeys:
    """Keeps passkeys, and checks what authenticators answer."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def of(self, connection: Connection, user: UserId) -> Sequence[Passkey]:
        """Return the passkeys of a user, the oldest first."""
        return [
            Passkey(row["credential"].hex(), self._label(connection, user, row), row["added_at"], row["used_at"])
            for row in _rows(connection, user)
        ]

    def options_to_make(self, connection: Connection, user: UserId, handle: bytes, ceremony: Ceremony) -> str:
        """Return what a browser needs to have a passkey made, as JSON."""
        options = webauthn.generate_registration_options(
            rp_id=ceremony.place.host,
            rp_name=_NAME,
            user_id=handle,
            user_name=str(user),
            challenge=ceremony.challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFIED
            ),
            exclude_credentials=_descriptors(connection, user),
        )
        return options_to_json(options)

    def add(
        self,
        connection: Connection,
        user: UserId,
        unverified_answer: str,
        label: str,
        ceremony: Ceremony,
        now: datetime,
    ) -> None:
        """Add the passkey that an authenticator has made, in the transaction of `connection`.

        Raises:
            PasskeyRefused: it is not an answer to this challenge, or the user has too many.
        """
        try:
            made = webauthn.verify_registration_response(
                credential=unverified_answer,
                expected_challenge=ceremony.challenge,
                expected_rp_id=ceremony.place.host,
                expected_origin=ceremony.place.origin,
                require_user_verification=True,
            )
        except Exception:  # noqa: BLE001 -- whatever the library makes of hostile bytes, they are refused
            raise PasskeyRefused("the passkey was not made for this page") from None
        same = select(user_passkeys.c.name).where(user_passkeys.c.credential == made.credential_id)
        if connection.execute(same).first() is not None or len(_rows(connection, user)) >= MOST:
            raise PasskeyRefused(f"this passkey is there already, or there are {MOST} of them")
        text = (label.strip() or "Passkey")[:LONGEST_LABEL]
        row = {
            "credential": made.credential_id,
            "partner": user.partner,
            "name": user.name,
            "public_key": made.credential_public_key,
            "counter": made.sign_count,
            "sealed_label": self._keys.seal_for(
                user.partner, _LABEL, text.encode(), made.credential_id.hex(), connection=connection
            ),
            "added_at": now,
        }
        connection.execute(user_passkeys.insert().values(row))

    def remove(self, connection: Connection, user: UserId, unverified_id: str) -> bool:
        """Remove a passkey of a user, in the transaction of `connection`; return whether there was one."""
        try:
            credential = bytes.fromhex(unverified_id)
        except ValueError:
            return False
        gone = user_passkeys.delete().where(*is_of(user_passkeys, user), user_passkeys.c.credential == credential)
        return connection.execute(gone).rowcount > 0

    def remove_all(self, connection: Connection, user: UserId) -> None:
        """Remove all passkeys of a user, in the transaction of `connection`."""
        connection.execute(user_passkeys.delete().where(*is_of(user_passkeys, user)))

    def options_to_ask(self, connection: Connection, user: UserId, ceremony: Ceremony) -> str | None:
        """Return what a browser needs to ask for a passkey of the user, as JSON; None if there is none."""
        allowed = _descriptors(connection, user)
        if not allowed:
            return None
        options = webauthn.generate_authentication_options(
            rp_id=ceremony.place.host,
            challenge=ceremony.challenge,
            allow_credentials=allowed,
            user_verification=_VERIFIED,
        )
        return options_to_json(options)

    def check(
        self,
        connection: Connection,
        user: UserId,
        unverified_answer: str,
        ceremony: Ceremony,
        now: datetime,
    ) -> None:
        """Check the answer of an authenticator, and note the count of its signatures.

        Raises:
            PasskeyRefused: it does not answer this challenge with a key of the user, or the key may have been copied.
        """
        mine = {row["credential"]: row for row in _rows(connection, user)}
        try:
            answer = parse_authentication_credential_json(unverified_answer)
            row = mine[answer.raw_id]
            checked = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=ceremony.challenge,
                expected_rp_id=ceremony.place.host,
                expected_origin=ceremony.place.origin,
                credential_public_key=row["public_key"],
                credential_current_sign_count=row["counter"],
                require_user_verification=True,
            )
        except Exception:  # noqa: BLE001 -- likewise, or it is no key of this user
            raise PasskeyRefused("this passkey does not sign you in") from None
        used = user_passkeys.update().where(user_passkeys.c.credential == checked.credential_id)
        connection.execute(used.values(counter=checked.new_sign_count, used_at=now))

    def _label(self, connection: Connection, user: UserId, row: RowMapping) -> str:
        sealed, parts = row["sealed_label"], row["credential"].hex()
        return self._keys.open_for(user.partner, _LABEL, sealed, parts, connection=connection).decode()


def _rows(connection: Connection, user: UserId) -> Sequence[RowMapping]:
    query = select(user_passkeys).where(*is_of(user_passkeys, user)).order_by(user_passkeys.c.added_at)
    return connection.execute(query).mappings().all()


def _descriptors(connection: Connection, user: UserId) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=row["credential"]) for row in _rows(connection, user)]
