"""The operator's own face model: one manifest entry in `models.toml`, see docs/models.md."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import ModelFileError
from models.score_calibration import ScoreCalibration
from models.weights.manifest import ModelFile

MANIFEST = "models.toml"


class Use(StrEnum):
    REPLACE = "replace"
    """The model stands alone; the built-in pair is not loaded."""
    ADD = "add"
    """The model is fused with the built-in pair."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How an aligned chip becomes the input of a network: `(value - mean) * scale`, value in 0..255, channel order.

    `alignment` names a landmark template of `models.face.align`; `size` is the side of the square chip in pixels.
    """

    alignment: str
    size: int
    channels: Literal["rgb", "bgr"]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class OperatorModel:
    """An operator's face model. `weight` is its share of the fused similarity, None where it replaces the pair."""

    file: ModelFile
    preparation: Preparation
    use: Use
    weight: float | None
    calibration: ScoreCalibration


def load_operator_model(folder: Path) -> OperatorModel | None:
    """Return the model of `folder/models.toml`, None where there is no such file.

    The file itself is not read here: `ModelStore` checks its hash.

    Raises:
        ModelFileError: the manifest cannot be read, or an entry is missing, unknown or out of range.
    """
    path = folder / MANIFEST
    try:
        unverified_manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}", hint=_HINT) from error
    try:
        return _Manifest.model_validate(unverified_manifest).face.to_model()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelFileError(f"{path}: {where or 'manifest'}: {first['msg']}", hint=_HINT) from error


_HINT = "Correct the manifest as docs/models.md describes, or move it away to use the built-in models."

_Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]
_Sentence = Annotated[str, Field(min_length=1, max_length=200)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Channels = tuple[_Finite, _Finite, _Finite]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Input(_Strict):
    size: Annotated[int, Field(ge=32, le=512)]
    channels: Literal["rgb", "bgr"]
    mean: _Channels
    scale: _Channels
    alignment: Literal["arcface-112", "dlib-150"]


class _Calibration(_Strict):
    source: _Sentence
    knots: tuple[tuple[_Finite, _Finite], ...]


class _Face(_Strict):
    name: _Word
    version: _Word
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.onnx$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    licence: _Sentence
    source: _Sentence
    embedding_length: Annotated[int, Field(ge=16, le=4096)]
    use: Use
    weight: Annotated[float, Field(gt=0, lt=1)] | None = None
    input: _Input
    calibration: _Calibration

    @model_validator(mode="after")
    def _weight_is_for_add(self) -> _Face:
        if (self.use is Use.ADD) != (self.weight is not None):
            raise ValueError('"weight" is needed with use = "add", and only there')
        self.score_calibration()
        return self

    def score_calibration(self) -> ScoreCalibration:
        return ScoreCalibration(knots=self.calibration.knots, source=self.calibration.source)

    def to_model(self) -> OperatorModel:
        size = self.input.size
        file = ModelFile(
            name=self.name,
            version=self.version,
            file=self.file,
            purpose=f"face embedding, {self.embedding_length} values, operator's own ({self.use.value})",
            licence=self.licence,
            source=self.source,
            sha256=self.sha256,
            input_shape=(1, 3, size, size),
            output_shape=(1, self.embedding_length),
        )
        preparation = Preparation(
            alignment=self.input.alignment,
            size=size,
            channels=self.input.channels,
            mean=self.input.mean,
            scale=self.input.scale,
        )
        return OperatorModel(file, preparation, self.use, self.weight, self.score_calibration())


class _Manifest(_Strict):
    face: _Face
