"""Find faces with YuNet (Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", MIR 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.calibration import FACE_DETECTION_MINIMUM, FACE_OVERLAP_LIMIT
from models.face.network import Floats, Network
from models.images import Pixels

_STRIDES = (8, 16, 32)
_OUTPUTS = tuple(f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in _STRIDES)
_CANDIDATES_LIMIT = 1000

_SMALL = (320, 320)
_CANVASES = (_SMALL, (480, 640), (640, 480), (640, 640))
_FINE = (1024, 1024)


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in pixels of the image it was found in; y points down.

    Args:
        box: left, top, width, height.
        landmarks: float32 (5, 2), x and y of the subject's right eye, left eye, nose tip, right and left mouth corner.
        confidence: of the detector, 0..1.
    """

    box: tuple[float, float, float, float]
    landmarks: Floats
    confidence: float


class FaceDetector:
    """YuNet, compiled beforehand for the few canvas sizes that images are fitted into.

    Args:
        onnx: content of the YuNet model file.
        threads: detections at once, a core each.
    """

    def __init__(self, onnx: bytes, *, threads: int = 1) -> None:
        self._canvases = {size: _Canvas(onnx, size, threads) for size in (*_CANVASES, _FINE)}

    def detect(self, image: Pixels) -> tuple[DetectedFace, ...]:
        """Return the faces of an image (uint8, (height, width, 3), BGR), the most confident first.

        The image is fitted into 640 pixels (320 where it is no larger); where that shows no face in a larger image, it
        is looked at again at 1024 pixels.
        """
        height, width = image.shape[:2]
        faces = self._canvases[_canvas_size(height, width)].detect(image)
        if not faces and max(height, width) > max(_CANVASES[-1]):
            faces = self._canvases[_FINE].detect(image)
        return faces


def _canvas_size(height: int, width: int) -> tuple[int, int]:
    """Return the smallest canvas (height, width) on which the image keeps the scale that its long side allows."""
    if max(height, width) <= max(_SMALL):
        return _SMALL
    if 4 * height <= 3 * width:
        return (480, 640)
    if 4 * width <= 3 * height:
        return (640, 480)
    return (640, 640)


class _Canvas:
    """YuNet for one input size. Each position of the three output grids proposes one face."""

    def __init__(self, onnx: bytes, size: tuple[int, int], threads: int) -> None:
        self._size = size
        self._network = Network(onnx, (1, 3, *size), _OUTPUTS, threads=threads)
        grids = [_grid(size, stride) for stride in _STRIDES]
        self._origins = np.concatenate([origins for origins, _ in grids])
        self._strides = np.concatenate([strides for _, strides in grids])

    def detect(self, image: Pixels) -> tuple[DetectedFace, ...]:
        values, scale = self._fit(image)
        heads = self._network.run(values)
        classes, objects, boxes, points = (
            np.concatenate([head[0] for head in heads[first : first + len(_STRIDES)]])
            for first in range(0, len(heads), len(_STRIDES))
        )
        confidences = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))[:, 0]
        found = np.flatnonzero(confidences >= FACE_DETECTION_MINIMUM)
        found = found[np.argsort(-confidences[found], kind="stable")][:_CANDIDATES_LIMIT]
        origins, strides = self._origins[found], self._strides[found]
        centres = (origins + boxes[found, :2]) * strides
        sizes = np.exp(boxes[found, 2:]) * strides
        boxes = np.concatenate([centres - sizes / 2, sizes], axis=1) / np.float32(scale)
        landmarks = (points[found].reshape(-1, 5, 2) + origins[:, None]) * strides[:, None] / np.float32(scale)
        return tuple(
            DetectedFace(_as_box(boxes[index]), landmarks[index], float(confidences[found[index]]))
            for index in _without_repeats(boxes)
        )

    def _fit(self, image: Pixels) -> tuple[Floats, float]:
        """Scale an image down to the canvas, top left, black around; return float32 (1, 3, ...) and the scale."""
        height, width = image.shape[:2]
        scale = min(self._size[0] / height, self._size[1] / width)
        resized = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, resized, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        canvas = np.zeros((1, 3, *self._size), dtype=np.float32)
        canvas[0, :, : image.shape[0], : image.shape[1]] = image.transpose(2, 0, 1)
        return canvas, scale


def _grid(size: tuple[int, int], stride: int) -> tuple[Floats, Floats]:
    """Return column and row of each position of a grid, float32 (n, 2), and its stride, (n, 1)."""
    rows, columns = np.mgrid[: size[0] // stride, : size[1] // stride]
    origins = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float32)
    return origins, np.full((len(origins), 1), stride, dtype=np.float32)


def _as_box(values: Floats) -> tuple[float, float, float, float]:
    left, top, width, height = (float(value) for value in values)
    return left, top, width, height


def _without_repeats(boxes: NDArray[np.floating]) -> list[int]:
    """Return the indices of boxes that no better one overlaps (greedy non-maximum suppression).

    Args:
        boxes: float (n, 4), left, top, width, height, the best first.
    """
    first, last = boxes[:, None, :2], boxes[:, None, :2] + boxes[:, None, 2:]
    shared = np.minimum(last, last.swapaxes(0, 1)) - np.maximum(first, first.swapaxes(0, 1))
    intersections = np.prod(np.clip(shared, 0, None), axis=2)
    areas = np.prod(boxes[:, 2:], axis=1)
    overlaps: NDArray[np.bool_] = intersections > FACE_OVERLAP_LIMIT * (areas[:, None] + areas - intersections)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not overlaps[index, kept].any():
            kept.append(index)
    return kept
