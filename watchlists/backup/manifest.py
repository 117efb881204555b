"""What a backup says of itself."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from watchlists.errors import BackupInvalid
from watchlists.files import sha256_of, write_whole
from watchlists.keys import OwnerKey
from watchlists.schema import NODE

MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.seal"
DATA: Final = "data.db"
AGREEMENTS: Final = "agreements"
_NOT_OURS: Final = "Use another backup, and find out who can write to this one: it may be forged."


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a backup: its size in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Args:
        made_at: when; all of the data is of one moment shortly after.
        schema: revision of the tables.
        last_sequence: of the change log.
        rows: how many there are in each table.
        generations: of the owners' keys that there were, in order.
        files: of the backup, by path in its folder, the manifest and its seal apart.
    """

    format: Literal[1]
    made_at: datetime
    schema: str
    last_sequence: int
    rows: dict[str, int]
    generations: dict[str, list[int]]
    files: dict[str, FileRecord]

    def write(self, folder: Path) -> None:
        write_whole(folder / MANIFEST, _FORM.dump_json(self, indent=2))


_FORM: Final = TypeAdapter(Manifest)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        BackupInvalid: there is none, or not one of this version.
    """
    try:
        return _FORM.validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise BackupInvalid(f"{folder} is no backup: {MANIFEST} cannot be read ({type(error).__name__})") from None
    except ValidationError:
        raise BackupInvalid(f"{folder / MANIFEST} is damaged, or of a version that this one does not know") from None


def seal(folder: Path, key: OwnerKey) -> None:
    """Seal what the manifest says, and with it all files, under the key of the node."""
    write_whole(folder / SEAL, _tag(folder, key).hex().encode())


def require_seal(folder: Path, key: OwnerKey | None) -> None:
    """Check that whoever wrote the manifest had the key of the node.

    Its key of digests stays what it is when it is rotated, or the root key is changed; so newer key files do as well.

    Raises:
        BackupInvalid: somebody else wrote it, or it is not sealed, or the key is not there.
    """
    if key is None:
        raise BackupInvalid(f"the key file has no key of {NODE}", hint="Use the key file of a backup of this node.")
    try:
        said = bytes.fromhex((folder / SEAL).read_text("ascii"))
    except (OSError, ValueError):
        raise BackupInvalid(f"{SEAL} is missing or damaged", hint=_NOT_OURS) from None
    if not hmac.compare_digest(said, _tag(folder, key)):
        raise BackupInvalid(f"{MANIFEST} was not written by this node, or was changed since", hint=_NOT_OURS)


def _tag(folder: Path, key: OwnerKey) -> bytes:
    return key.digest("backup manifest", (folder / MANIFEST).read_bytes())


def files_in(folder: Path) -> dict[str, FileRecord]:
    """Return the files of a backup as they are, but for the manifest and its seal."""
    own = {folder / MANIFEST, folder / SEAL}
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in own)
    return {path.relative_to(folder).as_posix(): FileRecord(path.stat().st_size, sha256_of(path)) for path in found}
