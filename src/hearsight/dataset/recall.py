"""Who labels the mixtures of a dataset: its own teachers, loaded again as they were, or others that are named."""

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
    """Load who labels mixtures: the vision teachers of the dataset, if they are to, and the audio teachers, given or its own.

    Raises
    ------
    UsageError
        When there is no audio teacher, or no vision teacher though one is wished for; or a given one has no classes of its own.
    TeacherError
        When a teacher is absent or has changed.
    """
    seeing = [recall_teacher(dataset, record) for record in list_seeing(dataset, config)]
    if config.vision and not seeing:
        raise UsageError(
            str(dataset.path), "a dataset without a vision teacher", "one that saw it", "leave out --vision"
        )
    return seeing + load_hearing(dataset, config, quiet=quiet)


def load_hearing(dataset: Dataset, config: MixConfig, *, quiet: bool = False) -> list[Teacher]:
    """Load the audio teachers, as :func:`load_mix_teachers` does."""
    if config.audio:
        return load_given(config.audio, quiet=quiet)
    hearing = [recall_teacher(dataset, record) for record in dataset.manifest.teachers if record.modality == "audio"]
    if not hearing:
        raise UsageError(
            str(dataset.path), "a dataset without an audio teacher", "one to hear mixtures", "--audio SPEC"
        )
    return hearing


def load_given(specs: Sequence[str], *, quiet: bool = False) -> list[Teacher]:
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
                f"audio teacher {spec}", "finds its classes in videos", "one that has some", "leave it out"
            )
        loaded.append(teacher)
    return loaded


def list_seeing(dataset: Dataset, config: MixConfig) -> list[TeacherRecord]:
    """List the vision teachers whose word comes along; workers need not load them, since all has been said."""
    return [record for record in dataset.manifest.teachers if config.vision and record.modality == "vision"]


def recall_teacher(dataset: Dataset, record: TeacherRecord) -> Teacher:
    """Load a teacher of a dataset as it was when the dataset was built.

    Raises
    ------
    TeacherError
        When it is absent, or not the same.
    """
    teacher = load_teacher(record.spec, record.modality, quiet=True)
    if teacher.digest != record.digest:
        other = "name another with --audio" if record.modality == "audio" else "leave out --vision"
        raise TeacherError(record.spec, "has changed since the dataset was built", "the same model and classes", other)
    if not isinstance(teacher, FittedTeacher):
        return teacher
    teacher.load(Layout(dataset.path).teacher(record.name))
    return FrozenTeacher(teacher)
