"""A vector of fixed length for each impression: alike for impressions of one finger, wherever and however it lay.

A small transformer over the minutiae, trained on generated fingers (`tools/train_finger_vector.py`). All it sees
are poses of minutiae relative to each other, so neither shift nor rotation changes anything but the rounding.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.minutiae import Minutiae

LENGTH = 96
"""Values of a vector, a byte each."""
STEPS = 256.0
"""Steps of a stored value for the length of the vector: a cosine times this squared is a dot product of bytes."""
LAYERS, HEADS, POOLS = 4, 8, 8
"""Shape of the network, as it was trained."""
PERIODS = (600.0, 300.0, 150.0, 75.0, 40.0)
"""Pixels in which the coordinates of one minutia, seen from another, come round in the waves that describe them."""
_WEIGHTS = Path(__file__).with_name("vector.npz")

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]


def vector_of(minutiae: Minutiae) -> Bytes:
    """Return the vector (96,) of an impression, on one thread; zeros if there are fewer than three minutiae."""
    if len(minutiae) < 3:
        return np.zeros(LENGTH, np.int8)
    values = _network().run(relative_poses(minutiae))
    rounded = np.rint(values * (STEPS / max(float(np.linalg.norm(values)), 1e-6)))
    return np.asarray(np.clip(rounded, -127, 127), np.int8)


def relative_poses(minutiae: Minutiae) -> Floats:
    """Describe each minutia as each other sees it (n, n, 29): seen from the first index, the second.

    Waves of its place forward and to the left, of its direction, and its distance.
    """
    x, y, angle = minutiae.xy[:, 0], -minutiae.xy[:, 1], minutiae.angle
    dx, dy, turn = (values[None, :] - values[:, None] for values in (x, y, angle))
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    frequencies = 2 * np.pi / np.array(PERIODS, np.float32)
    forward = (dx * cosine + dy * sine)[..., None] * frequencies
    left = (dy * cosine - dx * sine)[..., None] * frequencies
    distance = np.sqrt(dx * dx + dy * dy + 1)
    turns = [wave(times * turn) for times in (1, 2, 3) for wave in (np.cos, np.sin)]
    rest = np.stack([*turns, distance / 200, np.exp(-distance / 60), np.exp(-distance / 20)], axis=-1)
    described = [np.sin(forward), np.cos(forward), np.sin(left), np.cos(left), rest]
    return np.concatenate(described, axis=-1, dtype=np.float32, casting="same_kind")


@cache
def _network() -> _Network:
    with np.load(_WEIGHTS) as stored:
        return _Network(dict(stored))


class _Network:
    """The network, compiled by OpenVINO. May be run from any thread; one inference runs at a time, on one core."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        import openvino  # not needed where no template is built

        from models.face.network import SETTINGS

        settings = SETTINGS | {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1}
        self._compiled = openvino.Core().compile_model(_Layers(weights).model(), "CPU", settings)
        self._requests = threading.local()

    def run(self, poses: Floats) -> Floats:
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        return np.array(self._requests.own.infer([poses])[0], np.float32)


class _Layers:
    """Builds the network from its weights: matrices of bytes, each row with a step of its own, and float32 vectors."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        from openvino import opset13

        self._ops: Any = opset13
        self._weights = weights

    def model(self) -> Any:
        import openvino

        ops = self._ops
        poses = ops.parameter([-1, -1, len(PERIODS) * 4 + 9], np.float32, "poses")
        edges = self._linear(ops.gelu(self._linear(poses, "edge.0"), "erf"), "edge.2")
        seen = ops.multiply(ops.reduce_sum(edges, [1]), self._root_of_count(poses))
        state = ops.add(self._linear(seen, "start"), self._vector("first"))
        biases = ops.split(ops.transpose(ops.matmul(edges, self._matrix("bias"), False, True), [2, 0, 1]), 0, LAYERS)
        for layer in range(LAYERS):
            state = ops.add(
                state, self._attend(self._normal(state, f"ln1.{layer}"), edges, biases.output(layer), layer)
            )
            inner = ops.gelu(self._linear(self._normal(state, f"ln2.{layer}"), f"ff.{layer}.0"), "erf")
            state = ops.add(state, self._linear(inner, f"ff.{layer}.2"))
        return openvino.Model([self._pool(self._normal(state, "lnf"), poses)], [poses], "finger-vector")

    def _attend(self, state: Any, edges: Any, bias: Any, layer: int) -> Any:
        ops = self._ops
        parts = ops.split(self._heads(self._linear(state, f"qkv.{layer}"), 3 * HEADS), 0, 3)
        query, key, value = (parts.output(k) for k in range(3))
        scale = np.float32(self._weights["first"].size / HEADS) ** np.float32(-0.5)
        logits = ops.add(ops.multiply(ops.matmul(query, key, False, True), scale), bias)
        shares = ops.softmax(logits, 2)
        message = self._flat(ops.transpose(ops.matmul(shares, value, False, False), [1, 0, 2]))
        poses = self._flat(ops.matmul(ops.transpose(shares, [1, 0, 2]), edges, False, False))
        return ops.add(self._linear(message, f"o.{layer}"), self._linear(poses, f"ev.{layer}"))

    def _pool(self, state: Any, poses: Any) -> Any:
        ops = self._ops
        shares = ops.softmax(self._linear(state, "seed"), 0)
        pooled = ops.reshape(ops.matmul(shares, state, True, False), [-1], False)
        tokens = ops.gelu(self._linear(state, "tok"), "erf")
        mean, total = ops.reduce_mean(tokens, [0]), ops.reduce_sum(tokens, [0])
        rooted = ops.multiply(total, self._root_of_count(poses))
        joined = ops.unsqueeze(ops.concat([pooled, rooted, mean], 0), 0)
        return ops.squeeze(self._linear(ops.gelu(self._linear(joined, "head.0"), "erf"), "head.2"), [0])

    def _root_of_count(self, poses: Any) -> Any:
        """One over the root of the number of minutiae."""
        ops = self._ops
        count = ops.gather(ops.shape_of(poses), [0], 0)
        return ops.power(ops.convert(count, "f32"), np.float32(-0.5))

    def _heads(self, values: Any, heads: int) -> Any:
        """(n, heads * d) to (heads, n, d)."""
        return self._ops.transpose(self._ops.reshape(values, [0, heads, -1], True), [1, 0, 2])

    def _flat(self, values: Any) -> Any:
        """(n, heads, d) to (n, heads * d)."""
        return self._ops.reshape(values, [0, -1], True)

    def _normal(self, values: Any, name: str) -> Any:
        ops = self._ops
        even = ops.mvn(values, [1], True, 1e-5, "inside_sqrt")
        return ops.add(ops.multiply(even, self._vector(f"{name}.weight")), self._vector(f"{name}.bias"))

    def _linear(self, values: Any, name: str) -> Any:
        product = self._ops.matmul(values, self._matrix(name), False, True)
        return self._ops.add(product, self._vector(f"{name}.bias"))

    def _matrix(self, name: str) -> Floats:
        return np.asarray(self._weights[f"{name}.weight"] * self._weights[f"{name}.step"][:, None], np.float32)

    def _vector(self, name: str) -> Floats:
        return np.asarray(self._weights[name], np.float32)
