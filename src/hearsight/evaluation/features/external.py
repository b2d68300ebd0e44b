"""Other people's models in the same harness: published classifiers, Hugging Face encoders, modules with the HEAR 2021 interface."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float32, Float64

from hearsight.errors import ConfigError, UsageError
from hearsight.evaluation.features.extractor import digest_extractor
from hearsight.files import hash_file
from hearsight.listening.segments import SegmentSplitter
from hearsight.models.segments import Segmentation
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.spec import TeacherSpec, parse_spec
from hearsight.teachers.teacher import Teacher
from hearsight.units import SAMPLE_RATE

FEATURES = ("logits", "probabilities")
"""How a classifier's answer describes a segment."""
LEAST_PROBABILITY = 1e-6
"""What a probability counts as at least, and one less it at most, in logits."""
HEAR_FUNCTIONS = ("load_model", "get_scene_embeddings")
"""The functions of HEAR's interface that a module must have."""

_BATCH_SEGMENTS = 32


class TeacherExtractor:
    """A published classifier's answer to each second of a clip, as features: logits of its probabilities, or these themselves."""

    pooled = False
    untrained = False
    sample_rate = SAMPLE_RATE

    def __init__(self, teacher: Teacher, features: str = "logits") -> None:
        self._teacher, self._features = teacher, features
        self.name = teacher.name
        self._splitter = SegmentSplitter(Segmentation(SAMPLE_RATE, SAMPLE_RATE), _BATCH_SEGMENTS)

    def compute_digest(self) -> str:
        """SHA-256 of the teacher's, and of what becomes of its answers."""
        return hashlib.sha256(f"{self._teacher.digest} {self._features} {LEAST_PROBABILITY}".encode()).hexdigest()

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return a row for each second; the last one ends with the clip."""
        heard = list(self._splitter.split([waveform]))
        values = np.concatenate([self._teacher.predict(part.waveforms) for part in heard])
        if self._features == "logits":
            bounded = np.clip(values.astype(np.float64), LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
            values = (np.log(bounded) - np.log1p(-bounded)).astype(np.float32)
        return values, np.concatenate([part.weights for part in heard])


class EncoderExtractor:
    """The mean over time of what a Hugging Face audio model makes of a whole clip."""

    pooled = True
    untrained = False

    def __init__(self, spec: TeacherSpec) -> None:
        from hearsight.teachers.runtimes.encoders import load_encoder

        self._encoder = load_encoder(spec)
        self.name = f"transformers:{Path(self._encoder.where).name}"
        self.sample_rate = self._encoder.sample_rate

    def compute_digest(self) -> str:
        """SHA-256 of its weights and settings, and of what it makes of a fixed noise."""
        return digest_extractor(self, self._encoder.digest)

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return one row."""
        return self._encoder.encode(waveform)[None], np.ones(1)


class HearExtractor:
    """The scene embedding of any module with the HEAR 2021 interface (https://hearbenchmark.com/hear-api.html).

    Parameters
    ----------
    module
        The module.
    model_file
        What its ``load_model`` is given; empty for its own default.

    Raises
    ------
    UsageError
        When it does not have the interface, or cannot load its model.
    """

    pooled = True
    untrained = False

    def __init__(self, module: ModuleType, model_file: str = "") -> None:
        self._module, self._file = module, model_file
        self.name = f"hear:{module.__name__}"
        lacking = [name for name in HEAR_FUNCTIONS if not callable(getattr(module, name, None))]
        if lacking:
            raise UsageError(self.name, f"no function {' and '.join(lacking)}", "the HEAR 2021 interface")
        self._model = self._call("load_model", *([model_file] if model_file else []))
        for name in ("sample_rate", "scene_embedding_size"):
            if not isinstance(getattr(self._model, name, None), int):
                raise UsageError(self.name, f"a model without {name}", "the HEAR 2021 interface")
        self.sample_rate = int(self._model.sample_rate)

    def compute_digest(self) -> str:
        """SHA-256 of the module's code and the model's file, and of what they make of a fixed noise."""
        digest = hashlib.sha256(self.name.encode())
        for path in (inspect.getsourcefile(self._module), self._file):
            if path and Path(path).is_file():
                digest.update(hash_file(Path(path)).encode())
        return digest_extractor(self, f"{digest.hexdigest()} {self._file}")

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return one row, of the length that the model announces.

        Raises
        ------
        UsageError
            When the module fails, or gives something else.
        """
        with torch.inference_mode():
            given = self._call("get_scene_embeddings", torch.from_numpy(waveform.copy())[None], self._model)
        values = given.float().cpu().numpy() if isinstance(given, torch.Tensor) else np.asarray(given, np.float32)
        size = int(self._model.scene_embedding_size)
        if values.shape != (1, size):
            raise UsageError(self.name, f"a scene embedding of shape {values.shape}", f"(1, {size}), as announced")
        return values, np.ones(1)

    def _call(self, function: str, *arguments: Any) -> Any:
        try:
            return getattr(self._module, function)(*arguments)
        except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(f"{self.name}: {function}", f"fails ({reason:.300})", "the HEAR 2021 interface") from error


def load_external_model(text: str) -> TeacherExtractor | EncoderExtractor | HearExtractor:
    """Load somebody else's model.

    Parameters
    ----------
    text
        ``litert:FILE`` or ``onnx:FILE``, a classifier of sounds as for the audio teachers, with their options, and
        ``features=logits`` (the default) or ``features=probabilities``; ``transformers:REPOSITORY_OR_FOLDER``, whose hidden states
        are averaged; or ``hear:MODULE[=MODEL_FILE]``.

    Raises
    ------
    UsageError
        When an option is unknown, a module cannot be imported or has another interface, or a package is not installed.
    TeacherError
        When the model is absent, broken, or takes no sound.
    """
    kind, _, rest = text.partition(":")
    if kind == "hear":
        name, _, model_file = rest.partition("=")
        return HearExtractor(_import(text, name), model_file)
    spec = parse_spec(text)
    if not spec.where:
        raise ConfigError(text, "has no model after the colon", f"{kind}:WHERE")
    if kind == "transformers":
        return EncoderExtractor(spec)
    features = spec.options.pop("features", FEATURES[0])
    if features not in FEATURES:
        raise ConfigError(text, f"features={features}", " or ".join(FEATURES))
    options = "".join(f",{key}={value}" for key, value in spec.options.items())
    return TeacherExtractor(cast(Teacher, load_teacher(f"{kind}:{spec.where}{options}", "audio")), features)


def _import(text: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, ValueError, SyntaxError) as error:
        raise UsageError(text, f"the module {name!r} cannot be imported ({error})", "hear:MODULE") from error
