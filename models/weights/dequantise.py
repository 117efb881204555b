"""Turn a block-quantised ONNX file of the OpenCV Zoo into a plain float32 one.

The zoo stores weights as int8 blocks with a scale each, behind `DequantizeLinear` nodes that every inference would run
again; and lists stale float weights as graph inputs. The arithmetic of the nodes is done here once, so the answers stay
the same (ONNX operator specification, DequantizeLinear with `block_size`: `y = (x - zero_point) * scale`).
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Constants = dict[str, NDArray[np.generic]]


def dequantise(quantised: bytes) -> bytes:
    """Return the float32 ONNX file; equal input gives equal bytes."""
    model = onnx.load_from_string(quantised)
    graph = model.graph
    constants: Constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if not _folds(node, constants)]
    used = [name for node in nodes for name in node.input if name in constants]
    inputs = [value for value in graph.input if value.name in {name for node in nodes for name in node.input}]
    inputs = [value for value in inputs if value.name not in constants]
    tensors = [numpy_helper.from_array(np.ascontiguousarray(constants[name]), name) for name in dict.fromkeys(used)]
    plain = helper.make_graph(nodes, graph.name, inputs, list(graph.output), tensors)
    result = helper.make_model(plain, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    onnx.checker.check_model(result)
    return bytes(result.SerializeToString(deterministic=True))


def _folds(node: onnx.NodeProto, constants: Constants) -> bool:
    """Compute a node whose inputs are all constant into `constants`; return whether that was done."""
    if node.op_type not in ("DequantizeLinear", "Reshape") or any(name not in constants for name in node.input):
        return False
    values = [constants[name] for name in node.input]
    if node.op_type == "Reshape":
        constants[node.output[0]] = values[0].reshape([int(size) for size in values[1]])
        return True
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    block, axis = int(attributes["block_size"]), int(attributes["axis"])
    scale, zero_point = (_spread(value, values[0].shape[axis], block, axis) for value in values[1:])
    difference = values[0].astype(np.float32) - zero_point.astype(np.float32)
    constants[node.output[0]] = difference * scale.astype(np.float32)
    return True


def _spread(value: NDArray[np.generic], size: int, block: int, axis: int) -> NDArray[np.generic]:
    """Repeat one value a block along `axis` to one value an element; the last block may be short."""
    return np.take(np.repeat(value, block, axis=axis), np.arange(size), axis=axis)
