from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import scipy.special
from onnx import TensorProto, helper

from hearsight.errors import MissingExtraError, TeacherError
from hearsight.media.pictures import ImageRequest
from hearsight.signal.front_ends import JIA, VGGISH
from hearsight.signal.log_mel import compute_log_mel
from hearsight.teachers.registry import load_teacher

from ..conftest import make_weights

Maker = Callable[..., Path]
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 4, 6, 3)).astype(np.uint8)


@pytest.fixture
def segments() -> np.ndarray:
    return (np.random.default_rng(2).standard_normal((3, 16_000)) * 0.1).astype(np.float32)


def test_channels_first_pictures_are_normalised_as_torchvision_does(
    tmp_path: Path, make_onnx: Maker, images: np.ndarray
):
    weights = make_weights(72, 7)
    teacher = load_teacher(f"onnx:{make_onnx(tmp_path / 'a.onnx', ['batch', 3, 4, 6], weights)}", "vision", quiet=True)
    flat = ((images / 255 - MEAN) / STD).transpose(0, 3, 1, 2).reshape(3, -1)
    np.testing.assert_allclose(teacher.predict(images), scipy.special.softmax(flat @ weights, axis=1), atol=1e-5)
    assert teacher.image_request == ImageRequest(height=4, width=6, fit="crop")
    assert teacher.name == "onnx-a"


def test_channels_last_pictures_are_normalised_as_keras_does(tmp_path: Path, make_onnx: Maker, images: np.ndarray):
    weights = make_weights(72, 7)
    teacher = load_teacher(f"onnx:{make_onnx(tmp_path / 'a.onnx', [1, 4, 6, 3], weights)}", "vision", quiet=True)
    flat = (images / 127.5 - 1).reshape(3, -1)
    np.testing.assert_allclose(teacher.predict(images), scipy.special.softmax(flat @ weights, axis=1), atol=1e-5)


def test_normalisation_can_be_given(tmp_path: Path, make_onnx: Maker, images: np.ndarray):
    weights = make_weights(72, 7)
    path = make_onnx(tmp_path / "a.onnx", [1, 3, 4, 6], weights)
    teacher = load_teacher(f"onnx:{path},scale=0.01,mean=1,std=2:3:4,fit=stretch", "vision", quiet=True)
    flat = ((images * 0.01 - 1) / np.array([2, 3, 4])).transpose(0, 3, 1, 2).reshape(3, -1)
    np.testing.assert_allclose(teacher.predict(images), scipy.special.softmax(flat @ weights, axis=1), atol=1e-5)


def test_eight_bit_pictures_are_given_as_they_are(tmp_path: Path, make_onnx: Maker, images: np.ndarray):
    weights = make_weights(72, 7) / 100
    path = make_onnx(tmp_path / "a.onnx", [1, 4, 6, 3], weights, dtype=TensorProto.UINT8)
    given = load_teacher(f"onnx:{path}", "vision", quiet=True).predict(images)
    np.testing.assert_allclose(given, scipy.special.softmax(images.reshape(3, -1) @ weights, axis=1), atol=1e-5)


def test_pictures_of_any_size_are_asked_for_at_the_size_that_is_given(tmp_path: Path, make_onnx: Maker):
    path = make_onnx(tmp_path / "a.onnx", ["n", 3, "height", "width"], make_weights(768, 4))
    teacher = load_teacher(f"onnx:{path},size=16", "vision", quiet=True)
    assert teacher.image_request == ImageRequest(height=16, width=16, fit="crop")


@pytest.mark.parametrize("sizes", [[16_000], ["n", 16_000], ["n", "samples"], [1, 1, "samples"]])
def test_waveforms_of_all_shapes_are_heard(tmp_path: Path, make_onnx: Maker, segments: np.ndarray, sizes: list):
    weights = make_weights(16_000, 4)
    path = make_onnx(tmp_path / "a.onnx", sizes, weights, last="Sigmoid")
    given = load_teacher(f"onnx:{path}", "audio", quiet=True).predict(segments)
    np.testing.assert_allclose(given, scipy.special.expit(segments @ weights), atol=1e-5)


def test_a_waveform_of_another_rate_is_resampled(tmp_path: Path, make_onnx: Maker):
    tone = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 32_000).astype(np.float32)
    path = make_onnx(tmp_path / "a.onnx", [1, "samples"], np.stack([tone, -tone], axis=1) / 1000, last="Sigmoid")
    segment = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)[None]
    assert load_teacher(f"onnx:{path},sample_rate=32000", "audio", quiet=True).predict(segment)[0, 0] > 0.99


@pytest.mark.parametrize(
    ("sizes", "mels_first"),
    [(["n", 1, 96, 64], False), ([1, 96, 64], False), (["n", 1, 64, 96], True), ([1, 64, 96, 1], True)],
)
def test_log_mel_patches_are_made_in_the_order_of_axes_that_the_model_wants(
    tmp_path: Path, make_onnx: Maker, segments: np.ndarray, sizes: list, mels_first: bool
):
    weights = make_weights(96 * 64, 4) * 0.3
    path = make_onnx(tmp_path / "a.onnx", sizes, weights)
    given = load_teacher(f"onnx:{path},front_end=vggish", "audio", quiet=True).predict(segments)
    patches = [compute_log_mel(segment, VGGISH)[:96] for segment in segments]
    flat = np.stack([(patch.T if mels_first else patch).ravel() for patch in patches])
    np.testing.assert_allclose(given, scipy.special.softmax(flat @ weights, axis=1), atol=1e-4)


def test_several_patches_in_a_segment_are_averaged(tmp_path: Path, make_onnx: Maker, segments: np.ndarray):
    weights = make_weights(50 * 64, 4) * 0.3
    path = make_onnx(tmp_path / "a.onnx", [1, 50, 64], weights)
    given = load_teacher(f"onnx:{path},front_end=jia", "audio", quiet=True).predict(segments)
    patches = np.stack([compute_log_mel(segment, JIA).reshape(2, 50 * 64) for segment in segments])
    np.testing.assert_allclose(given, scipy.special.softmax(patches @ weights, axis=2).mean(axis=1), atol=1e-4)


def test_a_patch_longer_than_a_second_ends_in_silence(tmp_path: Path, make_onnx: Maker, segments: np.ndarray):
    weights = make_weights(200 * 64, 4) * 0.3
    path = make_onnx(tmp_path / "a.onnx", [1, 200, 64], weights)
    given = load_teacher(f"onnx:{path},front_end=vggish", "audio", quiet=True).predict(segments)
    padded = np.pad(segments, ((0, 0), (0, 32_240 - 16_000)))
    flat = np.stack([compute_log_mel(segment, VGGISH)[:200].ravel() for segment in padded])
    np.testing.assert_allclose(given, scipy.special.softmax(flat @ weights, axis=1), atol=1e-4)


def test_a_log_mel_model_without_front_end_says_what_is_missing(tmp_path: Path, make_onnx: Maker):
    path = make_onnx(tmp_path / "a.onnx", ["n", 1, 64, 96], make_weights(96 * 64, 4))
    with pytest.raises(TeacherError, match=r"\[any, 1, 64, 96\] of float32[\s\S]*front_end=vggish, yamnet or jia"):
        load_teacher(f"onnx:{path}", "audio")


def test_a_patch_of_other_mels_is_refused(tmp_path: Path, make_onnx: Maker):
    path = make_onnx(tmp_path / "a.onnx", ["n", 1, 128, 96], make_weights(96 * 128, 4))
    with pytest.raises(TeacherError, match="a patch of 64 mels by frames for front_end=jia"):
        load_teacher(f"onnx:{path},front_end=jia", "audio")


@pytest.mark.parametrize(
    "text",
    ['{"0": "dog", "1": "cat", "2": "drum"}', "{0: 'dog', 1: 'cat', 2: 'drum'}", "dog, cat, drum", "dog\ncat\ndrum"],
)
def test_names_are_read_from_the_properties(tmp_path: Path, make_onnx: Maker, text: str):
    properties = {"names": text, "labels": "{broken", "author": "nobody"}
    path = make_onnx(tmp_path / "a.onnx", [1, 3, 2, 2], make_weights(12, 3), properties=properties)
    assert load_teacher(f"onnx:{path}", "vision").vocabulary.names == ("dog", "cat", "drum")


def test_logits_are_refused_when_the_model_is_loaded(tmp_path: Path, make_onnx: Maker, images: np.ndarray):
    weights = make_weights(72, 7) * 10
    path = make_onnx(tmp_path / "a.onnx", [1, 4, 6, 3], weights, last=None)
    with pytest.raises(TeacherError, match="activation=softmax"):
        load_teacher(f"onnx:{path}", "vision", quiet=True)
    given = load_teacher(f"onnx:{path},activation=sigmoid", "vision", quiet=True).predict(images)
    np.testing.assert_allclose(given, scipy.special.expit((images / 127.5 - 1).reshape(3, -1) @ weights), atol=1e-5)


def test_weights_beside_the_file_are_not_loaded(tmp_path: Path, make_onnx: Maker, monkeypatch: pytest.MonkeyPatch):
    path = make_onnx(tmp_path / "a.onnx", [1, 3, 2, 2], make_weights(12, 3), external=True)
    assert (tmp_path / "weights.bin").is_file()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TeacherError, match="save the model as one file"):
        load_teacher(f"onnx:{path}", "vision")


def test_custom_operations_are_never_loaded(tmp_path: Path):
    graph = helper.make_graph(
        [helper.make_node("RunAnything", ["input"], ["output"], domain="my.domain")],
        "graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 2, 2])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("my.domain", 1)])
    model.ir_version = 9
    onnx.save_model(model, str(tmp_path / "a.onnx"))
    with pytest.raises(TeacherError, match="custom operations are never loaded"):
        load_teacher(f"onnx:{tmp_path / 'a.onnx'}", "vision")


def test_models_of_several_inputs_and_outputs_that_are_not_there_are_refused(tmp_path: Path, make_onnx: Maker):
    graph = helper.make_graph(
        [helper.make_node("Add", ["one", "other"], ["sum"])],
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 2, 2]) for name in ("one", "other")],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 3, 2, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save_model(model, str(tmp_path / "two.onnx"))
    with pytest.raises(TeacherError, match="2 inputs, wanted one"):
        load_teacher(f"onnx:{tmp_path / 'two.onnx'}", "vision")
    path = make_onnx(tmp_path / "a.onnx", [1, 3, 2, 2], make_weights(12, 3))
    with pytest.raises(TeacherError, match="output=2, and 1 outputs, wanted 0 to 0"):
        load_teacher(f"onnx:{path},output=2", "vision")


def test_files_that_are_no_onnx_models_are_teacher_errors(tmp_path: Path):
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(TeacherError, match=r"text\.onnx: ONNX Runtime cannot run it"):
        load_teacher(f"onnx:{tmp_path / 'text.onnx'}", "vision")
    with pytest.raises(TeacherError, match=r"nowhere\.onnx: no such file"):
        load_teacher(f"onnx:{tmp_path / 'nowhere.onnx'}", "vision")


def test_the_wrong_modality_is_refused(tmp_path: Path, make_onnx: Maker):
    pictures = make_onnx(tmp_path / "a.onnx", [1, 3, 2, 2], make_weights(12, 3))
    sounds = make_onnx(tmp_path / "b.onnx", [1, 16_000], make_weights(16_000, 3))
    with pytest.raises(TeacherError, match=r"for an audio teacher"):
        load_teacher(f"onnx:{pictures}", "audio")
    with pytest.raises(TeacherError, match=r"for a vision teacher"):
        load_teacher(f"onnx:{sounds}", "vision")


def test_a_missing_package_names_its_extra(tmp_path: Path, make_onnx: Maker, monkeypatch: pytest.MonkeyPatch):
    path = make_onnx(tmp_path / "a.onnx", [1, 3, 2, 2], make_weights(12, 3))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"the extra 'onnx'[\s\S]*pip install .*\[onnx\]"):
        load_teacher(f"onnx:{path}", "vision")


@pytest.mark.real
def test_a_published_log_mel_model_tells_the_classes_of_esc10_apart(real_data: Path):
    from hearsight.media.audio import read_audio

    teacher = load_teacher(
        f"onnx:{real_data / 'teachers' / 'yamnet_256_64x96_tl.onnx'},front_end=yamnet", "audio", quiet=True
    )
    # its ten outputs are ESC-10's classes by alphabet
    expected = {"001 - Dog bark": 4, "002 - Rain": 6, "004 - Baby cry": 3, "007 - Helicopter": 5, "009 - Rooster": 7}
    hits: list[bool] = []
    for folder, index in expected.items():
        for path in sorted((real_data / "esc10" / folder).glob("*.ogg"))[:6]:
            waveform = read_audio(path, 16_000)[: 5 * 16_000]
            probabilities = teacher.predict(waveform[: len(waveform) // 16_000 * 16_000].reshape(-1, 16_000))
            hits.append(int(probabilities.mean(axis=0).argmax()) == index)
    assert len(hits) == 30
    assert np.mean(hits) >= 0.8
