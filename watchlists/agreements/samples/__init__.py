"""Sample agreements between the sample partners XA and XB, as folders beside this file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

SAMPLES: Final = ("xa-national", "xa-xb", "xb-national")


def copy_samples(root: Path) -> tuple[Path, ...]:
    """Copy the sample agreements into `root`, one folder each; returns the folders.

    Raises:
        FileExistsError: `root` already holds one of them.
    """
    return tuple(_copy(name, root / name) for name in SAMPLES)


def _copy(name: str, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in (files(__package__) / name).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
