"""Write dlib's face network as ONNX: float32 RGB 0..255 in, the 128-value descriptor out.

Batch normalisation (dlib's `affine`) is folded into the convolution before it. Run by ONNX Runtime or OpenVINO the
network answers as dlib does (largest difference 1e-6) some twenty times faster, in batches, without holding the GIL.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from models.weights.dlib_reader import Layer, Network, read_network

_OPSET, _IR_VERSION = 17, 8


def export_dlib(serialised: bytes) -> bytes:
    """Return the ONNX file of a serialised dlib face network; equal input gives equal bytes.

    The graph takes `rgb`, float32 (n, 3, 150, 150) in 0..255, and gives `descriptor`, float32 (n, 128), not normalised.

    Raises:
        ModelFileError: the file is not a dlib face network.
    """
    network = read_network(serialised)
    graph = _Graph(network.layers[0])
    graph.scale_input(network)
    for layer in network.layers:
        graph.append(layer)
    return graph.serialise(network)


class _Graph:
    """An ONNX graph under construction, at the layer that runs next.

    dlib marks the tensor that a residual block adds later with a tag, and goes back to an earlier tag with a skip. Two
    marks in a row are a tag and a skip to the tag before it (`residual_down`); `add_prev` adds the newest tag.
    """

    def __init__(self, first_convolution: Layer) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._current = "rgb"
        self._shape = (0, 0, 0)
        self._tags: list[tuple[str, tuple[int, int, int]]] = []
        self._just_tagged = False
        self._convolution = first_convolution

    def scale_input(self, network: Network) -> None:
        self._shape = (3, network.rows, network.columns)
        mean = np.array(network.mean, dtype=np.float32).reshape(1, 3, 1, 1)
        self._node("Sub", self._constant(mean))
        self._node("Mul", self._constant(np.array(1 / 256, dtype=np.float32)))

    def append(self, layer: Layer) -> None:
        match layer.kind:
            case "mark":
                self._mark()
                return
            case "con":
                self._convolution = layer
            case "affine":
                self._convolve(self._convolution, layer)
            case "relu":
                self._node("Relu")
            case "max_pool" | "avg_pool":
                self._pool(layer)
            case "add_prev":
                self._add_newest_tag()
            case "fc":
                self._node("Flatten")
                outputs, inputs = layer.numbers
                self._node("MatMul", self._constant(layer.weights.reshape(inputs, outputs)))
        self._just_tagged = False

    def serialise(self, network: Network) -> bytes:
        self._nodes[-1].output[0] = "descriptor"
        kind = onnx.TensorProto.FLOAT
        rgb = helper.make_tensor_value_info("rgb", kind, ["n", 3, network.rows, network.columns])
        descriptor = helper.make_tensor_value_info("descriptor", kind, ["n", network.layers[-1].numbers[0]])
        graph = helper.make_graph(self._nodes, "dlib_face_resnet", [rgb], [descriptor], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _mark(self) -> None:
        if self._just_tagged:
            self._current, self._shape = self._tags[-2]
        else:
            self._tags.append((self._current, self._shape))
        self._just_tagged = not self._just_tagged

    def _convolve(self, layer: Layer, affine: Layer) -> None:
        filters, rows, columns, stride_y, stride_x, padding_y, padding_x = layer.numbers
        gamma, beta = np.split(affine.weights, 2)
        kernel = layer.weights[:-filters].reshape(filters, self._shape[0], rows, columns)
        kernel = kernel * gamma[:, None, None, None]
        bias = layer.weights[-filters:] * gamma + beta
        self._node(
            "Conv",
            self._constant(kernel),
            self._constant(bias),
            kernel_shape=[rows, columns],
            strides=[stride_y, stride_x],
            pads=[padding_y, padding_x, padding_y, padding_x],
        )
        self._shape = (
            filters,
            1 + (self._shape[1] + 2 * padding_y - rows) // stride_y,
            1 + (self._shape[2] + 2 * padding_x - columns) // stride_x,
        )

    def _pool(self, layer: Layer) -> None:
        rows, columns, stride_y, stride_x, _, _ = layer.numbers
        channels, height, width = self._shape
        if rows == 0:  # dlib: the window is the whole image
            self._node("GlobalAveragePool")
            self._shape = (channels, 1, 1)
            return
        operator = "MaxPool" if layer.kind == "max_pool" else "AveragePool"
        self._node(operator, kernel_shape=[rows, columns], strides=[stride_y, stride_x])
        self._shape = (channels, 1 + (height - rows) // stride_y, 1 + (width - columns) // stride_x)

    def _add_newest_tag(self) -> None:
        """Add the newest tag; as in dlib, the smaller of the two tensors counts as padded with zeros at its ends."""
        other, other_shape = self._tags[-1]
        current, shape = self._current, self._shape
        target = tuple(np.maximum(shape, other_shape).tolist())
        padded = self._pad(other, other_shape, target)
        self._current = self._pad(current, shape, target)
        self._node("Add", padded)
        self._shape = target

    def _pad(self, name: str, shape: tuple[int, int, int], target: tuple[int, int, int]) -> str:
        if shape == target:
            return name
        missing = [wanted - had for wanted, had in zip(target, shape, strict=True)]
        self._current = name
        self._node("Pad", self._constant(np.array([0, 0, 0, 0, 0, *missing], dtype=np.int64)))
        return self._current

    def _node(self, operator: str, *inputs: str, **attributes: list[int]) -> None:
        output = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, [self._current, *inputs], [output], **attributes))
        self._current = output

    def _constant(self, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name
