"""A wrong teacher is refused in one sentence that says what is wrong with it, and how to mend that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from hearsight.errors import ConfigError, TableError, TeacherError
from hearsight.teachers.registry import load_teacher

from .conftest import make_weights
from .test_limits import save_onnx

Maker = Callable[..., Path]
NAMES = "dog, cat, drum, rain, horn"


def save_label_first(path: Path) -> Path:
    """Write a classifier as scikit-learn's converter does: the label is its first output, the probabilities its second."""
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    outputs = {"label": (TensorProto.INT64, ["batch"]), "probabilities": (TensorProto.FLOAT, ["batch", 5])}
    return save_onnx(path, nodes, ["batch", 16_000], outputs, {"weights": make_weights(16_000, 5)})


def save_score_first(path: Path) -> Path:
    """Write a classifier whose first output is one float, whose second are the probabilities."""
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
        helper.make_node("ReduceMax", ["probabilities"], ["score"], axes=[1], keepdims=1),
    ]
    outputs = {"score": (TensorProto.FLOAT, ["batch", 1]), "probabilities": (TensorProto.FLOAT, ["batch", 5])}
    return save_onnx(path, nodes, ["batch", 16_000], outputs, {"weights": make_weights(16_000, 5)})


def test_an_output_of_labels_is_refused_and_the_one_of_probabilities_named(tmp_path: Path):
    path = save_label_first(tmp_path / "label_first.onnx")
    wanted = r"output=0 is \[any\] of int64, wanted probabilities or logits\nhint: output=1 is \[any, 5\] of float32"
    with pytest.raises(TeacherError, match=wanted):
        load_teacher(f"onnx:{path}", "audio")
    assert len(load_teacher(f"onnx:{path},output=1", "audio", quiet=True).vocabulary) == 5


def test_another_output_with_as_many_classes_as_names_is_named(tmp_path: Path):
    path = save_score_first(tmp_path / "score_first.onnx")
    (tmp_path / "names.txt").write_text(NAMES.replace(", ", "\n"))
    with pytest.raises(TeacherError, match=r"1 classes, but 5 names[\s\S]*hint: output=1 has as many classes"):
        load_teacher(f"onnx:{path},vocabulary={tmp_path / 'names.txt'}", "audio")


def save_scores(path: Path, last: str, *, factor: float = 1.0) -> Path:
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["logits"]),
        helper.make_node(last, ["logits"], ["scores"]),
        helper.make_node("Mul", ["scores", "factor"], ["y"]),
    ]
    constants = {"weights": 30 * make_weights(16_000, 5), "factor": np.float32(factor)}
    return save_onnx(path, nodes, ["batch", 16_000], {"y": (TensorProto.FLOAT, ["batch", 5])}, constants)


def test_percentages_are_not_taken_for_logits(tmp_path: Path):
    path = save_scores(tmp_path / "percent.onnx", "Softmax", factor=100.0)
    with pytest.raises(
        TeacherError, match=r"outputs from 0 to [\d.]+, wanted probabilities\nhint: they sum to 100"
    ) as caught:
        load_teacher(f"onnx:{path}", "audio")
    assert "softmax" not in caught.value.hint
    segment = make_weights(1, 16_000, seed=3)
    percent = load_teacher(f"onnx:{path},activation=percent", "audio", quiet=True).predict(segment)
    plain = save_scores(tmp_path / "plain.onnx", "Softmax")
    np.testing.assert_allclose(percent, load_teacher(f"onnx:{plain}", "audio", quiet=True).predict(segment), atol=1e-6)


def test_logits_are_no_percentages(tmp_path: Path):
    path = save_scores(tmp_path / "logits.onnx", "Identity")
    with pytest.raises(TeacherError, match=r"outputs from -[\d.]+ to [\d.]+, wanted percentages"):
        load_teacher(f"onnx:{path},activation=percent", "audio")


def test_logarithms_of_probabilities_are_recognised(tmp_path: Path):
    path = save_scores(tmp_path / "log.onnx", "LogSoftmax")
    with pytest.raises(TeacherError, match="hint: they are logarithms of probabilities: activation=softmax") as caught:
        load_teacher(f"onnx:{path}", "audio")
    assert "sigmoid" not in caught.value.hint


def test_an_output_that_is_not_finite_names_class_and_item(tmp_path: Path):
    # the square root of a negative sum is no number: silence and the test tone pass, what is below zero does not
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["sums"]),
        helper.make_node("Sqrt", ["sums"], ["roots"]),
        helper.make_node("Sigmoid", ["roots"], ["y"]),
    ]
    weights = np.zeros((16_000, 2), np.float32)
    weights[0, 1] = 1.0
    path = save_onnx(
        tmp_path / "root.onnx", nodes, ["b", 16_000], {"y": (TensorProto.FLOAT, ["b", 2])}, {"weights": weights}
    )
    (tmp_path / "root.txt").write_text("dog\ncat\n")
    teacher = load_teacher(f"onnx:{path}", "audio")
    segments = np.zeros((3, 16_000), np.float32)
    assert teacher.predict(segments).shape == (3, 2)
    segments[1, 0] = -1.0
    message = r"root\.onnx: the output nan for class 1 \(cat\) of second 2 of 3, wanted a finite number"
    with pytest.raises(TeacherError, match=message):
        teacher.predict(segments)


def test_waveforms_of_whole_numbers_and_batches_are_refused_with_their_shape(tmp_path: Path, make_onnx: Maker):
    whole = make_onnx(tmp_path / "a.onnx", ["n", 16_000], make_weights(16_000, 3), dtype=TensorProto.INT16)
    with pytest.raises(
        TeacherError, match=r"an input \[any, 16000\] of int16, wanted \[samples\] or \[1, samples\] of floats"
    ):
        load_teacher(f"onnx:{whole}", "audio")
    batch = make_onnx(tmp_path / "b.onnx", [4, 16_000], make_weights(16_000, 3))
    with pytest.raises(TeacherError, match=r"an input \[4, 16000\] of float32"):
        load_teacher(f"onnx:{batch}", "audio")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "'' is not a kind of teacher, wanted kind:where"),
        ("onnx", "onnx without a model, wanted onnx:WHERE"),
        ("ONNX:a.onnx", "'ONNX' is not a kind of teacher"),
        ("a.onnx", "did you mean 'onnx:a.onnx'"),
        ("onnx:a.onnx,output=-1", "output=-1: input should be greater than or equal to 0"),
        ("onnx:a.onnx,std=nan", "std=nan: input should be a finite number"),
        ("onnx:a.onnx,mean=0:x:0", "mean=0:x:0: input should be a valid number"),
        ("onnx:a.onnx,scale=inf", "scale=inf: input should be a finite number"),
        ("onnx:a.onnx,activation=softmx", "activation=softmx: input should be 'auto', 'softmax'"),
        ("onnx:a.onnx,vocabulary=", "vocabulary=: string should have at least 1 character"),
        ("onnx:a.onnx,vocabulry=a.txt", "unknown option 'vocabulry'\nhint: did you mean 'vocabulary'?"),
        ("clusters:k=3", "3 clusters, wanted 4 to 4096"),
        ("clusters:k=1e9", "k=1e9, wanted a whole number"),
    ],
)
def test_a_wrong_spec_is_one_sentence(spec: str, message: str):
    with pytest.raises(ConfigError) as caught:
        load_teacher(spec, "audio")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_a_class_list_is_never_guessed_from_a_property_that_is_not_fit_to_be_shown(tmp_path: Path, make_onnx: Maker):
    names = "dog\x1b[2J, cat, drum"
    path = make_onnx(tmp_path / "a.onnx", [1, 3, 2, 2], make_weights(12, 3), properties={"names": names})
    with pytest.raises(TableError, match=r"a\.onnx property 'names' entry 0: the control character \\x1b"):
        load_teacher(f"onnx:{path}", "vision")


@pytest.mark.parametrize("content", [b"dog\xe9\ncat\ndrum\n", "dog\ncat\ndrum".encode("utf-16"), b"\x00\x01\x02"])
def test_label_files_that_are_no_utf_8_text_are_refused_by_name(tmp_path: Path, make_onnx: Maker, content: bytes):
    path = make_onnx(tmp_path / "a.onnx", [1, 3, 2, 2], make_weights(12, 3))
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(TableError, match=r"a\.txt"):
        load_teacher(f"onnx:{path}", "vision")
