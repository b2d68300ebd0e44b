from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import scipy.special

from hearsight.errors import ConfigError, MissingExtraError, TeacherError
from hearsight.media.pictures import ImageRequest
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Teacher

from ..conftest import Quantisation, TFLiteBuilder, make_weights

Maker = Callable[..., Path]


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)


@pytest.fixture
def segments() -> np.ndarray:
    return (np.random.default_rng(2).standard_normal((3, 16_000)) * 0.1).astype(np.float32)


def test_float_pictures_are_normalised_to_minus_one_to_one(tmp_path: Path, make_tflite: Maker, images: np.ndarray):
    weights = make_weights(7, 72)
    teacher = load_teacher(f"litert:{make_tflite(tmp_path / 'a.tflite', [1, 4, 6, 3], weights)}", "vision", quiet=True)
    expected = scipy.special.softmax(((images - 127.5) / 127.5).reshape(5, -1) @ weights.T, axis=1)
    np.testing.assert_allclose(teacher.predict(images), expected, atol=1e-5)
    assert teacher.image_request == ImageRequest(height=4, width=6, fit="crop")
    assert isinstance(teacher, Teacher)
    assert not isinstance(teacher, FittedTeacher)


def test_normalisation_can_be_given_for_each_channel(tmp_path: Path, make_tflite: Maker, images: np.ndarray):
    weights = make_weights(7, 72)
    path = make_tflite(tmp_path / "a.tflite", [1, 4, 6, 3], weights)
    spec = f"litert:{path},mean=100:110:120,std=50:60:70,fit=stretch"
    teacher = load_teacher(spec, "vision", quiet=True)
    normal = (images - np.array([100, 110, 120])) / np.array([50, 60, 70])
    expected = scipy.special.softmax(normal.reshape(5, -1) @ weights.T, axis=1)
    np.testing.assert_allclose(teacher.predict(images), expected, atol=1e-5)
    assert teacher.image_request == ImageRequest(height=4, width=6, fit="stretch")


def test_normalisation_is_read_from_the_metadata(tmp_path: Path, make_tflite: Maker, images: np.ndarray):
    weights = make_weights(7, 72)
    metadata = _make_metadata(mean=[10.0], std=[200.0])
    path = make_tflite(tmp_path / "a.tflite", [1, 4, 6, 3], weights, metadata=metadata)
    teacher = load_teacher(f"litert:{path}", "vision", quiet=True)
    expected = scipy.special.softmax(((images - 10.0) / 200.0).reshape(5, -1) @ weights.T, axis=1)
    np.testing.assert_allclose(teacher.predict(images), expected, atol=1e-5)


def test_channels_first_pictures_are_transposed(tmp_path: Path, make_tflite: Maker, images: np.ndarray):
    weights = make_weights(7, 72)
    path = make_tflite(tmp_path / "a.tflite", [1, 3, 4, 6], weights)
    teacher = load_teacher(f"litert:{path}", "vision", quiet=True)
    flat = ((images - 127.5) / 127.5).transpose(0, 3, 1, 2).reshape(5, -1)
    np.testing.assert_allclose(teacher.predict(images), scipy.special.softmax(flat @ weights.T, axis=1), atol=1e-5)


@pytest.mark.parametrize(("dtype", "offset"), [("uint8", 0), ("int8", 128)])
def test_eight_bit_models_get_pixels_and_give_dequantised_probabilities(
    tmp_path: Path, make_tflite: Maker, images: np.ndarray, dtype: str, offset: int
):
    weights = make_weights(7, 72)
    path = make_tflite(
        tmp_path / "a.tflite",
        [1, 4, 6, 3],
        weights,
        quantised_input=Quantisation(dtype, 1 / 128, 128 - offset),
        quantised_output=Quantisation(dtype, 1 / 256, -offset),
        last="logistic",
    )
    teacher = load_teacher(f"litert:{path}", "vision", quiet=True)
    exact = scipy.special.expit(((images - 128.0) / 128.0).reshape(5, -1) @ weights.T)
    given = teacher.predict(images)
    np.testing.assert_allclose(given, exact, atol=0.5 / 256 + 1e-4)
    np.testing.assert_array_equal(given * 256, np.rint(given * 256))
    assert len(np.unique(given)) > 7


def test_a_model_that_wants_less_than_a_second_hears_its_beginning(
    tmp_path: Path, make_tflite: Maker, segments: np.ndarray
):
    weights = make_weights(4, 15_600)
    path = make_tflite(tmp_path / "a.tflite", [15_600], weights, last="logistic")
    teacher = load_teacher(f"litert:{path}", "audio", quiet=True)
    expected = scipy.special.expit(segments[:, :15_600] @ weights.T)
    np.testing.assert_allclose(teacher.predict(segments), expected, atol=1e-5)
    assert teacher.image_request is None


def test_a_model_that_wants_more_than_a_second_hears_silence_after_it(
    tmp_path: Path, make_tflite: Maker, segments: np.ndarray
):
    weights = make_weights(4, 20_000)
    path = make_tflite(tmp_path / "a.tflite", [1, 20_000], weights, last="logistic")
    teacher = load_teacher(f"litert:{path}", "audio", quiet=True)
    expected = scipy.special.expit(segments @ weights[:, :16_000].T)
    np.testing.assert_allclose(teacher.predict(segments), expected, atol=1e-5)


def test_sound_is_resampled_to_the_rate_that_is_asked_for(tmp_path: Path, make_tflite: Maker):
    # a detector of 1 kHz at 32 kHz hears nothing of it when given samples at 16 kHz
    tone = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 32_000).astype(np.float32)
    weights = np.stack([tone, -tone]) / 1000
    path = make_tflite(tmp_path / "a.tflite", [1, 32_000], weights, last="logistic")
    segment = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)[None]
    at_32 = load_teacher(f"litert:{path},sample_rate=32000", "audio", quiet=True).predict(segment)
    at_16 = load_teacher(f"litert:{path}", "audio", quiet=True).predict(segment)
    assert at_32[0, 0] > 0.99
    assert abs(at_16[0, 0] - 0.5) < 0.01


def test_the_sample_rate_is_read_from_the_metadata(tmp_path: Path, make_tflite: Maker):
    tone = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 32_000).astype(np.float32)
    weights = np.stack([tone, -tone]) / 1000
    metadata = _make_metadata(sample_rate=32_000)
    path = make_tflite(tmp_path / "a.tflite", [1, 32_000], weights, last="logistic", metadata=metadata)
    segment = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)[None]
    assert load_teacher(f"litert:{path}", "audio", quiet=True).predict(segment)[0, 0] > 0.99


def test_a_model_that_takes_any_length_gets_the_second(tmp_path: Path, make_tflite: Maker, segments: np.ndarray):
    weights = make_weights(4, 16_000)
    path = make_tflite(tmp_path / "a.tflite", [1, -1], weights, last="logistic")
    teacher = load_teacher(f"litert:{path}", "audio", quiet=True)
    np.testing.assert_allclose(teacher.predict(segments), scipy.special.expit(segments @ weights.T), atol=1e-5)


def test_eight_bit_waveforms_are_quantised(tmp_path: Path, make_tflite: Maker, segments: np.ndarray):
    weights = make_weights(4, 16_000) * 5
    path = make_tflite(
        tmp_path / "a.tflite", [1, 16_000], weights, quantised_input=Quantisation("int8", 1 / 127, 3), last="logistic"
    )
    rounded = np.rint(segments * 127) / 127
    given = load_teacher(f"litert:{path}", "audio", quiet=True).predict(segments)
    np.testing.assert_allclose(given, scipy.special.expit(rounded @ weights.T), atol=1e-4)
    assert np.abs(given - scipy.special.expit(segments @ weights.T)).max() > 1e-3


def test_the_output_that_is_asked_for_has_the_classes(tmp_path: Path, segments: np.ndarray):
    path = tmp_path / "a.tflite"
    builder = TFLiteBuilder()
    source, first, second = builder.tensor([1, 16_000]), builder.tensor([1, 16_000]), builder.tensor([1, 16_000])
    builder.operation("logistic", [source], [first])
    builder.operation("softmax", [source], [second])
    path.write_bytes(builder.finish([source], [first, second]))
    teacher = load_teacher(f"litert:{path},output=1", "audio", quiet=True)
    np.testing.assert_allclose(teacher.predict(segments), scipy.special.softmax(segments, axis=1), atol=1e-6)
    path.write_bytes(builder.finish([source, first], [second]))
    with pytest.raises(TeacherError, match="2 inputs, wanted one"):
        load_teacher(f"litert:{path}", "audio", quiet=True)


def test_broken_label_files_inside_are_teacher_errors(tmp_path: Path, make_tflite: Maker):
    path = make_tflite(
        tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12), files={"labels.txt": "dog\ncat\ndrum\n"}
    )
    content = path.read_bytes()
    path.write_bytes(content.replace(b"dog\ncat", b"dig\ncut"))
    with pytest.raises(TeacherError, match=r"label files inside it cannot be read[\s\S]*CRC"):
        load_teacher(f"litert:{path}", "vision")


def test_a_label_file_inside_is_never_larger_than_any_class_list(
    tmp_path: Path, make_tflite: Maker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hearsight.teachers.runtimes.tflite_metadata.MAX_BYTES", 10)
    path = make_tflite(
        tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12), files={"labels.txt": "dog\ncat\ndrum\n"}
    )
    with pytest.raises(TeacherError, match=r"labels\.txt of 13 bytes inside it"):
        load_teacher(f"litert:{path}", "vision")


def test_items_do_not_depend_on_their_neighbours(tmp_path: Path, make_tflite: Maker, segments: np.ndarray):
    path = make_tflite(tmp_path / "a.tflite", [1, 16_000], make_weights(4, 16_000))
    teacher = load_teacher(f"litert:{path}", "audio", quiet=True)
    alone = np.concatenate([teacher.predict(segment[None]) for segment in segments])
    np.testing.assert_array_equal(teacher.predict(segments), alone)
    assert teacher.predict(segments[:0]).shape == (0, 4)


def test_names_inside_the_file_win_over_names_beside_it(tmp_path: Path, make_tflite: Maker):
    (tmp_path / "a.txt").write_text("x\ny\nz\n")
    files = {"LICENSE.txt": "Apache", "labels.txt": "dog\ncat\ndrum\n"}
    path = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12), files=files)
    assert load_teacher(f"litert:{path}", "vision").vocabulary.names == ("dog", "cat", "drum")
    named = load_teacher(f"litert:{path},vocabulary={tmp_path / 'a.txt'}", "vision")
    assert named.vocabulary.names == ("x", "y", "z")


def test_names_inside_the_file_must_be_as_many_as_classes(tmp_path: Path, make_tflite: Maker):
    path = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12), files={"l.txt": "dog\ncat\n"})
    with pytest.raises(TeacherError, match=r"3 classes, but 2 names in l\.txt inside it[\s\S]*background"):
        load_teacher(f"litert:{path}", "vision")


def test_logits_are_refused_when_the_model_is_loaded(tmp_path: Path, make_tflite: Maker, images: np.ndarray):
    weights = make_weights(7, 72) * 10
    path = make_tflite(tmp_path / "a.tflite", [1, 4, 6, 3], weights, last=None)
    with pytest.raises(TeacherError, match=r"outputs from -[\s\S]*activation=softmax"):
        load_teacher(f"litert:{path}", "vision", quiet=True)
    logits = ((images - 127.5) / 127.5).reshape(5, -1) @ weights.T
    for activation, function in [
        ("softmax", lambda x: scipy.special.softmax(x, axis=1)),
        ("sigmoid", scipy.special.expit),
    ]:
        teacher = load_teacher(f"litert:{path},activation={activation}", "vision", quiet=True)
        np.testing.assert_allclose(teacher.predict(images), function(logits), atol=1e-5)


def test_the_digest_changes_with_weights_names_and_preprocessing_only(tmp_path: Path, make_tflite: Maker):
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    (tmp_path / "elsewhere").mkdir()
    first = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12))
    copy = make_tflite(tmp_path / "elsewhere" / "a.tflite", [1, 2, 2, 3], make_weights(3, 12))
    other = make_tflite(tmp_path / "elsewhere" / "b.tflite", [1, 2, 2, 3], make_weights(3, 12, seed=1))

    def digest(spec: str) -> str:
        return load_teacher(spec, "vision", quiet=True).digest

    plain = digest(f"litert:{first}")
    assert len(plain) == 64
    assert digest(f"litert:{copy}") == plain
    changed = {
        digest(f"litert:{other}"),
        digest(f"litert:{first},mean=1"),
        digest(f"litert:{first},fit=stretch"),
        digest(f"litert:{first},vocabulary={names}"),
    }
    assert len(changed | {plain}) == 5


def test_a_teacher_is_called_after_its_kind_and_file(tmp_path: Path, make_tflite: Maker):
    path = make_tflite(tmp_path / "my model (1).tflite", [1, 2, 2, 3], make_weights(3, 12))
    assert load_teacher(f"litert:{path}", "vision", quiet=True).name == "litert-my-model-1"


def test_the_wrong_modality_is_refused(tmp_path: Path, make_tflite: Maker):
    pictures = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12))
    sounds = make_tflite(tmp_path / "b.tflite", [1, 16_000], make_weights(3, 16_000))
    with pytest.raises(TeacherError, match=r"\[1, 2, 2, 3\], wanted \[samples\]"):
        load_teacher(f"litert:{pictures}", "audio")
    with pytest.raises(TeacherError, match=r"\[1, 16000\], wanted \[1, height, width, 3\]"):
        load_teacher(f"litert:{sounds}", "vision")


def test_broken_files_are_teacher_errors(tmp_path: Path, make_tflite: Maker):
    path = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12), metadata=_make_metadata(mean=[1.0]))
    content = path.read_bytes()
    for name, broken in [
        ("text", b"hello"),
        ("empty", b""),
        ("head", content[:300]),
        ("half", content[: len(content) // 2]),
    ]:
        damaged = tmp_path / f"{name}.tflite"
        damaged.write_bytes(broken)
        with pytest.raises(TeacherError, match=name):
            load_teacher(f"litert:{damaged}", "vision")
    with pytest.raises(TeacherError, match=r"nowhere\.tflite: no such file"):
        load_teacher(f"litert:{tmp_path / 'nowhere.tflite'}", "vision")
    with pytest.raises(TeacherError, match="cannot be read"):
        load_teacher(f"litert:{tmp_path}", "vision")


def test_custom_operations_are_never_loaded(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    builder = TFLiteBuilder()
    source, result = builder.tensor([1, 2, 2, 3]), builder.tensor([1, 3])
    builder.operation("custom", [source], [result], custom="RunAnything")
    path = tmp_path / "custom.tflite"
    path.write_bytes(builder.finish([source], [result]))
    with pytest.raises(TeacherError, match=r"RunAnything[\s\S]*custom operations are never loaded"):
        load_teacher(f"litert:{path}", "vision")


def test_loading_says_nothing_on_stderr(tmp_path: Path, make_tflite: Maker, capfd: pytest.CaptureFixture[str]):
    path = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12))
    load_teacher(f"litert:{path}", "vision", quiet=True)
    assert capfd.readouterr().err == ""


def test_options_that_are_none_are_named_all_at_once(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"activation=relu[\s\S]*unknown option 'vocabulry'[\s\S]*'vocabulary'"):
        load_teacher(f"litert:{tmp_path / 'a.tflite'},activation=relu,vocabulry=x", "vision")


def test_a_mean_of_two_channels_is_refused(tmp_path: Path, make_tflite: Maker):
    path = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12))
    with pytest.raises(TeacherError, match="mean has 2 values"):
        load_teacher(f"litert:{path},mean=1:2", "vision")
    with pytest.raises(TeacherError, match="std=0, wanted no zero in it"):
        load_teacher(f"litert:{path},std=0", "vision")


def test_an_output_that_is_not_there_is_refused(tmp_path: Path, make_tflite: Maker):
    path = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12))
    with pytest.raises(TeacherError, match="output=3, and 1 outputs, wanted 0 to 0"):
        load_teacher(f"litert:{path},output=3", "vision")


def test_a_missing_package_names_its_extra(tmp_path: Path, make_tflite: Maker, monkeypatch: pytest.MonkeyPatch):
    path = make_tflite(tmp_path / "a.tflite", [1, 2, 2, 3], make_weights(3, 12))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingExtraError, match=r"the extra 'litert'[\s\S]*pip install .*\[litert\]"):
        load_teacher(f"litert:{path}", "vision")


@pytest.mark.real
def test_mobilenet_names_its_classes_without_being_told(real_data: Path):
    teacher = load_teacher(f"litert:{real_data / 'teachers' / 'mobilenet_v2_1.0_224_quant.tflite'}", "vision")
    assert teacher.name == "litert-mobilenet_v2_1.0_224_quant"
    assert teacher.image_request == ImageRequest(height=224, width=224, fit="crop")
    assert len(teacher.vocabulary) == 1001
    assert teacher.vocabulary.names[:2] == ("background", "tench, Tinca tinca")


@pytest.mark.real
def test_real_teachers_see_a_beagle_and_hear_it_bark(real_data: Path):
    from hearsight.media.decode import decode_windows
    from hearsight.media.info import read_media
    from hearsight.records import Source
    from hearsight.signal.waveform import from_int16

    folder = real_data / "teachers"
    eyes = load_teacher(f"litert:{folder / 'mobilenet_v2_1.0_224_quant.tflite'}", "vision")
    ears = load_teacher(f"litert:{folder / 'yamnet_audio_classifier_with_metadata.tflite'}", "audio")
    media = read_media(Source(str(real_data / "videos" / "SpecVQGAN__dog_video_02677.mp4")))
    clip = next(decode_windows(media, length=4.0, images_per_second=3.0, requests=[eyes.image_request]))
    seen = keep_soft_labels(eyes.predict(clip.images[0]), 10)
    heard = keep_soft_labels(ears.predict(from_int16(clip.samples).reshape(4, 16_000)), 5)
    assert eyes.vocabulary.names[seen.classes[0]] == "beagle"
    assert {"Animal", "Dog", "Bark"} <= {ears.vocabulary.names[index] for index in heard.classes}


@pytest.mark.real
def test_yamnet_hears_silence(real_data: Path):
    teacher = load_teacher(f"litert:{real_data / 'teachers' / 'yamnet_audio_classifier_with_metadata.tflite'}", "audio")
    assert teacher.vocabulary.names[teacher.predict(np.zeros((1, 16_000), np.float32)).argmax()] == "Silence"


def _make_metadata(
    mean: list[float] | None = None, std: list[float] | None = None, sample_rate: int | None = None
) -> bytes:
    """Write a ``ModelMetadata`` with one subgraph and one input; field numbers from metadata_schema.fbs."""
    builder = flatbuffers.Builder(256)

    def table(fields: dict[int, tuple[str, int]]) -> int:
        builder.StartObject(max(fields, default=-1) + 1)
        for number, (kind, value) in fields.items():
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(number, value, 0)
            elif kind == "byte":
                builder.PrependUint8Slot(number, value, 0)
            else:
                builder.PrependUint32Slot(number, value, 0)
        return builder.EndObject()

    def floats(values: list[float]) -> int:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return builder.EndVector()

    def tables(offset: int) -> int:
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    tensor: dict[int, tuple[str, int]] = {}
    if mean is not None:
        constants = {0: ("offset", floats(mean))}
        if std is not None:
            constants[1] = ("offset", floats(std))
        unit = table({0: ("byte", 1), 1: ("offset", table(constants))})
        tensor[4] = ("offset", tables(unit))
    if sample_rate is not None:
        audio = table({0: ("uint", sample_rate), 1: ("uint", 1)})
        tensor[3] = ("offset", table({0: ("byte", 4), 1: ("offset", audio)}))
    subgraph = table({2: ("offset", tables(table(tensor)))})
    builder.Finish(table({3: ("offset", tables(subgraph))}), b"M001")
    return bytes(builder.Output())
