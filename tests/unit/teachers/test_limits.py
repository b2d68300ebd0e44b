"""What a model file may ask for, and what comes out of it: bounds hold before memory is taken, and a first run ends."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hearsight.errors import TeacherError
from hearsight.teachers import limits
from hearsight.teachers.limits import check_output, count_classes, run_with_deadline
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.runtimes import classifier

from .conftest import make_weights

Maker = Callable[..., Path]


def save_onnx(path: Path, nodes: list, sizes: list, outputs: dict[str, tuple[int, list]], constants: dict) -> Path:
    """Write a graph of one input ``x``."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save_model(model, str(path))
    return path


def save_endless(path: Path) -> Path:
    """Write a model of 4 classes whose loop has no end."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["again"]), helper.make_node("Identity", ["value"], ["same"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, [1, 1]),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("same", TensorProto.FLOAT, [1, 1]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Loop", ["turns", "true", "mean"], ["end"], body=body),
        helper.make_node("Expand", ["end", "shape"], ["y"]),
    ]
    constants = {"turns": np.int64(1 << 62), "true": np.bool_(True), "shape": np.array([1, 4], np.int64)}
    return save_onnx(path, nodes, [1, 16_000], {"y": (TensorProto.FLOAT, [1, 4])}, constants)


def save_wide(path: Path, num_classes: int, *, declared: bool) -> Path:
    """Write a model of many classes; where they are not declared, their number is computed from the input."""
    nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=1)]
    if not declared:
        nodes += [
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Cast", ["nothing"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Reshape", ["whole", "one"], ["flat"]),
            helper.make_node("Add", ["fixed", "flat"], ["shape"]),
        ]
    nodes.append(helper.make_node("Expand", ["mean", "fixed" if declared else "shape"], ["y"]))
    sizes: list = [1, num_classes] if declared else ["rows", "classes"]
    constants = {"fixed": np.array([1, num_classes], np.int64), "zero": np.float32(0), "one": np.array([1], np.int64)}
    return save_onnx(path, nodes, ["batch", 16_000], {"y": (TensorProto.FLOAT, sizes)}, constants)


def test_an_endless_loop_is_ended_when_the_model_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(classifier, "PROBE_SECONDS", 0.2)
    path = save_endless(tmp_path / "loop.onnx")
    before = set(threading.enumerate())
    with pytest.raises(
        TeacherError, match=r"loop\.onnx: no answer for one image or segment within 0\.2 s[\s\S]*endless"
    ):
        load_teacher(f"onnx:{path}", "audio")
    for thread in set(threading.enumerate()) - before:
        thread.join()  # the run was cancelled: its thread ends


@pytest.mark.parametrize(
    ("num_classes", "declared", "shown"),
    [(10**8, True, "100,000,000"), (10**12, True, "1,000,000,000,000"), (10**6, False, "1000000")],
)
def test_a_model_of_too_many_classes_is_refused_before_one_is_named(
    tmp_path: Path, num_classes: int, declared: bool, shown: str
):
    path = save_wide(tmp_path / "wide.onnx", num_classes, declared=declared)
    with pytest.raises(TeacherError, match=rf"an output \[(1|any), {shown}\], wanted at most 100,000 classes"):
        load_teacher(f"onnx:{path}", "audio")


def test_a_model_that_asks_for_more_memory_than_there_is_is_refused(tmp_path: Path):
    path = save_wide(tmp_path / "vast.onnx", 10**11, declared=False)
    code = f"from hearsight.teachers.registry import load_teacher; load_teacher('onnx:{path}', 'audio')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "vast.onnx: ONNX Runtime cannot run it (it asks for more memory than is allowed)" in done.stderr
    assert done.returncode == 1
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 4 << 20  # kilobytes


def test_inputs_larger_than_any_model_takes_are_refused(tmp_path: Path, make_onnx: Maker, make_tflite: Maker):
    wide = save_onnx(
        tmp_path / "wide.onnx",
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)],
        [1, 3, 1_000_000, 1_000_000],
        {"y": (TensorProto.FLOAT, [1, 3])},
        {},
    )
    with pytest.raises(TeacherError, match=r"wide\.onnx: an input of 1,000,000 pixels of height, wanted at most 4,096"):
        load_teacher(f"onnx:{wide}", "vision")
    long = save_onnx(
        tmp_path / "long.onnx",
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=1)],
        [1, 10**12],
        {"y": (TensorProto.FLOAT, [1, 1])},
        {},
    )
    with pytest.raises(TeacherError, match=r"an input of 1,000,000,000,000 samples, wanted at most 23,040,000"):
        load_teacher(f"onnx:{long}", "audio")
    fast = make_onnx(
        tmp_path / "a.onnx", [1, 16_000], make_weights(16_000, 3), properties={"sample_rate": "2000000000"}
    )
    with pytest.raises(TeacherError, match="an input of 2,000,000,000 samples"):
        load_teacher(f"onnx:{fast}", "audio")
    tall = make_tflite(tmp_path / "a.tflite", [1, 5000, 1, 3], np.ones((2, 15_000), np.float32))
    with pytest.raises(TeacherError, match=r"a\.tflite: an input of 5,000 pixels of height"):
        load_teacher(f"litert:{tall}", "vision")


def test_a_lite_model_is_asked_for_its_memory_before_it_is_taken(
    tmp_path: Path, make_tflite: Maker, monkeypatch: pytest.MonkeyPatch
):
    path = make_tflite(tmp_path / "a.tflite", [1, 16_000], make_weights(4, 16_000))
    monkeypatch.setattr(limits, "MAX_MEMORY_BYTES", 1000)
    with pytest.raises(TeacherError, match=r"a\.tflite: arrays of [\d,]+ bytes, wanted at most 1,000"):
        load_teacher(f"litert:{path}", "audio")


@pytest.mark.parametrize("kind", ["onnx", "litert"])
def test_a_model_file_is_looked_at_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TeacherError, match="pipe: cannot be read \\(a named pipe, not a regular file\\)"):
        load_teacher(f"{kind}:{tmp_path / 'pipe'}", "audio")
    monkeypatch.setattr(classifier, "MAX_MODEL_BYTES", 3)
    (tmp_path / "long").write_bytes(b"1234")
    with pytest.raises(TeacherError, match="4 bytes, more than the 3"):
        load_teacher(f"{kind}:{tmp_path / 'long'}", "audio")
    (tmp_path / "empty").touch()
    with pytest.raises(TeacherError, match="empty, wanted a model"):
        load_teacher(f"{kind}:{tmp_path / 'empty'}", "audio")
    with pytest.raises(TeacherError, match="cannot be read"):
        load_teacher(f"{kind}:a\0b", "audio")


def test_classes_are_on_the_only_long_axis_or_on_the_last():
    assert count_classes([1, 5, 1, 1]) == 5
    assert count_classes([None, 5]) == 5
    assert count_classes([1, 7, 5]) == 5
    assert count_classes([1, None]) is None
    assert count_classes([1]) == 1
    assert count_classes([]) == 1


def test_bounds_are_those_of_the_classes_and_of_all_values():
    check_output("m", [1, 100_000])
    check_output("m", [None, None])
    check_output("m", [100, 100_000])
    with pytest.raises(TeacherError, match=r"an output \[any, 100,001\], wanted at most 100,000 classes"):
        check_output("m", [None, 100_001])
    with pytest.raises(TeacherError, match=r"an output \[100,001, 1\], wanted at most 100,000 classes"):
        check_output("m", [100_001, 1])
    with pytest.raises(TeacherError, match="wanted at most 10,000,000 values"):
        check_output("m", [101, 100_000])


def test_a_deadline_passes_on_values_and_errors():
    assert run_with_deadline(lambda: 7, "m", seconds=86_400.0) == 7
    with pytest.raises(KeyError, match="inner"):
        run_with_deadline(lambda: {}["inner"], "m", seconds=86_400.0)


def test_a_long_wait_is_said_and_an_interrupted_one_ends_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(limits, "NOTICE_SECONDS", 0.01)
    stop = threading.Event()

    def interrupt(thread: threading.Thread, seconds: float | None = None) -> None:
        if seconds is not None and seconds > 1_000.0:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_with_deadline(stop.wait, "m.onnx", seconds=86_400.0, cancel=stop.set)
    assert stop.is_set()
    said = "m.onnx: still trying it on one image or segment; it is given up after 86400 s\n"
    assert capsys.readouterr().err == said


def test_what_is_over_its_deadline_is_cancelled():
    stop = threading.Event()
    with pytest.raises(TeacherError, match=r"m: no answer for one image or segment within 0\.05 s"):
        run_with_deadline(stop.wait, "m", seconds=0.05, cancel=stop.set)
    assert stop.is_set()
