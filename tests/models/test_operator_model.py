"""An operator's own face model, as docs/models.md describes it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.errors import ModelFileError
from models.face import FaceEncoder, embedding_plan
from models.weights import ModelStore
from tests.models.pictures import astronaut, to_png

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "models.md"
LENGTH = 512


def tiny_network(length: int = LENGTH) -> bytes:
    """A network for 112 x 112 pixels that averages blocks and projects them at random."""
    projection = np.random.default_rng(1).normal(size=(3 * 7 * 7, length)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["image"], ["blocks"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["blocks"], ["flat"]),
        helper.make_node("MatMul", ["flat", "projection"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", length])],
        [numpy_helper.from_array(projection, "projection")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def guide_manifest(network: bytes) -> str:
    """The example of the guide without its remarks, with the hash of this network."""
    example = re.search(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    manifest, replaced = re.subn(
        r'sha256 = "[0-9a-f]{64}"',
        f'sha256 = "{hashlib.sha256(network).hexdigest()}"',
        re.sub(" +#.*", "", example[1]),
    )
    assert replaced == 1
    return manifest


@pytest.fixture
def folder(model_store: ModelStore, tmp_path: Path) -> Path:
    """A models folder with the built-in models, the tiny network and the manifest of the guide."""
    for file in model_store.entries():
        (tmp_path / file.file).symlink_to(model_store.path(file.name))
    network = tiny_network()
    (tmp_path / "bureau-r50.onnx").write_bytes(network)
    (tmp_path / "models.toml").write_text(guide_manifest(network))
    return tmp_path


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "models.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_example_of_the_guide_is_added_to_the_built_in_pair(folder: Path, model_store: ModelStore) -> None:
    portrait = to_png(astronaut())
    store = ModelStore(folder)
    store.verify()
    own = store.operator_model
    assert own is not None
    encoder = FaceEncoder(store)
    built_in = FaceEncoder(model_store)
    vector, built_in_vector = encoder.encode(portrait).vector, built_in.encode(portrait).vector
    assert vector is not None
    assert built_in_vector is not None
    assert encoder.model != built_in.model
    assert vector.shape == (encoder.dimension,) == (built_in.dimension + LENGTH,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert own.weight == 0.5
    assert vector[: built_in.dimension] == pytest.approx(built_in_vector * np.sqrt(0.5), abs=1e-5)
    assert encoder.calibration == own.calibration
    assert encoder.calibration.cap == 6.5


def test_it_can_replace_the_built_in_pair(folder: Path) -> None:
    edit(folder, 'use = "add"\nweight = 0.5', 'use = "replace"')
    encoder = FaceEncoder(ModelStore(folder))
    vector = encoder.encode(to_png(astronaut())).vector
    assert vector is not None
    assert vector.shape == (encoder.dimension,) == (LENGTH,)


def test_channels_and_normalisation_reach_the_network(folder: Path) -> None:
    portrait = to_png(astronaut())
    edit(folder, 'use = "add"\nweight = 0.5', 'use = "replace"')
    vectors = [FaceEncoder(ModelStore(folder)).encode(portrait).vector]
    for old, new in (('"rgb"', '"bgr"'), ("mean = [127.5, 127.5, 127.5]", "mean = [0, 0, 0]")):
        edit(folder, old, new)
        vectors.append(FaceEncoder(ModelStore(folder)).encode(portrait).vector)
    first, second, third = (vector for vector in vectors if vector is not None)
    assert first @ second < 0.999
    assert second @ third < 0.999


def test_another_file_of_the_same_name_makes_another_model(folder: Path) -> None:
    before = embedding_plan(ModelStore(folder).operator_model).model
    changed = onnx.load_from_string(tiny_network())
    changed.doc_string = "second export"
    content = changed.SerializeToString()
    (folder / "bureau-r50.onnx").write_bytes(content)
    with pytest.raises(ModelFileError, match="SHA-256") as caught:
        ModelStore(folder).verify()
    assert "models.toml" in caught.value.hint
    (folder / "models.toml").write_text(guide_manifest(content))
    assert embedding_plan(ModelStore(folder).operator_model).model != before


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("embedding_length = 512", 'embedding_length = "long"', "embedding_length"),
        ('channels = "rgb"', 'channels = "grb"', "channels"),
        ('alignment = "arcface-112"', 'alignment = "passport"', "alignment"),
        ("weight = 0.5\n", "", "weight"),
        ("weight = 0.5", "weight = 1.5", "weight"),
        ('licence = "', 'license = "', "licen[cs]e"),
        ('file = "bureau', 'file = "../bureau', "file"),
        ("[0.2, 0.0]", "[0.2, 0.1]", "knot"),
        ("[face.input]", "[face.input", "cannot be read"),
    ],
)
def test_a_wrong_manifest_names_the_field(folder: Path, old: str, new: str, named: str) -> None:
    edit(folder, old, new)
    with pytest.raises(ModelFileError, match=named) as caught:
        ModelStore(folder)
    assert "docs/models.md" in caught.value.hint


def test_the_name_of_a_built_in_model_is_taken(folder: Path) -> None:
    edit(folder, 'name = "bureau-r50"', 'name = "sface"')
    with pytest.raises(ModelFileError, match="sface"):
        ModelStore(folder)


def test_a_network_that_is_not_what_the_manifest_says_is_refused(folder: Path) -> None:
    edit(folder, "embedding_length = 512", "embedding_length = 256")
    with pytest.raises(ModelFileError, match="512 values, not 256"):
        FaceEncoder(ModelStore(folder))


def test_a_file_that_is_no_network_is_refused(folder: Path) -> None:
    content = b"not a network"
    (folder / "bureau-r50.onnx").write_bytes(content)
    (folder / "models.toml").write_text(guide_manifest(content))
    with pytest.raises(ModelFileError, match="not a network"):
        FaceEncoder(ModelStore(folder))
