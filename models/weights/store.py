"""The models folder: built once from the installed packages, verified whenever it is read."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import ModelFileError
from models.weights.manifest import BUILT_IN, DLIB, SOURCES, ModelFile
from models.weights.operator import OperatorModel, load_operator_model

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all work that is finished, 0..1."""


class ModelStore:
    """The model files of one folder: the built-in ones, and the operator's own where `models.toml` names it.

    Raises:
        ModelFileError: `models.toml` is there but cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.operator_model: OperatorModel | None = load_operator_model(folder)
        own = (self.operator_model.file,) if self.operator_model else ()
        if own and own[0].name in {file.name for file in BUILT_IN}:
            raise ModelFileError(
                f"models.toml names its model {own[0].name!r}, as a built-in model is named",
                hint="Choose another name for the model in models.toml.",
            )
        self._files: dict[str, ModelFile] = {file.name: file for file in (*BUILT_IN, *own)}

    def entries(self) -> tuple[ModelFile, ...]:
        """Return every model file of the folder, built-in ones first."""
        return tuple(self._files.values())

    def path(self, name: str) -> Path:
        """Return where the file of a model lies; it need not exist yet.

        Raises:
            KeyError: there is no model of that name.
        """
        return self.folder / self._files[name].file

    def prepare(self, progress: Progress) -> None:
        """Build what is missing or damaged, then verify everything. Calling it again is cheap and changes nothing.

        Files appear whole or not at all; several processes may prepare one folder at once, all but one then wait.

        Raises:
            ModelFileError: a source package or file is missing or not the one expected, or an operator's file is wrong.
            OSError: the folder cannot be written.
        """
        if not all(self._is_intact(file) for file in BUILT_IN):  # a sound folder may be read-only, as in an image
            self._build_missing(progress)
        progress("verifying", len(BUILT_IN) / (len(BUILT_IN) + 1))
        self.verify()
        progress("ready", 1.0)

    def _build_missing(self, progress: Progress) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(self.folder / ".lock"):
            for number, file in enumerate(BUILT_IN):
                progress(f"preparing {file.name}", number / (len(BUILT_IN) + 1))
                if not self._is_intact(file):
                    _write_whole(self.folder / file.file, _build(file))

    def verify(self) -> None:
        """Hash every file of the folder.

        Raises:
            ModelFileError: a file is missing, cannot be read, or is not the one that the manifest names.
        """
        for name in self._files:
            self.read(name)

    def read(self, name: str) -> bytes:
        """Return the verified content of a model file: what was hashed is what gets loaded.

        Raises:
            KeyError: there is no model of that name.
            ModelFileError: the file is missing, cannot be read, or is not the one that the manifest names.
        """
        file = self._files[name]
        path = self.path(name)
        hint = _built_in_hint(path) if file in BUILT_IN else _operator_hint(path)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise ModelFileError(f"model file {path} is missing", hint=hint) from error
        except OSError as error:
            raise ModelFileError(f"model file {path} cannot be read: {error.strerror}", hint=hint) from error
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise ModelFileError(f"model file {path} has SHA-256 {found}, not {file.sha256}", hint=hint)
        return content

    def _is_intact(self, file: ModelFile) -> bool:
        try:
            self.read(file.name)
        except ModelFileError:
            return False
        return True


def _built_in_hint(path: Path) -> str:
    return f"Run `crosscheck models prepare`; it builds {path.name} again from the installed packages."


def _operator_hint(path: Path) -> str:
    return f"Put the right {path.name} there, or, if the file was changed on purpose, correct sha256 in models.toml."


def _build(file: ModelFile) -> bytes:
    built = _builder(file)(_read_source(file))
    found = hashlib.sha256(built).hexdigest()
    if found != file.sha256:
        raise ModelFileError(
            f"{file.file} was built with SHA-256 {found}, not {file.sha256}",
            hint="Another version of onnx or protobuf writes files differently; install the locked ones (uv sync).",
        )
    return built


def _builder(file: ModelFile) -> Callable[[bytes], bytes]:
    """Return what makes a model file from its source; imported here, as only preparing needs the package onnx."""
    from models.weights.dequantise import dequantise
    from models.weights.dlib_export import export_dlib

    return export_dlib if file.name == DLIB.name else dequantise


def _read_source(file: ModelFile) -> bytes:
    """Read a published file out of an installed package without importing the package."""
    source = SOURCES[file.name]
    hint = f"Reinstall the package {source.package} in the locked version (uv sync)."
    spec = importlib.util.find_spec(source.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelFileError(f"the package {source.package}, which holds {source.path}, is not installed", hint=hint)
    path = Path(spec.submodule_search_locations[0]) / source.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise ModelFileError(f"{path} has SHA-256 {found}, not {source.sha256}", hint=hint)
    return content


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a power cut, finds all of it or none."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold an advisory lock on a file; the system frees it if the process dies."""
    with path.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
