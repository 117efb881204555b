"""What a backup says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from watchlists.errors import BackupInvalid
from watchlists.files import sha256_of, write_whole

MANIFEST: Final = "manifest.json"
DATA: Final = "data.db"
AGREEMENTS: Final = "agreements"


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
        files: of the backup, by path in its folder, the manifest apart.
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


def files_in(folder: Path) -> dict[str, FileRecord]:
    """Return the files of a backup as they are."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): FileRecord(path.stat().st_size, sha256_of(path)) for path in found}
