"""Real portraits for the demo and the tests, from packages on the index; none is part of this project.

The source archive of face-recognition (MIT) carries press portraits of two people, scikit-image's data (public domain,
NASA) one of a third.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from models.errors import CrosscheckError

SOURCE = "face-recognition==1.3.0"
SOURCE_SHA256 = "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"
IMAGES = "face_recognition-1.3.0/tests/test_images/"
ENROLLED, PROBE, OTHER = "obama.jpg", "obama2.jpg", "biden.jpg"


class PortraitsUnavailable(CrosscheckError):
    slug = "portraits-unavailable"
    hint = "Run `make demo` in a checkout, with the package index within reach; afterwards the portraits are cached."


def cache_folder() -> Path:
    """Return the folder of what is fetched or built once and can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crosscheck"


def portraits() -> dict[str, bytes]:
    """Return image files by name: two of one person (`ENROLLED`, `PROBE`), one of another (`OTHER`), "astronaut.png".

    Raises:
        PortraitsUnavailable: the packages cannot be had.
    """
    folder = cache_folder() / "portraits"
    names = (ENROLLED, PROBE, OTHER)
    if not all((folder / name).exists() for name in names):
        _fetch(folder, names)
    found = {name: (folder / name).read_bytes() for name in names}
    return found | {"astronaut.png": _astronaut()}


def _astronaut() -> bytes:
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise PortraitsUnavailable("scikit-image is not installed")
    return (Path(package.origin).parent / "data" / "astronaut.png").read_bytes()


def _fetch(folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        archive = _download(Path(scratch))
        with tarfile.open(archive) as source:
            for name in names:
                member = source.extractfile(IMAGES + name)
                if member is None:
                    raise PortraitsUnavailable(f"{SOURCE} does not hold {name}")
                partial = folder / f".{name}.{os.getpid()}"
                partial.write_bytes(member.read())
                partial.replace(folder / name)


def _download(scratch: Path) -> Path:
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{SOURCE} --hash=sha256:{SOURCE_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    command += ["--no-build-isolation", "--require-hashes", "-r", str(requirements), "-d", str(scratch)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- fixed words
    archives = list(scratch.glob("face_recognition-*.tar.gz"))
    if result.returncode != 0 or len(archives) != 1:
        raise PortraitsUnavailable("the source archive of face-recognition could not be fetched")
    return archives[0]
