"""LiteRT (TensorFlow Lite) classifiers as teachers: ``litert:FILE.tflite[,option=value...]``. The only file that imports LiteRT.

Images: one input ``[1, height, width, 3]`` or ``[1, 3, height, width]``. Eight-bit inputs are the pixels unchanged (as in
TensorFlow's Task library). Float inputs are ``(pixel − mean) / std``, with the constants of the options ``mean`` and ``std``, or
else of the file's metadata, or else 127.5 and 127.5.

Sounds: one input ``[samples]`` or ``[1, samples]``, a waveform in [-1, 1]. If the input is shorter than a second, it is the
beginning of the second (YAMNet: 15,600 of 16,000 samples); if it is longer, silence follows the second; if its length is free, it
is the second. The sample rate is that of the option ``sample_rate``, or else of the file's metadata, or else 16 kHz.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped
from pydantic import Field

from hearsight.errors import TeacherError
from hearsight.extras import require
from hearsight.teachers.classes import find_classes
from hearsight.teachers.limits import MAX_IMAGE_SIDE, MAX_SAMPLES, check_memory, check_output, check_size, count_classes
from hearsight.teachers.runtimes.classifier import Classifier, Model, read_model_file
from hearsight.teachers.runtimes.inputs import (
    ImageInput,
    ModelInput,
    WaveformInput,
    check_channels,
    dequantise,
    quantise,
)
from hearsight.teachers.runtimes.tflite_metadata import TFLiteMetadata, read_label_files, read_metadata
from hearsight.teachers.spec import ModelOptions, Numbers, TeacherSpec, read_options
from hearsight.teachers.teacher import Modality
from hearsight.units import SAMPLE_RATE


class LiteRTOptions(ModelOptions):
    """Options of ``litert:``."""

    mean: Numbers | None = None
    """Subtracted from the pixels (0 to 255) for a float model."""
    std: Numbers | None = None
    """Divisor of the pixels after the mean is subtracted."""
    sample_rate: int | None = Field(default=None, ge=1000, le=384_000)
    """Sample rate of the model's input, in Hz."""
    output: int = Field(default=0, ge=0)
    """Index of the model's output that has the classes."""


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool = False) -> Classifier:
    """Load a LiteRT model as a teacher; see :func:`hearsight.teachers.registry.load_teacher` for the errors."""
    options = read_options(LiteRTOptions, spec)
    path, content = read_model_file(spec.where)
    metadata = read_metadata(content, path)
    interpreter = _Interpreter(content, path, options.output)
    if modality == "vision":
        model_input = _choose_image_input(interpreter, options, metadata)
    else:
        model_input = _choose_waveform_input(interpreter, options, metadata)
    model = Model(str(path), path.stem, content, model_input, interpreter.run, options.activation)
    name_classes = functools.partial(
        find_classes,
        path,
        option=options.vocabulary,
        embedded=read_label_files(content, metadata, path),
        outputs=interpreter.output_classes,
        quiet=quiet,
    )
    return Classifier(spec, modality, model, name_classes)


def _choose_image_input(interpreter: _Interpreter, options: LiteRTOptions, metadata: TFLiteMetadata) -> ModelInput:
    sizes = interpreter.input_sizes
    channels = next((axis for axis in (3, 1) if len(sizes) == 4 and sizes[axis] == 3), None)
    if channels is None or sizes[0] not in (1, -1) or min(sizes[1:]) < 1:
        raise TeacherError(interpreter.path, f"an input {sizes}", "[1, height, width, 3] for a vision teacher")
    height, width = sizes[2:] if channels == 1 else sizes[1:3]
    check_size(interpreter.path, "pixels of height", height, MAX_IMAGE_SIDE)
    check_size(interpreter.path, "pixels of width", width, MAX_IMAGE_SIDE)
    interpreter.allocate([1, *sizes[1:]])
    mean = options.mean or metadata.mean or (127.5,)
    std = options.std or metadata.std or (127.5,)
    check_channels(interpreter.path, mean=mean, std=std)
    return ImageInput(height, width, options.fit or "crop", channels == 1, interpreter.input_dtype.name, mean, std)


def _choose_waveform_input(interpreter: _Interpreter, options: LiteRTOptions, metadata: TFLiteMetadata) -> ModelInput:
    sizes = interpreter.input_sizes
    if len(sizes) not in (1, 2) or sizes[:-1] not in ([], [1], [-1]):
        raise TeacherError(interpreter.path, f"an input {sizes}", "[samples] or [1, samples] for an audio teacher")
    sample_rate = options.sample_rate or metadata.sample_rate or SAMPLE_RATE
    num_samples = sizes[-1] if sizes[-1] > 1 else sample_rate
    check_size(interpreter.path, "samples", max(sample_rate, num_samples), MAX_SAMPLES)
    interpreter.allocate([1, num_samples][-len(sizes) :])
    return WaveformInput(num_samples, sample_rate)


class _Interpreter:
    """LiteRT's interpreter with one thread, one input and one of its outputs; quantises and dequantises where needed."""

    def __init__(self, content: bytes, path: Path, output: int) -> None:
        runtime: Any = require("ai_edge_litert.interpreter", "litert", "teachers of kind litert")
        self.path = path
        with _convert_errors(path), _filter_stderr():
            self._interpreter = runtime.Interpreter(model_content=content, num_threads=1)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1:
            raise TeacherError(path, f"{len(inputs)} inputs", "one: an image or a waveform")
        if output >= len(outputs):
            raise TeacherError(path, f"output={output}, and {len(outputs)} outputs", f"0 to {len(outputs) - 1}")
        self._input: dict[str, Any] = inputs[0]
        self._output: dict[str, Any] = outputs[output]
        self.input_sizes: list[int] = [int(size) for size in self._input["shape_signature"]]
        self.input_dtype: np.dtype[Any] = np.dtype(self._input["dtype"])
        self._sizes: list[int] = []
        shapes = [[int(size) if size > 0 else None for size in one["shape_signature"]] for one in outputs]
        self.output_classes = [count_classes(sizes) for sizes in shapes]
        check_output(path, shapes[output])

    def allocate(self, sizes: list[int]) -> None:
        """Resize the input, and allocate all tensors."""
        with _convert_errors(self.path), _filter_stderr():
            if sizes != [int(size) for size in self._input["shape"]]:
                self._interpreter.resize_tensor_input(self._input["index"], sizes)
            self._check_memory()
            self._interpreter.allocate_tensors()
        self._sizes = sizes

    def _check_memory(self) -> None:
        tensors = self._interpreter.get_tensor_details()
        sizes = (math.prod(int(size) for size in one["shape"]) * np.dtype(one["dtype"]).itemsize for one in tensors)
        check_memory(self.path, sum(sizes))

    def run(self, values: Shaped[np.ndarray, "*input"]) -> Float32[np.ndarray, "*output"]:
        """Return the output for one input. Floats are quantised if the model takes integers."""
        if np.issubdtype(values.dtype, np.floating) and np.issubdtype(self.input_dtype, np.integer):
            scale, zero_point = self._input["quantization"]
            values = quantise(values, scale, zero_point, self.input_dtype)
        values = values.astype(self.input_dtype, copy=False).reshape(self._sizes)
        with _convert_errors(self.path):
            self._interpreter.set_tensor(self._input["index"], values)
            self._interpreter.invoke()
        output = self._interpreter.get_tensor(self._output["index"])
        if np.issubdtype(output.dtype, np.integer):
            return dequantise(output, *self._output["quantization"])
        return output.astype(np.float32)


@contextmanager
def _convert_errors(path: Path) -> Generator[None]:
    """Turn the runtime's errors into teacher errors that quote them."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = "custom operations are never loaded" if "custom op" in reason else ""
        raise TeacherError(path, f"LiteRT cannot run it ({reason:.300})", "a LiteRT model", hint) from error


@contextmanager
def _filter_stderr() -> Generator[None]:
    """Suppress the line of information that LiteRT writes to stderr from C++ in every process; pass on other lines."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            captured.seek(0)
            for line in captured:
                if not line.startswith(b"INFO:"):
                    os.write(2, line)
