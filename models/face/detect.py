"""Find faces with YuNet (Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", MIR 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.calibration import (
    FACE_CLOSE_UP_SIDE,
    FACE_DETECTION_MINIMUM,
    FACE_LEVEL_CONFIDENCE,
    FACE_OVERLAP_LIMIT,
    FACE_SEEN_SIDE_RANGE,
    FACE_TURN_GAIN,
    FACE_UPRIGHT_CONFIDENCE,
)
from models.face.align import warp
from models.face.network import Floats, Network
from models.images import Pixels

_STRIDES = (8, 16, 32)
_OUTPUTS = tuple(f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in _STRIDES)
_CANDIDATES_LIMIT = 1000
_MIRRORED = [1, 0, 2, 4, 3]  # the landmarks of a mirrored face, in the order of the face itself

_SMALL = (192, 192)
_SMALL_IMAGE = 320
_WIDE, _TALL, _SQUARE = (480, 640), (640, 480), (640, 640)
_FINE = (1024, 1024)
_CLOSE_UP = (160, 160)
_TILTS = (-40.0, -20.0, 20.0, 40.0)
_TILT_STEP = 10.0


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face in pixels of the image it was found in; y points down.

    Args:
        box: left, top, width, height.
        landmarks: float32 (5, 2), x and y of the subject's right eye, left eye, nose tip, right and left mouth corner.
        confidence: of the detector, 0..1.
        seen_side: side of the face in pixels as the network saw it, after the image was scaled.
    """

    box: tuple[float, float, float, float]
    landmarks: Floats
    confidence: float
    seen_side: float


class FaceDetector:
    """YuNet, compiled beforehand for the few canvas sizes that images are fitted into: no request waits for a compiler.

    Args:
        onnx: content of the YuNet model file.
        threads: detections at once, a core each.
    """

    def __init__(self, onnx: bytes, *, threads: int = 1) -> None:
        sizes = (_SMALL, _WIDE, _TALL, _SQUARE, _FINE, _CLOSE_UP)
        self._canvases = {size: _Canvas(onnx, size, threads) for size in sizes}

    def detect(self, image: Pixels) -> tuple[DetectedFace, ...]:
        """Return the faces of an image (uint8, (height, width, 3), BGR), the most confident first.

        Images of up to 320 pixels are fitted into 192 pixels, where YuNet is quick and its landmarks of a portrait are
        as good as at 640; larger ones into 640. Where that shows no face, a finer look follows: 640, then 1024.
        """
        height, width = image.shape[:2]
        for size in _sizes_to_try(height, width):
            faces = self._canvases[size].detect(image)
            if faces:
                return faces
        return ()

    def turn_upright(self, image: Pixels) -> tuple[Pixels, tuple[DetectedFace, ...]]:
        """Return the image turned by the quarter turns at which its faces are seen best, and the faces in it.

        Upside down or on its side, YuNet still finds most faces, less surely, and puts their landmarks where those of
        an upright face would be. A face that is seen surely is taken to be upright, and costs nothing more.
        """
        faces = self.detect(image)
        if _surest(faces) >= FACE_UPRIGHT_CONFIDENCE:
            return image, faces
        best = image, faces
        for quarters in (1, 2, 3):
            turned = np.ascontiguousarray(np.rot90(image, quarters))
            seen = self.detect(turned)
            if _surest(seen) > max(_surest(best[1]), _surest(faces) + FACE_TURN_GAIN):
                best = turned, seen
        return best

    def look_again(self, image: Pixels, face: DetectedFace) -> DetectedFace:
        """Return the face with landmarks taken at the scale and the tilt at which YuNet places them best.

        They are the mean of two looks, straight and mirrored, so that no side is preferred. A face that was seen so
        before, or that is lost in the close-up, is returned as it is.
        """
        tilt = self._tilt(image, face)
        if tilt == 0 and FACE_SEEN_SIDE_RANGE[0] <= face.seen_side <= FACE_SEEN_SIDE_RANGE[1]:
            return face
        straight, mirrored = (self._close_up(image, face, tilt, mirror=mirror) for mirror in (False, True))
        if straight is None or mirrored is None:
            return face
        landmarks = (straight.landmarks + mirrored.landmarks[_MIRRORED]) / np.float32(2)
        return replace(face, landmarks=landmarks, confidence=max(face.confidence, straight.confidence))

    def _tilt(self, image: Pixels, face: DetectedFace) -> float:
        """Return by how many degrees the face must be turned to be seen best; 0 for one that is seen surely as is."""
        if face.confidence >= FACE_LEVEL_CONFIDENCE:
            return 0.0
        sureness = {tilt: self._sureness(image, face, tilt) for tilt in (0.0, *_TILTS)}
        best = max(sureness, key=sureness.__getitem__)
        if sureness[best] < sureness[0.0] + FACE_TURN_GAIN:
            return 0.0
        sureness |= {tilt: self._sureness(image, face, tilt) for tilt in (best - _TILT_STEP, best + _TILT_STEP)}
        return max(sureness, key=sureness.__getitem__)

    def _sureness(self, image: Pixels, face: DetectedFace, tilt: float) -> float:
        seen = self._close_up(image, face, tilt, mirror=False)
        return 0.0 if seen is None else seen.confidence

    def _close_up(self, image: Pixels, face: DetectedFace, tilt: float, *, mirror: bool) -> DetectedFace | None:
        """Detect in a square around the face, turned by `tilt` degrees; return the face nearest to its centre.

        Its landmarks and its confidence are its own; its box is that of the square.
        """
        left, top, width, height = face.box
        size = _CLOSE_UP[0]
        scale = FACE_CLOSE_UP_SIDE / max(math.sqrt(width * height), 1e-6)
        middle = (size - 1) / 2
        cosine, sine = scale * math.cos(math.radians(tilt)), scale * math.sin(math.radians(tilt))
        turn = np.array([[cosine, -sine], [sine, cosine]])
        if mirror:
            turn[0] = -turn[0]
        shift = middle - turn @ np.array([left + width / 2, top + height / 2])
        faces = self._canvases[_CLOSE_UP].detect(warp(image, np.column_stack([turn, shift]), size))
        if not faces:
            return None
        nearest = min(faces, key=lambda found: float(np.abs(found.landmarks.mean(axis=0) - middle).sum()))
        landmarks = np.linalg.solve(turn, (nearest.landmarks - shift).T).T
        return replace(nearest, landmarks=np.asarray(landmarks, dtype=np.float32))


def _surest(faces: tuple[DetectedFace, ...]) -> float:
    return faces[0].confidence if faces else 0.0


def _sizes_to_try(height: int, width: int) -> tuple[tuple[int, int], ...]:
    """Return canvases (height, width) from quick to fine; those of 640 pixels waste little of their area."""
    medium = _WIDE if 4 * height <= 3 * width else _TALL if 4 * width <= 3 * height else _SQUARE
    return (_SMALL, medium) if max(height, width) <= _SMALL_IMAGE else (medium, _FINE)


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
            DetectedFace(box, landmarks[index], float(confidences[found[index]]), math.sqrt(box[2] * box[3]) * scale)
            for index in _without_repeats(boxes)
            for box in (_as_box(boxes[index]),)
        )

    def _fit(self, image: Pixels) -> tuple[Floats, float]:
        """Scale an image down to the canvas, top left, black around; return float32 (1, 3, ...) and the scale."""
        height, width = image.shape[:2]
        scale = min(self._size[0] / height, self._size[1] / width)
        resized = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, resized, interpolation=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR)
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
