"""Who is calling: bearer tokens bound to a partner, a role and a name.

A token is 32 random bytes; the database holds only its SHA-256, so a stolen database opens no door. (A slow hash would
add nothing: there is no guessing 256 random bits.)
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Engine, RowMapping, select

from models.errors import CrosscheckError, InvalidInput
from service import audit
from service.audit import EventKind
from service.roles import Role
from service.schema import tokens
from watchlists.database import writing
from watchlists.schema import partners

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CODE = re.compile(r"(?=.{1,64}\Z)[a-z0-9]+(-[a-z0-9]+)*")
"""Of a partner, a country or an authority, as agreements name it."""
ISSUER = "crosscheck token issue"
REVOKER = "crosscheck token revoke"
_CALLERS = select(tokens, partners.c.country).join(partners)
TOKEN_PREFIX = "xck_"  # noqa: S105 -- lets secret scanners recognise a leaked token


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. Everything it does is done in the name of its partner.

    Args:
        authority: of the partner, such as "border-guard"; "" for none in particular.
        country: code of the state that the partner acts for; where none is given, the partner's own.
    """

    partner: str
    role: Role
    name: str
    authority: str = ""
    country: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "country", self.country or self.partner)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    caller: Caller
    issued_at: datetime
    revoked_at: datetime | None


class Unauthenticated(CrosscheckError):
    slug = "unauthenticated"
    hint = "Sign the request with a registered key (docs/api.md); for development, `Authorization: Bearer <token>`."


class WrongRole(CrosscheckError):
    slug = "wrong-role"
    hint = "Use an identity of the role that this call is for."


class InvalidName(InvalidInput):
    slug = "invalid-name"
    hint = "Choose another name."


class UnknownToken(CrosscheckError):
    slug = "unknown-token"
    hint = "List the tokens with `crosscheck token list`."


class TokenNameTaken(CrosscheckError):
    slug = "token-name-taken"
    hint = "Choose another name, or revoke the token of that name first."


class TokenRegister:
    """Issues, revokes and recognises bearer tokens."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issue(self, caller: Caller, now: datetime) -> str:
        """Return a new token for `caller`; it is shown once and cannot be recovered.

        Raises:
            InvalidName: the name has other characters than letters, digits, dots, dashes and underscores, or the
                authority is no code.
            TokenNameTaken: a token of that name is in force.
        """
        if not NAME.fullmatch(caller.name):
            raise InvalidName("the name of a token is 1 to 64 letters, digits, dots, dashes and underscores")
        if caller.authority and not CODE.fullmatch(caller.authority):
            raise InvalidName("an authority is lower-case letters, digits and single dashes, as agreements name it")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        with writing(self._engine) as connection:
            taken = select(tokens.c.name).where(tokens.c.name == caller.name, tokens.c.revoked_at.is_(None))
            if connection.execute(taken).first():
                raise TokenNameTaken(f"a token named {caller.name} is in force")
            connection.execute(
                tokens.insert().values(
                    digest=_digest(token),
                    partner=caller.partner,
                    role=caller.role.value,
                    name=caller.name,
                    authority=caller.authority,
                    issued_at=now,
                )
            )
            details = {"role": caller.role.value, "name": caller.name, "authority": caller.authority}
            actor = replace(caller, role=Role.OPERATOR, name=ISSUER)
            audit.record(connection, EventKind.TOKEN_ISSUED, actor, now, details)
        return token

    def revoke(self, name: str, now: datetime) -> None:
        """Void the token of that name at once.

        Raises:
            UnknownToken: no token of that name is in force.
        """
        with writing(self._engine) as connection:
            in_force = tokens.c.name == name, tokens.c.revoked_at.is_(None)
            voided = tokens.update().where(*in_force).values(revoked_at=now).returning(tokens.c.partner)
            partner = connection.execute(voided).scalar_one_or_none()
            if partner is None:
                raise UnknownToken(f"no token named {name} is in force")
            actor = Caller(partner, Role.OPERATOR, REVOKER)
            audit.record(connection, EventKind.TOKEN_REVOKED, actor, now, {"name": name})

    def all(self) -> Sequence[TokenRecord]:
        with self._engine.connect() as connection:
            rows = connection.execute(_CALLERS.order_by(tokens.c.issued_at)).mappings().all()
        return [TokenRecord(_caller(row), row["issued_at"], row["revoked_at"]) for row in rows]

    def recognise(self, unverified_authorization: str | None) -> Caller:
        """Return the caller whose token the Authorization header carries.

        Raises:
            Unauthenticated: no header, another scheme, an unknown or a revoked token; it does not say which.
        """
        scheme, _, token = (unverified_authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            query = _CALLERS.where(tokens.c.digest == _digest(token.strip()), tokens.c.revoked_at.is_(None))
            with self._engine.connect() as connection:
                row = connection.execute(query).mappings().first()
            if row is not None:
                return _caller(row)
        raise Unauthenticated("no valid bearer token came with the request")


def require(caller: Caller, *roles: Role) -> Caller:
    """Return `caller` if it has one of `roles`.

    Raises:
        WrongRole: it has another.
    """
    if caller.role not in roles:
        wanted = " or ".join(roles)
        raise WrongRole(f"this call is for role {wanted}; the caller has role {caller.role}")
    return caller


def revoke_all(connection: Connection, now: datetime) -> int:
    """Revoke every token that is in force, in the transaction of `connection`; return how many there were."""
    return connection.execute(tokens.update().where(tokens.c.revoked_at.is_(None)).values(revoked_at=now)).rowcount


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _caller(row: RowMapping) -> Caller:
    return Caller(row["partner"], Role(row["role"]), row["name"], row["authority"], row["country"])
