"""One neural network, ready to run from any number of threads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from queue import LifoQueue

import numpy as np
import openvino
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SETTINGS = {
    # Some processors would compute in bfloat16 by themselves: the answer must not depend on the machine.
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": False,
}


class Network:
    """An ONNX model compiled by OpenVINO for one input shape, with a pool of inference requests.

    OpenVINO releases the GIL while it computes. At most `threads` inferences run at once, each on one core; further
    callers wait for a free request.

    Args:
        onnx: content of the model file.
        input_shape: fixed shape of the one input.
        outputs: names of the outputs wanted, in the order in which `run` returns them; empty: the first one.
        threads: inferences at once.

    Raises:
        RuntimeError: the file is not an ONNX model that takes this shape.
    """

    def __init__(self, onnx: bytes, input_shape: Sequence[int], outputs: Sequence[str] = (), *, threads: int) -> None:
        core = openvino.Core()
        model = core.read_model(onnx)
        model.reshape(list(input_shape))
        settings = SETTINGS | {"NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        compiled = core.compile_model(model, "CPU", settings)
        self._ports = [compiled.output(name) for name in outputs] or [compiled.output(0)]
        self.output_size = math.prod(self._ports[0].shape)
        self._idle: LifoQueue[openvino.InferRequest] = LifoQueue()
        for _ in range(threads):
            self._idle.put(compiled.create_infer_request())
        # The first tensor of a process is made here, by one thread alone: OpenVINO looks up types of numpy then, in a
        # static initialiser that waits for the GIL, and two threads that get there together wait for ever.
        self.run(np.zeros(input_shape, np.float32))

    def start(self, values: Floats) -> PendingInference:
        """Start the network on float32 `values` of the input shape, once a request is free, and return at once."""
        request = self._idle.get()
        request.start_async([values], share_inputs=True)
        return PendingInference(values, request, self._ports, self._idle)

    def run(self, values: Floats) -> list[Floats]:
        """Run the network on float32 `values` of the input shape; the outputs are the caller's own."""
        return self.start(values).result()


class PendingInference:
    """An inference under way. `result` must be called, once: it gives the request back."""

    def __init__(
        self,
        values: Floats,
        request: openvino.InferRequest,
        ports: list[openvino.ConstOutput],
        idle: LifoQueue[openvino.InferRequest],
    ) -> None:
        self._values = values  # read by OpenVINO in place: kept alive until it is done
        self._request = request
        self._ports = ports
        self._idle = idle

    def result(self) -> list[Floats]:
        """Wait for the outputs and return copies of them."""
        try:
            self._request.wait()
            return [np.array(self._request.get_tensor(port).data) for port in self._ports]
        finally:
            self._idle.put(self._request)
