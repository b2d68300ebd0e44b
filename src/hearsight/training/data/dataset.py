"""What training reads of a dataset.

:class:`~hearsight.dataset.reader.Dataset` has all of it; so has any object of a caller's own with these members.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, cast, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64

from hearsight.clips.folds import NUM_FOLDS
from hearsight.console import print_message
from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError, UsageError
from hearsight.models.checkpoint_config import ClassOrigin, Sense


@runtime_checkable
class Labels(Protocol):
    """The labels of one clip, as indices of the dataset's classes."""

    @property
    def visual(self) -> Int32[np.ndarray, " visual_labels"]:
        """Classes that a vision teacher found."""
        ...

    @property
    def audio(self) -> Int32[np.ndarray, " audio_labels"]:
        """Classes that an audio teacher found."""
        ...


@runtime_checkable
class TrainingData(Protocol):
    """A dataset with sounds, labels, and a split into training and validation clips."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        ...

    @property
    def sample_rate(self) -> int:
        """Sample rate of the stored sounds in Hz."""
        ...

    @property
    def digest(self) -> str:
        """A string that identifies the dataset's content."""
        ...

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Length of each clip in samples."""
        ...

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " chosen"]:
        """Return the indices of a split's clips."""
        ...

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Return samples of a clip; fewer than asked for where the clip ends."""
        ...

    def labels(self, index: int) -> Labels:
        """Return the labels of a clip."""
        ...


@runtime_checkable
class TeacherClass(Protocol):
    """A class with the teacher that has it."""

    @property
    def teacher(self) -> str:
        """Name of the teacher."""
        ...

    @property
    def modality(self) -> Literal["vision", "audio"]:
        """What the teacher labels: pictures or sounds."""
        ...


@runtime_checkable
class ClassifiedData(TrainingData, Protocol):
    """A dataset that records which teacher each class comes from."""

    @property
    def classes(self) -> Sequence[TeacherClass]:
        """The classes, in the order of the names."""
        ...


@runtime_checkable
class SoftTrainingData(TrainingData, Protocol):
    """A dataset that has kept its teachers' soft labels."""

    @property
    def visual_heads(self) -> tuple[Int32[np.ndarray, " _"], ...]:
        """Indices of each vision teacher's classes."""
        ...

    def distribution(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Return, for each vision teacher, a distribution over its classes; zeros where the teacher has no output for the clip."""
        ...

    def probabilities(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Return the teachers' probability of each class of a clip; zero where the dataset has not kept it."""
        ...


@runtime_checkable
class PictureTrainingData(SoftTrainingData, Protocol):
    """A dataset that has kept its vision teachers' outputs for single pictures."""

    def picture_distributions(self, index: int) -> Float32[np.ndarray, "pictures classes"]:
        """Return the distributions of each picture of a clip, in order of time; zeros where a teacher has no output."""
        ...


def open_data(dataset: str | Path | TrainingData) -> TrainingData:
    """Open a dataset folder; an open dataset is returned unchanged.

    Raises
    ------
    DatasetError
        When the folder cannot be read.
    """
    if isinstance(dataset, str | Path):
        # pyright does not accept a cached property where a protocol asks for a property
        return cast(TrainingData, Dataset(dataset))
    return dataset


def restrict_teachers(data: TrainingData, teachers: Sequence[str]) -> TrainingData:
    """Return a dataset with the classes and labels of some of its teachers only; unchanged where none is named.

    Raises
    ------
    UsageError
        When a name fits no teacher or several, or the data is not a :class:`~hearsight.dataset.reader.Dataset`.
    """
    if not teachers:
        return data
    if not isinstance(data, Dataset):
        found = f"{', '.join(teachers)} for a {type(data).__name__}"
        raise UsageError("teachers", found, "a dataset that hearsight wrote, since others do not name their teachers")
    return cast(TrainingData, data.with_teachers(teachers))


def take_all_classes(data: TrainingData) -> TrainingData:
    """Return a dataset whose vocabulary has every class of its teachers, whether it is a label of a clip or not.

    Raises
    ------
    UsageError
        When the data is not a :class:`~hearsight.dataset.reader.Dataset`.
    """
    if not isinstance(data, Dataset):
        raise UsageError("all_classes", f"a {type(data).__name__}", "a dataset that hearsight wrote")
    return cast(TrainingData, data.with_all_classes())


def list_teachers(data: TrainingData) -> list[str]:
    """Return the names of the teachers of a dataset, in order; those that have classes, where the data is not a Dataset."""
    if isinstance(data, Dataset):
        return [teacher.name for teacher in data.manifest.teachers]
    return list(dict.fromkeys(each.teacher for each in data.classes)) if isinstance(data, ClassifiedData) else []


def name_clips(data: TrainingData, clips: Sequence[int], most: int = 4) -> str:
    """Return the UUIDs of some clips, or their indices where the data is not a Dataset, as text for a message."""
    shown = list(clips[:most])
    names = data.name_clips(shown) if isinstance(data, Dataset) else list(map(str, shown))
    more = [f"{len(clips) - most} more"] if len(clips) > most else []
    return " and ".join(part for part in (", ".join(names), *more) if part)


def list_class_ids(data: TrainingData) -> dict[tuple[str, int], str]:
    """Return the id in a public list of each class that has one, by its teacher and its place in the teacher's output."""
    if not isinstance(data, Dataset):
        return {}
    table = data.class_table()
    keys = zip(table.column("teacher").to_pylist(), table.column("class_index").to_pylist(), strict=True)
    return {key: identity for key, identity in zip(keys, table.column("id").to_pylist(), strict=True) if identity}


def list_origins(data: TrainingData, names: Sequence[str]) -> tuple[ClassOrigin, ...]:
    """Return the sense and the teacher of each class that is learned, where the dataset knows them."""
    if not isinstance(data, ClassifiedData):
        return ()
    senses: dict[str, Sense] = {"audio": "heard", "vision": "seen"}
    ids = list_class_ids(data)
    origins = [
        ClassOrigin(
            sense=senses[each.modality],
            teacher=each.teacher,
            id=ids.get((each.teacher, getattr(each, "class_index", -1))),
        )
        for each in data.classes
    ]
    by_name = dict(zip(data.names, origins, strict=True))
    return tuple(by_name[name] for name in names)


def choose_media(data: TrainingData, clips: Int64[np.ndarray, " clips"], share: float) -> Int64[np.ndarray, " chosen"]:
    """Return the clips of a share of the folds, lowest first: folds are assigned to videos by their content, so each has as many.

    The clips of a smaller share are a part of those of a larger one.

    Raises
    ------
    DatasetError
        When the data have no folds.
    """
    if share == 1.0:
        return clips
    if not isinstance(data, Dataset):
        raise DatasetError("the data", f"media_share = {share:g}, and no folds", "a dataset of hearsight build")
    first = data.manifest.validation_folds
    chosen = clips[data.folds[clips] < first + share * (NUM_FOLDS - first)]
    print_message(f"{len(chosen):,} of {len(clips):,} training clips are of {share:.2%} of the videos")
    return chosen


def choose_agreeing(
    data: TrainingData, clips: Int64[np.ndarray, " clips"], least: float | None
) -> Int64[np.ndarray, " chosen"]:
    """Return the clips whose picture and sound agree at least so well; all of them where ``least`` is None.

    Raises
    ------
    DatasetError
        When the agreement of the dataset's clips is not known.
    """
    if least is None:
        return clips
    agreement = data.agreement if isinstance(data, Dataset) else None
    if agreement is None:
        where = data.path if isinstance(data, Dataset) else "the data"
        hint = "hearsight stats DATASET computes it"
        raise DatasetError(where, f"min_agreement = {least:g}, and no agreement", "that of each clip", hint)
    chosen = clips[agreement[clips] >= least]
    print_message(f"{len(clips) - len(chosen):,} of {len(clips):,} training clips agree less than {least:g}")
    return chosen
