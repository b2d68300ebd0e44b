"""LiteRT (TensorFlow Lite) classifiers as teachers: ``litert:FILE.tflite[,option=value...]``. The only file that imports LiteRT.

Pictures: one input ``[1, height, width, 3]`` or ``[1, 3, height, width]``. Eight-bit inputs get the pixels as they are (as
TensorFlow's Task library does); float inputs get ``(pixel − mean) / std`` with the constants of the options ``mean`` and ``std``,
or of the file's metadata, or 127.5 and 127.5.

Sounds: one input ``[samples]`` or ``[1, samples]``, a waveform in [-1, 1]. A model that wants fewer samples than a second hears the
first of them (YAMNet: 15,600 of 16,000), one that wants more hears silence after the second, one that takes any length gets the
second. The sample rate is that of the option ``sample_rate``, or of the file's metadata, or 16 kHz.
"""

from __future__ import annotations

import functools
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
from hearsight.teachers.classifier import Classifier, Model, read_model_file
from hearsight.teachers.inputs import ImageInput, ModelInput, WaveformInput, check_channels, dequantise, quantise
from hearsight.teachers.spec import ModelOptions, Numbers, TeacherSpec, read_options
from hearsight.teachers.teacher import Modality
from hearsight.teachers.tflite_metadata import TFLiteMetadata, read_label_files, read_metadata
from hearsight.units import SAMPLE_RATE


class LiteRTOptions(ModelOptions):
    """Options of ``litert:``."""

    mean: Numbers | None = None
    """What is subtracted from the pixels (0 to 255) of a float model."""
    std: Numbers | None = None
    """What they are then divided by."""
    sample_rate: int | None = Field(default=None, ge=1000, le=384_000)
    """Hz of the waveform that the model hears."""
    output: int = Field(default=0, ge=0)
    """Which of the model's outputs has the classes."""


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
    inside = read_label_files(content, metadata, path)
    name_classes = functools.partial(find_classes, path, option=options.vocabulary, inside=inside, quiet=quiet)
    return Classifier(spec, modality, model, name_classes)


def _choose_image_input(interpreter: _Interpreter, options: LiteRTOptions, metadata: TFLiteMetadata) -> ModelInput:
    sizes = interpreter.input_sizes
    channels = next((axis for axis in (3, 1) if len(sizes) == 4 and sizes[axis] == 3), None)
    if channels is None or sizes[0] not in (1, -1) or min(sizes[1:]) < 1:
        raise TeacherError(interpreter.path, f"an input {sizes}", "[1, height, width, 3] for a vision teacher")
    interpreter.allocate([1, *sizes[1:]])
    mean = options.mean or metadata.mean or (127.5,)
    std = options.std or metadata.std or (127.5,)
    check_channels(interpreter.path, mean=mean, std=std)
    height, width = sizes[2:] if channels == 1 else sizes[1:3]
    return ImageInput(height, width, options.fit or "crop", channels == 1, interpreter.input_dtype.name, mean, std)


def _choose_waveform_input(interpreter: _Interpreter, options: LiteRTOptions, metadata: TFLiteMetadata) -> ModelInput:
    sizes = interpreter.input_sizes
    if len(sizes) not in (1, 2) or sizes[:-1] not in ([], [1], [-1]):
        raise TeacherError(interpreter.path, f"an input {sizes}", "[samples] or [1, samples] for an audio teacher")
    sample_rate = options.sample_rate or metadata.sample_rate or SAMPLE_RATE
    num_samples = sizes[-1] if sizes[-1] > 1 else sample_rate
    interpreter.allocate([1, num_samples][-len(sizes) :])
    return WaveformInput(num_samples, sample_rate)


class _Interpreter:
    """LiteRT's interpreter: one thread, one input, one of its outputs; numbers as floats, whatever the file's own."""

    def __init__(self, content: bytes, path: Path, output: int) -> None:
        runtime: Any = require("ai_edge_litert.interpreter", "litert", "teachers of kind litert")
        self.path = path
        with _convert_errors(path), _filter_stderr():
            self._interpreter = runtime.Interpreter(model_content=content, num_threads=1)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1:
            raise TeacherError(path, f"{len(inputs)} inputs", "one: a picture or a waveform")
        if output >= len(outputs):
            raise TeacherError(path, f"{len(outputs)} outputs", f"more, for output={output}")
        self._input: dict[str, Any] = inputs[0]
        self._output: dict[str, Any] = outputs[output]
        self.input_sizes: list[int] = [int(size) for size in self._input["shape_signature"]]
        self.input_dtype: np.dtype[Any] = np.dtype(self._input["dtype"])
        self._sizes: list[int] = []

    def allocate(self, sizes: list[int]) -> None:
        """Make the input as large as this, and get ready to run."""
        with _convert_errors(self.path), _filter_stderr():
            if sizes != [int(size) for size in self._input["shape"]]:
                self._interpreter.resize_tensor_input(self._input["index"], sizes)
            self._interpreter.allocate_tensors()
        self._sizes = sizes

    def run(self, values: Shaped[np.ndarray, "*input"]) -> Float32[np.ndarray, "*output"]:
        """Give the output for one input; floats are quantised where the model wants integers."""
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
    """Turn the runtime's errors into ours, with what it says of them."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = "custom operations are never loaded" if "custom op" in reason else ""
        raise TeacherError(path, f"LiteRT cannot run it ({reason:.300})", "a LiteRT model", hint) from error


@contextmanager
def _filter_stderr() -> Generator[None]:
    """Keep back the line of information that LiteRT writes to stderr, from C++, in every process; pass on the rest."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            said.seek(0)
            for line in said:
                if not line.startswith(b"INFO:"):
                    os.write(2, line)
