"""Which key stands for which machine: registered by the operator, two for each machine while they are changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, select

from service import audit
from service.audit import EventKind
from service.identity import CODE, NAME, Caller, InvalidName
from service.machine_schema import machine_keys
from service.machines.errors import KeyTaken, MachineExists, TooManyKeys, UnknownMachine
from service.machines.keys import PublicKey
from service.roles import Role
from watchlists.database import ReadyStatement, Row, writing
from watchlists.schema import partners

MOST_KEYS: Final = 2
ADDER, ROTATOR, REVOKER = (f"crosscheck terminal {command}" for command in ("add", "rotate", "revoke"))
_KEYS = select(machine_keys, partners.c.country).join(partners)
# Made once: to build a statement takes longer than to run it.
_IN_FORCE = ReadyStatement(
    _KEYS.where(
        machine_keys.c.keyid == bindparam("id"),
        machine_keys.c.kind == bindparam("of_kind"),
        machine_keys.c.revoked_at.is_(None),
    )
)


class KeyKind(StrEnum):
    """What a key is used for; one that signs requests is in no certificate."""

    SIGNATURE = "signature"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class MachineKey:
    """A key, and whom it stands for.

    Args:
        keyid: SHA-256 of the public key, in hexadecimal.
        public: the Ed25519 key (32 bytes), empty for the key of a certificate.
    """

    keyid: str
    kind: KeyKind
    public: bytes
    caller: Caller
    added_at: datetime
    revoked_at: datetime | None


class MachineRegister:
    """Adds, revokes and recognises the keys of machines."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, caller: Caller, kind: KeyKind, key: PublicKey, now: datetime) -> None:
        """Register a machine with its first key.

        Raises:
            InvalidName: its name or authority has other characters than allowed.
            MachineExists: a machine of that partner has that name and a key in force.
            KeyTaken: the key is or was that of some machine.
        """
        if not NAME.fullmatch(caller.name):
            raise InvalidName("the name of a machine is 1 to 64 letters, digits, dots, dashes and underscores")
        if caller.authority and not CODE.fullmatch(caller.authority):
            raise InvalidName("an authority is lower-case letters, digits and single dashes, as agreements name it")
        with writing(self._engine) as connection:
            if _in_force(connection, caller.partner, caller.name):
                raise MachineExists(f"{caller.partner} has a machine named {caller.name}")
            self._insert(connection, caller, kind, key, now, ADDER)

    def rotate(self, partner: str, name: str, kind: KeyKind, key: PublicKey, now: datetime) -> None:
        """Give a machine a second key; the first stays in force until it is revoked.

        Raises:
            UnknownMachine: the partner has no machine of that name with a key in force.
            TooManyKeys: it has two keys.
            KeyTaken: the key is or was that of some machine.
        """
        with writing(self._engine) as connection:
            known = _in_force(connection, partner, name)
            if not known:
                raise UnknownMachine(f"{partner} has no machine named {name}")
            if len(known) >= MOST_KEYS:
                raise TooManyKeys(f"{name} has {len(known)} keys in force")
            self._insert(connection, known[0].caller, kind, key, now, ROTATOR)

    def revoke(self, partner: str, name: str, keyid: str | None, now: datetime) -> int:
        """Void the keys of a machine at once, or the one of that id; return how many.

        Raises:
            UnknownMachine: there is no such key in force.
        """
        with writing(self._engine) as connection:
            voided = [key for key in _in_force(connection, partner, name) if keyid in (None, key.keyid)]
            if not voided:
                raise UnknownMachine(f"{partner} has no machine named {name} with such a key in force")
            for key in voided:
                of_key = machine_keys.c.keyid == key.keyid
                connection.execute(machine_keys.update().where(of_key).values(revoked_at=now))
                actor = Caller(partner, Role.OPERATOR, REVOKER)
                details = {"name": name, "keyid": key.keyid}
                audit.record(connection, EventKind.MACHINE_KEY_REVOKED, actor, now, details)
            return len(voided)

    def all(self) -> Sequence[MachineKey]:
        with self._engine.connect() as connection:
            rows = connection.execute(_KEYS.order_by(machine_keys.c.added_at)).mappings().all()
        return [_machine_key(row) for row in rows]

    def recognise(self, keyid: str, kind: KeyKind) -> MachineKey | None:
        """Return the key of that id if it is in force and of that kind."""
        rows = _IN_FORCE.look(self._engine, {"id": keyid, "of_kind": kind.value})
        return _machine_key(rows[0]) if rows else None

    def _insert(
        self, connection: Connection, caller: Caller, kind: KeyKind, key: PublicKey, now: datetime, by: str
    ) -> None:
        if connection.execute(select(machine_keys.c.keyid).where(machine_keys.c.keyid == key.keyid)).first():
            raise KeyTaken("this key is or was that of a machine")
        values = {
            "keyid": key.keyid,
            "kind": kind.value,
            "public": key.ed25519 if kind is KeyKind.SIGNATURE else b"",
            "partner": caller.partner,
            "role": caller.role.value,
            "name": caller.name,
            "authority": caller.authority,
            "added_at": now,
        }
        connection.execute(machine_keys.insert().values(values))
        named = ("kind", "role", "name", "authority", "keyid")
        actor = replace(caller, role=Role.OPERATOR, name=by)
        audit.record(connection, EventKind.MACHINE_KEY_ADDED, actor, now, {name: str(values[name]) for name in named})


def revoke_all_keys(connection: Connection, now: datetime) -> int:
    """Revoke every key that is in force, in the transaction of `connection`; return how many there were."""
    in_force = machine_keys.c.revoked_at.is_(None)
    return connection.execute(machine_keys.update().where(in_force).values(revoked_at=now)).rowcount


def _in_force(connection: Connection, partner: str, name: str) -> list[MachineKey]:
    of_machine = machine_keys.c.partner == partner, machine_keys.c.name == name, machine_keys.c.revoked_at.is_(None)
    return [_machine_key(row) for row in connection.execute(_KEYS.where(*of_machine)).mappings()]


def _machine_key(row: Row) -> MachineKey:
    caller = Caller(row["partner"], Role(row["role"]), row["name"], row["authority"], row["country"])
    kind = KeyKind(row["kind"])
    return MachineKey(row["keyid"], kind, row["public"], caller, row["added_at"], row["revoked_at"])
