"""ONNX classifiers as teachers: ``onnx:FILE.onnx[,option=value...]``.

Images: one input ``[batch, 3, height, width]`` or ``[batch, height, width, 3]``. Eight-bit inputs are the pixels unchanged; float
inputs are ``(pixel × scale − mean) / std``. By default, channels-first models get the normalisation of torchvision's classifiers
(scale 1/255, ImageNet's mean and standard deviation), channels-last models that of Keras's (−1 to 1).

Sounds: a waveform ``[samples]``, ``[batch, samples]`` or ``[batch, 1, samples]``, as for LiteRT models; or, with the option
``front_end``, log-mel patches: the axes longer than 1 are mels and frames, in either order. The outputs for several patches of a
segment are averaged.

The file has to be complete: neither weights in other files nor custom operations are loaded.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import json
import re
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Shaped
from pydantic import Field

from hearsight.errors import TableError, TeacherError
from hearsight.runtime import Session
from hearsight.signal.front_ends import JIA, VGGISH
from hearsight.teachers.classes import ClassList, find_classes
from hearsight.teachers.limits import (
    MAX_FRAMES,
    MAX_IMAGE_SIDE,
    MAX_MEMORY_BYTES,
    MAX_SAMPLES,
    check_output,
    check_size,
    count_classes,
)
from hearsight.teachers.runtimes.classifier import Classifier, Model, read_model_file
from hearsight.teachers.runtimes.inputs import ImageInput, LogMelInput, ModelInput, WaveformInput, check_channels
from hearsight.teachers.spec import ModelOptions, Numbers, TeacherSpec, read_options
from hearsight.teachers.teacher import Modality
from hearsight.units import SAMPLE_RATE
from hearsight.vocabulary import ControlCharacterError, parse_vocabulary

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of pixels in 0..1, with which torchvision's classifiers were trained."""

_FRONT_ENDS = {"vggish": VGGISH, "jia": JIA, "yamnet": dataclasses.replace(VGGISH, name="yamnet", log_offset=0.001)}
_NAME_KEYS = ("id2label", "names", "labels", "classes", "class_names")


class ONNXOptions(ModelOptions):
    """Options of ``onnx:``."""

    scale: float | None = Field(default=None, gt=0.0)
    """Factor on the pixels (0 to 255) of a float model."""
    mean: Numbers | None = None
    """Subtracted from the scaled pixels."""
    std: Numbers | None = None
    """Divisor of the pixels after the mean is subtracted."""
    size: int = Field(default=224, ge=8, le=4096)
    """Height and width of the images, for a model that takes any size."""
    sample_rate: int = Field(default=SAMPLE_RATE, ge=1000, le=384_000)
    """Sample rate of the model's input, in Hz."""
    front_end: Literal["vggish", "yamnet", "jia"] | None = None
    """The log-mel front end with which the model was trained."""
    output: int = Field(default=0, ge=0)
    """Index of the model's output that has the classes."""


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool = False) -> Classifier:
    """Load an ONNX model as a teacher; see :func:`hearsight.teachers.registry.load_teacher` for the errors."""
    options = read_options(ONNXOptions, spec)
    path, content = read_model_file(spec.where)
    session = _Session(content, path, options.output)
    if modality == "vision":
        model_input = _choose_image_input(session, options)
    elif options.front_end is not None:
        model_input = _choose_log_mel_input(session, options)
    else:
        model_input = _choose_waveform_input(session, options)
    model = Model(str(path), path.stem, content, model_input, session.run, options.activation, session.cancel)
    name_classes = functools.partial(
        find_classes,
        path,
        option=options.vocabulary,
        embedded=_read_names(session.metadata, path),
        outputs=session.output_classes,
        quiet=quiet,
    )
    return Classifier(spec, modality, model, name_classes)


def _choose_image_input(session: _Session, options: ONNXOptions) -> ModelInput:
    sizes = session.input_sizes
    channels = next((axis for axis in (1, 3) if len(sizes) == 4 and sizes[axis] == 3), None)
    if (
        channels is None
        or sizes[0] not in (1, None)
        or session.input_dtype not in ("float32", "float16", "float64", "uint8")
    ):
        wanted = "[1, 3, height, width] or [1, height, width, 3] of floats or uint8 for a vision teacher"
        raise TeacherError(session.path, f"an input {session.describe_input()}", wanted)
    height, width = (size or options.size for size in (sizes[2:] if channels == 1 else sizes[1:3]))
    check_size(session.path, "pixels of height", height, MAX_IMAGE_SIDE)
    check_size(session.path, "pixels of width", width, MAX_IMAGE_SIDE)
    defaults = (1 / 255, IMAGENET_MEAN, IMAGENET_STD) if channels == 1 else (1.0, (127.5,), (127.5,))
    scale = defaults[0] if options.scale is None else options.scale
    mean, std = options.mean or defaults[1], options.std or defaults[2]
    check_channels(session.path, mean=mean, std=std)
    session.sizes = [1, 3, height, width] if channels == 1 else [1, height, width, 3]
    fit = options.fit or "crop"
    return ImageInput(height, width, fit, channels == 1, session.input_dtype, mean, std, scale)


def _choose_waveform_input(session: _Session, options: ONNXOptions) -> ModelInput:
    sizes = session.input_sizes
    shaped = 1 <= len(sizes) <= 3 and all(size in (1, None) for size in sizes[:-1])
    if not shaped or not session.input_dtype.startswith("float"):
        hint = "a model that takes log-mel patches needs front_end=vggish, yamnet or jia" if len(sizes) > 2 else ""
        wanted = "[samples] or [1, samples] of floats for an audio teacher"
        raise TeacherError(session.path, f"an input {session.describe_input()}", wanted, hint)
    sample_rate = options.sample_rate
    stated = session.metadata.get("sample_rate", "")  # hearsight's own exports have this property
    if "sample_rate" not in options.model_fields_set and re.fullmatch(r"[0-9]{1,18}", stated):
        sample_rate = int(stated)
    num_samples = sizes[-1] or sample_rate
    check_size(session.path, "samples", max(sample_rate, num_samples), MAX_SAMPLES)
    session.sizes = [1] * (len(sizes) - 1) + [num_samples]
    return WaveformInput(num_samples, sample_rate)


def _choose_log_mel_input(session: _Session, options: ONNXOptions) -> ModelInput:
    front_end = _FRONT_ENDS[options.front_end or "vggish"]
    sizes = session.input_sizes
    axes = [axis for axis in range(1, len(sizes)) if sizes[axis] != 1]
    if len(axes) != 2 or sizes[0] not in (1, None) or all(sizes[axis] != front_end.n_mels for axis in axes):
        wanted = f"a patch of {front_end.n_mels} mels by frames for front_end={front_end.name}"
        raise TeacherError(session.path, f"an input {session.describe_input()}", wanted)
    # the front ends compute frames × mels; a square patch is taken for that
    mels_first = sizes[axes[1]] != front_end.n_mels
    num_frames = sizes[axes[1] if mels_first else axes[0]] or front_end.patch_frames
    check_size(session.path, "frames", num_frames, MAX_FRAMES)
    session.sizes = [1] * len(sizes)
    session.sizes[axes[0]], session.sizes[axes[1]] = (
        (front_end.n_mels, num_frames) if mels_first else (num_frames, front_end.n_mels)
    )
    return LogMelInput(front_end, num_frames, mels_first)


def _read_names(metadata: dict[str, str], path: Path) -> list[ClassList]:
    """Read class lists from the model's properties: JSON, a Python literal (Ultralytics), or names separated by lines or commas."""
    found: list[ClassList] = []
    for key in _NAME_KEYS:
        text = metadata.get(key, "").strip()
        try:
            vocabulary = parse_vocabulary(_to_json(text).encode(), f"{path} property {key!r}")
        except ControlCharacterError:
            raise
        except TableError:  # a property that happens to have such a name is not a class list, and not an error
            continue
        found.append(ClassList(vocabulary, f"its property {key!r}"))
    return found


def _to_json(text: str) -> str:
    if text.startswith(("[", "{")):
        # anything but a literal is JSON already, or refused by its parser
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return json.dumps(ast.literal_eval(text))
        return text
    names = text.splitlines() if "\n" in text else text.split(",")
    return json.dumps([name.strip() for name in names])


class _Session:
    """An ONNX graph with one thread, one input and one of its outputs."""

    def __init__(self, content: bytes, path: Path, output: int) -> None:
        self.path = path
        self._session = Session(content, path, error=TeacherError, most_bytes=MAX_MEMORY_BYTES)
        inputs, outputs = self._session.inputs, self._session.outputs
        if len(inputs) != 1:
            raise TeacherError(path, f"{len(inputs)} inputs", "one: an image, a waveform or a log-mel patch")
        if output >= len(outputs):
            raise TeacherError(path, f"output={output}, and {len(outputs)} outputs", f"0 to {len(outputs) - 1}")
        if not outputs[output].dtype.startswith("float"):
            floats = [index for index, port in enumerate(outputs) if port.dtype.startswith("float")]
            hint = " or ".join(f"output={index} is {outputs[index].describe()}" for index in floats)
            raise TeacherError(
                path, f"output={output} is {outputs[output].describe()}", "probabilities or logits", hint
            )
        self.output_classes = [count_classes(port.sizes) for port in outputs]
        check_output(path, outputs[output].sizes)
        self._input, self._output = inputs[0], outputs[output]
        self.metadata = self._session.metadata
        self.input_sizes, self.input_dtype = self._input.sizes, self._input.dtype
        self.sizes: list[int] = []

    def describe_input(self) -> str:
        """Return the shape and number format of the input, for an error."""
        return self._input.describe()

    def run(self, values: Shaped[np.ndarray, "*input"]) -> Float32[np.ndarray, "*output"]:
        """Return the output for one input."""
        values = values.astype(self.input_dtype, copy=False).reshape(self.sizes)
        return self._session.run({self._input.name: values}, [self._output.name])[0].astype(np.float32)

    def cancel(self) -> None:
        """End a run that continues in another thread."""
        self._session.cancel()
