"""The kinds of teacher, and the function that loads a teacher from its spec.

=================  =====================================================================================================
``clusters``       k-means over descriptors of the dataset itself; needs no model (``clusters.py``)
``litert``         a LiteRT (TensorFlow Lite) classifier of images or of waveforms (``runtimes/litert.py``)
``onnx``           an ONNX classifier of images, waveforms or log-mel patches (``runtimes/onnx.py``)
``transformers``   a Hugging Face classifier of images or sounds, or one that compares them with text (``runtimes/transformers.py``)
``student``        a checkpoint of hearsight, which labels sounds for the next one (``runtimes/student.py``)
``prompts``        a list of words that a Hugging Face model compares with images or sounds (``runtimes/prompts.py``)
=================  =====================================================================================================

Other packages add kinds through the entry point group ``hearsight.teachers``. The entry point's name is the kind, its object a
function ``load(spec, modality, *, quiet)`` that takes a :class:`~hearsight.teachers.spec.TeacherSpec` and returns a
:class:`~hearsight.teachers.teacher.Teacher` or a :class:`~hearsight.teachers.teacher.FittedTeacher`.

Only the requested kind is imported.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from typing import Any, cast

from hearsight.errors import ConfigError, HearsightError, TeacherError, guess
from hearsight.teachers.checked import CheckedTeacher, check_properties
from hearsight.teachers.spec import ENTRY_POINTS, KINDS, TeacherSpec, parse_spec
from hearsight.teachers.teacher import FittedTeacher, Modality, Teacher


def load_teacher(spec: str, modality: Modality, *, quiet: bool = False) -> Teacher | FittedTeacher:
    """Load a teacher.

    Parameters
    ----------
    spec
        ``kind:where[,option=value...]``.
    modality
        Whether it is to recognise images or sounds.
    quiet
        Whether to print nothing about where class names were found; for worker processes, whose parent has printed it.

    Raises
    ------
    ConfigError
        When the kind is unknown, or has no such option.
    MissingExtraError
        When the package that runs this kind is not installed.
    TeacherError
        When the model is absent, broken, too large, or of the other modality, or when its number of classes differs from that of
        its vocabulary.
    """
    parsed = parse_spec(spec)
    plugin = _find_plugin(parsed)
    if plugin is not None:
        return _load_plugin(plugin, parsed, modality, quiet=quiet)
    if parsed.kind == "clusters":
        return _make_clusters(parsed, modality)
    if not parsed.where:
        raise ConfigError(f"teacher {spec!r}", f"{parsed.kind} without a model", f"{parsed.kind}:WHERE")
    module = importlib.import_module(f"hearsight.teachers.runtimes.{parsed.kind}")
    return cast(Teacher, module.load(parsed, modality, quiet=quiet))


def _find_plugin(spec: TeacherSpec) -> importlib.metadata.EntryPoint | None:
    """Return the entry point of a kind that is not part of hearsight."""
    found = list(importlib.metadata.entry_points(group=ENTRY_POINTS, name=spec.kind))
    packages = sorted({entry.dist.name if entry.dist else entry.value for entry in found})
    if spec.kind in KINDS:
        if found:
            raise ConfigError(
                f"teacher {spec.text!r}",
                f"{' and '.join(packages)} provides the kind {spec.kind!r}, which is part of hearsight",
                "a kind of another name",
            )
        return None
    if len(packages) > 1:
        raise ConfigError(
            f"teacher {spec.text!r}", f"{' and '.join(packages)} all provide the kind {spec.kind!r}", "one package"
        )
    return found[0]


def _load_plugin(
    plugin: importlib.metadata.EntryPoint, spec: TeacherSpec, modality: Modality, *, quiet: bool
) -> Teacher | FittedTeacher:
    """Load a teacher by another package's function; whatever goes wrong there is an error of this teacher."""
    where = f"teacher {spec.text!r}"
    try:
        teacher = plugin.load()(spec, modality, quiet=quiet)
    except HearsightError:
        raise
    except Exception as error:
        found = f"{plugin.value} failed ({type(error).__name__}: {error})"
        raise TeacherError(where, found, "a teacher") from error
    if isinstance(teacher, FittedTeacher):
        check_properties(teacher, where, modality)
        return teacher
    if isinstance(teacher, Teacher):
        return CheckedTeacher(teacher, where, modality)
    wanted = "a Teacher or a FittedTeacher (hearsight.teachers.teacher)"
    raise TeacherError(where, f"{plugin.value} returned a {type(teacher).__name__}", wanted)


def _make_clusters(spec: TeacherSpec, modality: Modality) -> FittedTeacher:
    where = f"teacher {spec.text!r}"
    if spec.where:
        raise ConfigError(where, f"{spec.where!r} is not an option", "clusters, or clusters:k=NUMBER")
    maker: Any = importlib.import_module("hearsight.teachers.clusters").ClusterTeacher
    known = [name for name in inspect.signature(maker).parameters if name not in ("self", "modality", "spec")]
    options: dict[str, int] = {}
    for key, value in spec.options.items():
        if key not in known:
            raise ConfigError(where, f"unknown option {key!r}", hint=guess(key, known))
        try:
            options[key] = int(value)
        except ValueError as error:
            raise ConfigError(where, f"{key}={value}", "a whole number") from error
    return cast(FittedTeacher, maker(modality=modality, **options))
