"""Rotation of keys, as the operator of a node orders it: written down with the deed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from service import audit
from service.audit import EventKind
from service.identity import Caller
from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock
from watchlists.changes import hold_log
from watchlists.database import wipe_deleted, writing
from watchlists.errors import RootKeyUnusable
from watchlists.rotation import OwnerKeyRotation, Rotated
from watchlists.schema import KEY_TABLES
from watchlists.sealing import FileRootKey
from watchlists.store import Store

ACTOR = "crosscheck key rotate"


def rotate_owner_key(
    store: Store, owner: str, progress: Callable[[int, int], None], clock: Callable[[], datetime] = system_clock
) -> Rotated:
    """Rotate the key of an owner, or finish a rotation that was broken off. The service may run meanwhile.

    Raises:
        UnknownPartner: there is no such owner.
        EntriesUnreadable: entries that do not open keep the old key alive.
    """

    def settle(connection: Connection, rotated: Rotated) -> None:
        counts = ("generation", "entries", "values", "lost")
        details = {name: value for name, value in asdict(rotated).items() if name in counts}
        actor = Caller(owner, Role.OPERATOR, ACTOR)
        audit.record(connection, EventKind.OWNER_KEY_ROTATED, actor, clock(), details)

    return OwnerKeyRotation(store.engine, store.keys, owner, settle, progress).run()


@dataclass(frozen=True, slots=True)
class RootChanged:
    """What a change of the root key did.

    Args:
        keys: of owners that were wrapped anew; 0 if that was done before, by a run that was broken off.
        installed: the file in the data folder that holds the new key now; None if the environment has to give it.
    """

    keys: int
    installed: str | None


def change_root_key(settings: Settings, new_key: Path, clock: Callable[[], datetime] = system_clock) -> RootChanged:
    """Wrap the keys of all owners by the root key in the file `new_key`, which is made if it is missing.

    The database changes in one transaction, and the data folder after it. Broken off in between, it is finished by the
    same call.

    Raises:
        RootKeyUnusable: the new root key is none, or the old one is not that of the database.
        RotationUnfinished: an owner's key is being rotated.
    """
    if new_key.exists() and settings.root_key_file.exists() and new_key.samefile(settings.root_key_file):
        raise RootKeyUnusable(f"{new_key} is the file of the present root key", hint="Name another file.")
    new = FileRootKey.load(new_key) if new_key.exists() else FileRootKey.create(new_key)
    keys = 0 if _is_of(settings, new) else _wrap_anew(open_store(settings), new, clock())
    if settings.root_key.get_secret_value():
        return RootChanged(keys, None)
    new.install(settings.root_key_file)
    return RootChanged(keys, str(settings.root_key_file))


def _is_of(settings: Settings, new: FileRootKey) -> bool:
    try:
        open_store(settings, root=new).engine.dispose()
    except RootKeyUnusable:
        return False
    return True


def _wrap_anew(store: Store, new: FileRootKey, now: datetime) -> int:
    with writing(store.engine) as connection:
        hold_log(connection)
        # First the event, then the deed: this process knows the keys under the old root key.
        audit.record(connection, EventKind.ROOT_KEY_CHANGED, Caller("", Role.OPERATOR, ACTOR), now, {})
        keys = store.keys.change_root(connection, new)
    wipe_deleted(store.engine, *KEY_TABLES)
    store.engine.dispose()
    return keys
