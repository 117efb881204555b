"""Read dlib's serialised face network: the layers in the order in which they run, with their weights.

The format is that of dlib 19 (`dlib/serialize.h`, `dlib/dnn/core.h`, `dlib/dnn/layers.h`). Integers are a control byte
(low nibble: number of bytes, top bit: sign) and little-endian magnitude; floats are two integers, mantissa and binary
exponent; strings a length and bytes; tensors a version, four dimensions and raw float32. A network nests from its
output inwards, so the file opens with one version number a layer, from the last to the first (2 an ordinary layer,
1 a tag or a skip, 3 the first layer, which holds the input), followed by the layers themselves, from first to last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelFileError

_ORDINARY, _MARK, _INNERMOST = 2, 1, 3
_WINDOW_FIELDS = 6
_FILTER_FIELDS = 7
_LEARNING_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its dlib name without the version suffix, its integer parameters and its weights.

    `kind` is `con`, `affine`, `relu`, `add_prev`, `max_pool`, `avg_pool`, `fc`, or `mark` (a tag or a skip).
    `numbers` are (filters, rows, columns, stride y, stride x, padding y, padding x) of a convolution, (rows, columns,
    stride y, stride x, padding y, padding x) of a pooling window, (outputs, inputs) of a fully connected layer.
    `weights` is flat float32: filters then biases, gamma then beta, or the matrix (inputs, outputs).
    """

    kind: str
    numbers: tuple[int, ...]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """`mean` is the average red, green and blue (0..255) that the network subtracts before dividing by 256."""

    mean: tuple[float, float, float]
    rows: int
    columns: int
    layers: tuple[Layer, ...]


def read_network(serialised: bytes) -> Network:
    """Read a whole `anet_type` file, as `dlib_face_recognition_resnet_model_v1.dat`.

    Raises:
        ModelFileError: a tag, version or size is not what the format says, or bytes are left over.
    """
    cursor = _Cursor(serialised)
    cursor.expect("loss layer version", cursor.integer(), 1)
    cursor.expect("loss layer", cursor.string(), "loss_metric_2")
    cursor.reals(2)  # margin and distance threshold: of training alone
    versions = [cursor.integer()]
    while versions[-1] != _INNERMOST:
        if versions[-1] not in (_ORDINARY, _MARK):
            raise cursor.error(f"layer version {versions[-1]}")
        versions.append(cursor.integer())
    cursor.expect("input layer", cursor.string(), "input_rgb_image_sized")
    red, green, blue = cursor.reals(3)
    rows, columns = cursor.integers(2)
    layers = tuple(_read_layer(cursor, version) for version in reversed(versions))
    cursor.expect("end of file", cursor.position, len(serialised))
    return Network((red, green, blue), rows, columns, layers)


class _Cursor:
    def __init__(self, serialised: bytes) -> None:
        self._bytes = serialised
        self.position = 0

    def error(self, what: str) -> ModelFileError:
        return ModelFileError(
            f"the dlib network file is not as expected at byte {self.position}: {what}",
            hint="Reinstall the package face_recognition_models 0.3.0.",
        )

    def expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise self.error(f"{what} is {found!r}, not {wanted!r}")

    def take(self, length: int) -> bytes:
        taken = self._bytes[self.position : self.position + length]
        if len(taken) != length:
            raise self.error(f"{length} bytes wanted, {len(taken)} left")
        self.position += length
        return taken

    def integer(self) -> int:
        control = self.take(1)[0]
        magnitude = int.from_bytes(self.take(control & 0x0F), "little")
        return -magnitude if control & 0x80 else magnitude

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def reals(self, count: int) -> tuple[float, ...]:
        return tuple(math.ldexp(self.integer(), self.integer()) for _ in range(count))

    def string(self) -> str:
        return self.take(self.integer()).decode("latin-1")

    def flag(self) -> None:
        if self.take(1) not in (b"0", b"1"):
            raise self.error("a flag is neither 0 nor 1")

    def tensor(self) -> NDArray[np.float32]:
        self.expect("tensor version", self.integer(), 2)
        size = math.prod(self.integers(4))
        return np.frombuffer(self.take(4 * size), dtype="<f4").astype(np.float32)

    def aliases(self) -> None:
        """Two views into the weights; their shapes follow from the layer's own numbers."""
        for _ in range(2):
            self.expect("alias tensor version", self.integer(), 1)
            self.integers(4)


def _read_layer(cursor: _Cursor, version: int) -> Layer:
    nothing = np.empty(0, dtype=np.float32)
    if version == _MARK:
        return Layer("mark", (), nothing)
    layer = _read_details(cursor, nothing)
    for _ in range(3):
        cursor.flag()
    for _ in range(3):
        cursor.expect("size of a training tensor", cursor.tensor().size, 0)
    if version == _INNERMOST:
        cursor.expect("sample expansion factor", cursor.integer(), 1)
    return layer


def _read_details(cursor: _Cursor, nothing: NDArray[np.float32]) -> Layer:
    name = cursor.string()
    match name:
        case "relu_" | "add_prev_":
            return Layer(name.rstrip("_"), (), nothing)
        case "max_pool_2" | "avg_pool_2":
            return Layer(name.removesuffix("_2"), cursor.integers(_WINDOW_FIELDS), nothing)
        case "con_4":
            weights, numbers = cursor.tensor(), cursor.integers(_FILTER_FIELDS)
            cursor.aliases()
            cursor.reals(_LEARNING_FIELDS)
            return Layer("con", numbers, weights)
        case "affine_":
            weights = cursor.tensor()
            cursor.aliases()
            cursor.expect("affine mode", cursor.integer(), 0)  # one gamma and beta a channel
            return Layer("affine", (), weights)
        case "fc_2":
            numbers, weights = cursor.integers(2), cursor.tensor()
            cursor.aliases()
            cursor.expect("bias mode", cursor.integer(), 1)  # no bias
            cursor.reals(_LEARNING_FIELDS)
            return Layer("fc", numbers, weights)
        case _:
            raise cursor.error(f"unknown layer {name!r}")
