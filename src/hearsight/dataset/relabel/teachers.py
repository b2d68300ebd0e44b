"""The teachers of a dataset that is labelled again: those that are new, and those whose answers it has already."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hearsight.config import LabelConfig
from hearsight.dataset.layout import TeacherRecord
from hearsight.dataset.reader import Dataset
from hearsight.errors import UsageError
from hearsight.teachers.classes import TeacherClass, list_classes
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import Modality, Teacher


@dataclasses.dataclass(frozen=True)
class Labeller:
    """A teacher of the new dataset.

    Attributes
    ----------
    name, spec, modality, digest
        As those of a teacher.
    classes
        All of its classes, in the order of its outputs.
    kept
        Whether its answers are in the dataset already.
    """

    name: str
    spec: str
    modality: Modality
    digest: str
    classes: tuple[TeacherClass, ...]
    kept: bool


def choose_labellers(parent: Dataset, config: LabelConfig) -> list[Labeller]:
    """Return the vision teachers, then the audio teachers, of a dataset that is labelled again.

    A modality without new teachers keeps those of the dataset. A new teacher that is the same as one of the dataset, with as many
    classes kept, answers nothing again either.

    Raises
    ------
    UsageError
        When a new teacher has no classes before it is fitted, or pictures of a dataset of mixtures are to be labelled.
    ConfigError, MissingExtraError, TeacherError
        As :func:`~hearsight.teachers.registry.load_teacher` does.
    """
    if config.vision and parent.is_mixed:
        found = f"a dataset of {len(parent):,} mixtures, which have no pictures"
        raise UsageError(str(parent.path), found, "audio teachers alone")
    there = {record.name: record for record in parent.manifest.teachers}
    same_top = int(parent.manifest.config.get("soft_top", 100)) == config.soft_top
    labellers: list[Labeller] = []
    named: tuple[tuple[Modality, tuple[str, ...]], ...] = (("vision", config.vision), ("audio", config.audio))
    for modality, specs in named:
        if not specs:
            labellers += [keep_teacher(parent, record) for record in there.values() if record.modality == modality]
        for spec in specs:
            teacher = _load(spec, modality, quiet=False)
            record = there.get(teacher.name)
            kept = record is not None and record.digest == teacher.digest and same_top
            classes = list_classes(teacher)
            labellers.append(Labeller(teacher.name, spec, modality, teacher.digest, classes, kept))
    names = [one.name for one in labellers]
    if len(set(names)) < len(names):
        raise UsageError("teachers", f"two of the same name ({', '.join(names)})", "each teacher once")
    return labellers


def load_new_teachers(vision: Sequence[str], audio: Sequence[str], *, quiet: bool) -> list[Teacher]:
    """Load teachers by their specs, vision first; see :func:`choose_labellers` for the errors."""
    return [_load(spec, "vision", quiet=quiet) for spec in vision] + [_load(one, "audio", quiet=quiet) for one in audio]


def _load(spec: str, modality: Modality, *, quiet: bool) -> Teacher:
    teacher = load_teacher(spec, modality, quiet=quiet)
    if not isinstance(teacher, Teacher):
        found = "a teacher that is fitted to a dataset while it is built"
        raise UsageError(f"{modality} teacher {spec}", found, "a teacher with classes")
    return teacher


def keep_teacher(parent: Dataset, record: TeacherRecord) -> Labeller:
    """Return a teacher of the dataset, whose model is not needed: its classes are in the dataset too."""
    rows = [row for row in parent.class_table().to_pylist() if row["teacher"] == record.name]
    known = {row["class_index"]: row for row in rows}
    unknown = {"name": None, "id": None}  # a dataset of format version 1 names only the classes that are used
    found = [(index, known.get(index, unknown)) for index in range(record.num_classes)]
    classes = tuple(
        TeacherClass(record.name, record.modality, index, row["name"] or f"class {index}", row["id"])
        for index, row in found
    )
    return Labeller(record.name, record.spec, record.modality, record.digest, classes, kept=True)
