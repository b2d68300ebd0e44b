"""The kinds of teacher, and loading one by its spec.

=================  =====================================================================================================
``clusters``       k-means over descriptors of the dataset itself; needs no model (``clusters.py``)
``litert``         a LiteRT (TensorFlow Lite) classifier of pictures or of waveforms (``litert.py``)
``onnx``           an ONNX classifier of pictures, waveforms or log-mel patches (``onnx.py``)
``transformers``   a Hugging Face classifier of pictures or sounds, or one that compares them with texts (``transformers.py``)
=================  =====================================================================================================

Nothing but the kind that is asked for is imported.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, cast

from hearsight.errors import ConfigError, guess
from hearsight.teachers.spec import TeacherSpec, parse_spec
from hearsight.teachers.teacher import FittedTeacher, Modality, Teacher


def load_teacher(spec: str, modality: Modality, *, quiet: bool = False) -> Teacher | FittedTeacher:
    """Load a teacher.

    Parameters
    ----------
    spec
        ``kind:where[,option=value...]``.
    modality
        Whether it is to see or to hear.
    quiet
        Say nothing about where the class names were found: for worker processes, whose parent has said it already.

    Raises
    ------
    ConfigError
        When the spec names no known kind, or an option that its kind does not have.
    MissingExtraError
        When the package that runs this kind is not installed.
    TeacherError
        When the model is absent, broken, of the other modality, or has another number of classes than its vocabulary.
    """
    parsed = parse_spec(spec)
    if parsed.kind == "clusters":
        return _make_clusters(parsed, modality)
    if not parsed.where:
        raise ConfigError(f"teacher {spec!r}", "does not say where the model is", f"{parsed.kind}:WHERE")
    module = importlib.import_module(f"hearsight.teachers.{parsed.kind}")
    return cast(Teacher, module.load(parsed, modality, quiet=quiet))


def _make_clusters(spec: TeacherSpec, modality: Modality) -> FittedTeacher:
    if spec.where:
        raise ConfigError(f"teacher {spec.text!r}", f"{spec.where!r} is no option", "clusters, or clusters:k=NUMBER")
    maker: Any = importlib.import_module("hearsight.teachers.clusters").ClusterTeacher
    known = [name for name in inspect.signature(maker).parameters if name not in ("self", "modality", "spec")]
    options: dict[str, int] = {}
    for key, value in spec.options.items():
        if key not in known:
            raise ConfigError(f"teacher {spec.text!r}", f"unknown option {key!r}", hint=guess(key, known))
        try:
            options[key] = int(value)
        except ValueError as error:
            raise ConfigError(f"teacher {spec.text!r}", f"{key}={value}", "a whole number") from error
    return cast(FittedTeacher, maker(modality=modality, **options))
