"""The key file of a backup: the keys of owners, wrapped by the root key. Without it a backup opens nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Base64Encoder, EncodedBytes, TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from watchlists.errors import BackupInvalid
from watchlists.files import write_whole
from watchlists.keys import OwnerKey, OwnerKeyRow, require_root
from watchlists.schema import owner_keys, root_key_checks
from watchlists.sealing import RootKey

_Bytes = Annotated[bytes, EncodedBytes(encoder=Base64Encoder)]


@dataclass(frozen=True, slots=True)
class _Row:
    owner: str
    generation: int
    wrapped_key: _Bytes
    sealed_digest_key: _Bytes | None
    fingerprint: _Bytes | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class _Form:
    format: Literal[1]
    made_at: datetime
    root_check: _Bytes
    keys: tuple[_Row, ...]


_FORM: Final = TypeAdapter(_Form)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The keys of owners at one moment.

    Args:
        made_at: when.
        root_check: opens under their root key alone.
        rows: of `owner_keys`.
    """

    made_at: datetime
    root_check: bytes = field(repr=False)
    rows: tuple[OwnerKeyRow, ...]

    @classmethod
    def of(cls, connection: Connection, now: datetime) -> KeyFile:
        """Return the keys of a database, as the transaction of `connection` sees them."""
        rows = connection.execute(select(owner_keys).order_by(owner_keys.c.owner, owner_keys.c.generation)).mappings()
        check = connection.execute(select(root_key_checks.c.sealed_check)).scalar_one()
        return cls(now, check, tuple(OwnerKeyRow(**row) for row in rows))

    @classmethod
    def load(cls, file: Path) -> KeyFile:
        """Read a key file.

        Raises:
            BackupInvalid: it is missing, damaged, or of a version that this one does not know.
        """
        try:
            form = _FORM.validate_json(file.read_bytes())
        except OSError as error:
            raise BackupInvalid(f"the key file {file} cannot be read ({type(error).__name__})") from None
        except ValidationError:
            raise BackupInvalid(f"{file} is no key file, is damaged, or of an unknown version") from None
        return cls(form.made_at, form.root_check, tuple(OwnerKeyRow(**asdict(row)) for row in form.keys))

    def save(self, file: Path) -> None:
        """Write it in place of what was there."""
        rows = tuple(_Row(**asdict(row)) for row in self.rows)
        write_whole(file, _FORM.dump_json(_Form(1, self.made_at, self.root_check, rows), indent=2))

    def unwrap(self, root: RootKey) -> dict[tuple[str, int], OwnerKey]:
        """Return the keys by owner and generation.

        Raises:
            RootKeyUnusable: they are wrapped by another root key.
            SealBroken: one was changed or moved.
        """
        require_root(root, self.root_check)
        return {(row.owner, row.generation): OwnerKey.from_row(root, row) for row in self.rows}


def newest_key(keys: Mapping[tuple[str, int], OwnerKey], owner: str) -> OwnerKey | None:
    """Return the newest key of an owner; None if there is none."""
    return max((key for key in keys.values() if key.owner == owner), key=lambda key: key.generation, default=None)
