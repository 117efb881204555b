"""How the numeric kernels are compiled by numba, and where the machine code is kept between runs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types
from numba.extending import intrinsic

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

CACHE_VARIABLE = "NUMBA_CACHE_DIR"
_PACKAGE = Path(__file__).parent
_FASTMATH = {
    "contract",
    "reassoc",
    "nsz",
    "arcp",
}  # not ninf, nnan: infinity is meant, and a crafted template may bring NaN
_folder: list[Path] = []  # the cache folder, once chosen


def use_cache_folder(folder: Path) -> None:
    """Keep machine code below `folder`. Takes effect only before the first kernel module is imported.

    The folder must be writable by this user alone: what lies in it is executed.
    """
    _folder[:] = [folder / _digest()]


def cache_folder() -> Path:
    """Return where machine code is kept.

    The folder of `use_cache_folder`, else `NUMBA_CACHE_DIR`, else beside the sources, else (read-only installation) a
    private temporary folder, which costs a compilation at every start.
    """
    if not _folder:
        base = os.environ.get(CACHE_VARIABLE)
        beside = _PACKAGE / "__pycache__"
        if base:
            use_cache_folder(Path(base))
        elif _writable(beside):
            use_cache_folder(beside)
        else:
            use_cache_folder(Path(tempfile.mkdtemp(prefix="crosscheck-kernels-")))
    return _folder[0]


def kernel(function: Kernel) -> Kernel:
    """Compile `function` on its first call, without the GIL, and keep the machine code on disk."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        compiled: Kernel = numba.njit(
            cache=True,
            nogil=True,
            boundscheck=False,
            error_model="numpy",
            fastmath=_FASTMATH,
        )(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


def _popcount(_context: object, _word: object) -> tuple[Any, Callable[..., Any]]:
    def generate(_context: object, builder: Any, _signature: object, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Callable[[Any], int] = intrinsic(_popcount)
"""Number of set bits of a uint64, as a uint64: one machine instruction. To be called in kernels only."""


def _digest() -> str:
    """Name of the kernels' own edition: numba looks at the time of one file only, and not at the kernels it calls."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(_PACKAGE.glob("*.py")):
        digest.update(source.read_bytes())
    return f"kernels-{digest.hexdigest()[:16]}"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
