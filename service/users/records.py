"""Users as the database has them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, Select, func, select

from service.roles import Role
from service.user_schema import user_passkeys, users
from service.users.errors import UnknownUser
from service.users.names import UserId
from service.users.sessions import is_of
from service.users.user import State, User, in_order
from watchlists.schema import partners

_PASSKEYS = (
    select(func.count())
    .select_from(user_passkeys)
    .where(user_passkeys.c.partner == users.c.partner, user_passkeys.c.name == users.c.name)
    .scalar_subquery()
)
_USERS = select(users, partners.c.country, _PASSKEYS.label("passkeys")).join(partners)


def row_of(connection: Connection, user: UserId) -> RowMapping | None:
    """Return everything that is kept of a user, sealed as it is; None if there is none."""
    return connection.execute(_USERS.where(*is_of(users, user))).mappings().first()


def require_user(connection: Connection, user: UserId) -> User:
    """Return a user.

    Raises:
        UnknownUser: there is none of that name.
    """
    row = row_of(connection, user)
    if row is None:
        raise UnknownUser(f"there is no user {user}")
    return user_of(row)


def all_users(connection: Connection, partner: str | None) -> Sequence[User]:
    """Return the users of a partner, or of all, by name."""
    query: Select[tuple[object]] = _USERS.order_by(users.c.partner, users.c.name)
    if partner is not None:
        query = query.where(users.c.partner == partner)
    return [user_of(row) for row in connection.execute(query).mappings()]


def user_of(row: RowMapping) -> User:
    """Return the user of a row of `row_of`."""
    return User(
        id=UserId(row["partner"], row["name"]),
        roles=in_order(frozenset(Role(role) for role in row["roles"])),
        authority=row["authority"],
        country=row["country"],
        state=State(row["state"]),
        has_totp=row["sealed_totp"] is not None,
        passkeys=row["passkeys"],
        added_at=row["added_at"],
        invited_until=row["invited_until"],
    )


def change(connection: Connection, user: UserId, **values: object) -> None:
    """Change columns of a user, in the transaction of `connection`."""
    connection.execute(users.update().where(*is_of(users, user)).values(**values))
