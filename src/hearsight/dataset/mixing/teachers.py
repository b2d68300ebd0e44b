"""The teachers that label mixtures: those of the dataset itself, reloaded, or audio teachers given by the user."""

from __future__ import annotations

from collections.abc import Sequence

from hearsight.config import MixConfig
from hearsight.dataset.layout import Layout, TeacherRecord
from hearsight.dataset.reader import Dataset
from hearsight.errors import TeacherError, UsageError
from hearsight.teachers.frozen import FrozenTeacher
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Teacher


def load_mix_teachers(dataset: Dataset, config: MixConfig, *, quiet: bool = False) -> list[Teacher]:
    """Load all teachers that label mixtures: the dataset's vision teachers where ``config.vision`` is set, then audio teachers.

    Parameters
    ----------
    dataset
        The dataset that mixtures are made from.
    config
        Names the audio teachers; where it names none, the dataset's own are loaded.
    quiet
        Suppress messages, for workers.

    Raises
    ------
    UsageError
        When there is no audio teacher, or no vision teacher though ``config.vision`` is set, or a named teacher has no classes
        before it is fitted.
    TeacherError
        When a teacher's file is absent or has changed since the build.
    """
    vision = [reload_teacher(dataset, record) for record in list_vision_teachers(dataset, config)]
    if config.vision and not vision:
        found = f"a dataset without a vision teacher ({_name_teachers(dataset)})"
        raise UsageError(str(dataset.path), found, "at least one", "leave out --vision")
    return vision + load_audio_teachers(dataset, config, quiet=quiet)


def load_audio_teachers(dataset: Dataset, config: MixConfig, *, quiet: bool = False) -> list[Teacher]:
    """Load the audio teachers of :func:`load_mix_teachers`."""
    if config.audio:
        return load_given_teachers(config.audio, quiet=quiet)
    audio = [reload_teacher(dataset, record) for record in dataset.manifest.teachers if record.modality == "audio"]
    if not audio:
        raise UsageError(
            str(dataset.path),
            f"a dataset without an audio teacher ({_name_teachers(dataset)})",
            "at least one",
            "name one with --audio SPEC",
        )
    return audio


def load_given_teachers(specs: Sequence[str], *, quiet: bool = False) -> list[Teacher]:
    """Load audio teachers by their specs.

    Raises
    ------
    UsageError
        When one has no classes before it is fitted.
    ConfigError, MissingExtraError, TeacherError
        As :func:`~hearsight.teachers.registry.load_teacher` does.
    """
    loaded: list[Teacher] = []
    for spec in specs:
        teacher = load_teacher(spec, "audio", quiet=quiet)
        if not isinstance(teacher, Teacher):
            raise UsageError(
                f"audio teacher {spec}",
                f"a teacher that is fitted to a dataset ({teacher.name})",
                "a teacher with classes",
                "leave it out",
            )
        loaded.append(teacher)
    return loaded


def list_vision_teachers(dataset: Dataset, config: MixConfig) -> list[TeacherRecord]:
    """List the vision teachers whose labels are mixed too. Their outputs are stored, so that workers need not load them."""
    return [record for record in dataset.manifest.teachers if config.vision and record.modality == "vision"]


def reload_teacher(dataset: Dataset, record: TeacherRecord) -> Teacher:
    """Load a teacher of a dataset in the state that it had when the dataset was built.

    Raises
    ------
    TeacherError
        When its file is absent or has changed.
    """
    teacher = load_teacher(record.spec, record.modality, quiet=True)
    if teacher.digest != record.digest:
        other = "name another with --audio" if record.modality == "audio" else "leave out --vision"
        raise TeacherError(
            record.spec,
            f"has changed since the dataset was built ({teacher.digest:.12}…, then {record.digest:.12}…)",
            "the same model and classes",
            other,
        )
    if not isinstance(teacher, FittedTeacher):
        return teacher
    teacher.load(Layout(dataset.path).teacher(record.name))
    return FrozenTeacher(teacher)


def _name_teachers(dataset: Dataset) -> str:
    return ", ".join(record.name for record in dataset.manifest.teachers) or "none at all"
