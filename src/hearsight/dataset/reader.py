"""Reading a finished dataset: any second of any clip in microseconds, and the labels of the policy.

Sound is memory-mapped. Opening a dataset reads no sample. Before the first sample of a shard is read, the checksum of the shard is
verified; after that a random second touches only the pages of that second.
"""

from __future__ import annotations

import bisect
import copy
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int16, Int32, Int64

from hearsight.console import print_message
from hearsight.dataset.checks import FileChecks, check_complete
from hearsight.dataset.index.arrays import read_index
from hearsight.dataset.index.items import ItemRows
from hearsight.dataset.index.rows import MappedRows, TableRows, list_bounds
from hearsight.dataset.index.shards import SAMPLE_BYTES, ShardFiles, place_classes
from hearsight.dataset.layout import MIXED_FROM, ClassRecord, Layout, Manifest, read_manifest
from hearsight.dataset.statistics import BuildSummary, read_summary
from hearsight.dataset.survey.agreement import read_agreement
from hearsight.dataset.teacher_choice import choose_teachers, keep_classes, list_all_classes
from hearsight.errors import DatasetError
from hearsight.records import CLASS_SCHEMA, SOURCE_SCHEMA, SoftLabels


@dataclasses.dataclass(frozen=True)
class ClipLabels:
    """The labels of one clip, as indices of the dataset's vocabulary, most probable first."""

    visual: Int32[np.ndarray, " visual_labels"]
    audio: Int32[np.ndarray, " audio_labels"]


class Dataset:
    """A dataset folder.

    Parameters
    ----------
    path
        The folder that ``hearsight build`` wrote.
    verify
        Whether to verify the checksum of each file before it is read for the first time.
    quiet
        Suppress the message that a dataset of an earlier version has no checksums.

    Raises
    ------
    DatasetError
        When the folder is no finished dataset, has another version, a file is missing or damaged, or the files are not of the same
        clips. Damage of a shard is found when it is read for the first time.

    Examples
    --------
    >>> dataset = hearsight.Dataset("dataset")
    >>> len(dataset) > 0
    True
    >>> waveform = dataset.read(0)  # the first clip: int16, at dataset.sample_rate
    >>> labels = [dataset.names[index] for index in dataset.labels(0).visual]
    """

    def __init__(self, path: str | Path, *, verify: bool = True, quiet: bool = False) -> None:
        self.path = Path(path)
        self._layout = Layout(self.path)
        self.manifest: Manifest = read_manifest(self.path)
        if self.manifest.files is None and not quiet:
            print_message(
                f"{self.path}: made by an earlier version without checksums, so that damage cannot be noticed"
            )
        check_complete(self.path, FileChecks(self.path, self.manifest.files))
        checks = FileChecks(self.path, self.manifest.files if verify else None)
        self._files = ShardFiles(self.path, self.manifest, checks)
        self.classes: list[ClassRecord] = self._files.read_vocabulary()
        self._places = _place_all(self.manifest, self.classes)
        self._bounds: list[int] = list_bounds(self.manifest).tolist()
        self._sounds: dict[int, np.ndarray] = {}
        self._items: dict[int, ItemRows] = {}
        index = read_index(self._layout)
        self._rows = TableRows(self._files) if index is None else MappedRows(self._files, index, verify=verify)

    @property
    def names(self) -> tuple[str, ...]:
        """The multi-modal vocabulary: the used classes of all teachers."""
        return tuple(record.name for record in self.classes)

    @property
    def sample_rate(self) -> int:
        """Hz of the stored sound."""
        return self.manifest.sample_rate

    @functools.cached_property
    def digest(self) -> str:
        """Identifies the dataset by its configuration, teachers and clips."""
        return self._rows.digest

    @property
    def is_mixed(self) -> bool:
        """Whether its clips are mixtures of those of another dataset."""
        return MIXED_FROM in self.manifest.config

    @functools.cached_property
    def summary(self) -> BuildSummary:
        """The counts of the build."""
        return read_summary(self._layout.summary)

    def __len__(self) -> int:
        return self.manifest.num_clips

    def with_teachers(self, wanted: Sequence[str]) -> Dataset:
        """Return the same dataset as if only some of its teachers had labelled it, in the order given.

        Its vocabulary has the classes of these teachers only, so the indices of classes differ; their names, the clips and the
        digest stay the same.

        Parameters
        ----------
        wanted
            Teachers, as :func:`~hearsight.dataset.teacher_choice.choose_teachers` takes them.

        Raises
        ------
        UsageError
            When a name fits no teacher or several, or a teacher is named twice.
        """
        chosen = choose_teachers(self.manifest.teachers, wanted)
        other = copy.copy(self)
        other.manifest = self.manifest.model_copy(update={"teachers": tuple(chosen)})
        other.classes = keep_classes(self.classes, chosen)
        other._places = _place_all(other.manifest, other.classes)
        return other

    def with_all_classes(self) -> Dataset:
        """Return the same dataset with every class of its teachers in the vocabulary, whether it is a label of a clip or not.

        The classes of a teacher are in its own order (Aytar 2016: 1,000 objects and 401 scenes).
        """
        other = copy.copy(self)
        other.classes = list_all_classes(self.class_table(), self.classes, self.manifest.teachers)
        other._places = _place_all(other.manifest, other.classes)
        return other

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        return self._rows.num_samples

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Return samples of a clip as a view into the mapped file; fewer than asked for where the clip ends.

        Parameters
        ----------
        index
            The clip.
        start
            First sample within the clip.
        num_samples
            How many; by default all up to the end of the clip.

        Raises
        ------
        DatasetError
            When the shard turns out to be damaged; it is verified when its first sample is read.
        """
        length = int(self._rows.num_samples[index])
        begin = min(start, length)
        end = length if num_samples is None else min(begin + num_samples, length)
        first = int(self._rows.first_byte[index]) // SAMPLE_BYTES
        return self._map_sound(self._find_shard(index))[first + begin : first + end]

    def _find_shard(self, index: int) -> int:
        """Return the place of a clip's shard in the manifest."""
        if index < 0:
            index += len(self)
        return bisect.bisect_right(self._bounds, index) - 1  # of a list, this takes a tenth of the time of NumPy's

    def _map_sound(self, place: int) -> Int16[np.ndarray, " values"]:
        if place not in self._sounds:
            self._sounds[place] = self._files.map_sound(self.manifest.shards[place].index)
        return self._sounds[place]

    def clips(self) -> pa.Table:
        """Read the clip table, rows in the order of the indices."""
        return self._read_clips()

    def name_clips(self, indices: Sequence[int]) -> list[str]:
        """Return the UUIDs of some clips, reading only the tables of their shards."""
        names: list[str] = []
        for index in indices:
            place = self._find_shard(index)
            table = self._files.read_table(self._layout.clips(self.manifest.shards[place].index), ["uuid"])
            names.append(str(table.column("uuid")[index - self._bounds[place]]))
        return names

    def list_media(self) -> pa.ChunkedArray:
        """Return the source files, each once, in the order of their first clips."""
        return pa.chunked_array([self._read_clips(["source"]).column("source").unique()])

    @property
    def folds(self) -> Int32[np.ndarray, " clips"]:
        """Fold of each clip."""
        return self._rows.folds

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " clips"]:
        """Return the clips of a split. All clips of a source are in the same split, since the split is by fold."""
        in_validation = self.folds < self.manifest.validation_folds
        return np.flatnonzero(in_validation if split == "validation" else ~in_validation)

    @functools.cached_property
    def agreement(self) -> Float32[np.ndarray, " clips"] | None:
        """How well picture and sound of each clip agree, as :mod:`hearsight.dataset.survey.agreement` defines it.

        It is NaN where a clip has no label of one of them, and None where it was never computed.
        """
        return read_agreement(self.path, self.digest)

    def labels(self, index: int) -> ClipLabels:
        """Return the labels of one clip."""
        return ClipLabels(self._list_labels("vision", index), self._list_labels("audio", index))

    def _list_labels(self, modality: str, index: int) -> Int32[np.ndarray, " labels"]:
        found = [
            self._places[teacher.name][self._rows.labels(teacher.name, index)]
            for teacher in self.manifest.teachers
            if teacher.modality == modality
        ]
        return found[0] if len(found) == 1 else np.concatenate([np.empty(0, np.int32), *found])

    def label_pairs(
        self, modality: Literal["vision", "audio"], first: int, stop: int
    ) -> tuple[Int64[np.ndarray, " labels"], Int64[np.ndarray, " labels"]]:
        """Return the clip and the class of every label of a modality, for a range of clips."""
        clips, classes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for teacher in self.manifest.teachers:
            if teacher.modality == modality:
                found, own = self._rows.label_pairs(teacher.name, first, stop)
                clips.append(found)
                classes.append(self._places[teacher.name][own].astype(np.int64))
        return np.concatenate(clips), np.concatenate(classes)

    @property
    def visual_heads(self) -> tuple[Int32[np.ndarray, " _"], ...]:
        """Indices of the used classes of each vision teacher."""
        vision = [teacher.name for teacher in self.manifest.teachers if teacher.modality == "vision"]
        heads = [[record.index for record in self.classes if record.teacher == name] for name in vision]
        return tuple(np.array(head, dtype=np.int32) for head in heads)

    def distribution(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Return the soft visual labels of a clip: for each vision teacher a distribution over its used classes.

        The build keeps the ``soft_top`` most probable classes. The probabilities of the used ones among them are scaled to sum to
        one, and all others are zero.
        """
        target = np.zeros(len(self.classes), dtype=np.float32)
        for classes, kept in self._list_soft(index, "vision"):
            if kept.sum() > 0.0:
                target[classes] = kept / kept.sum()
        return target

    def picture_distributions(self, index: int) -> Float32[np.ndarray, "pictures classes"]:
        """Return the soft visual labels of each picture of a clip, in order of time: a distribution per teacher, as for a clip.

        The first call derives arrays from the tables of labels, and writes them to ``index/items/``.
        """
        found: Float32[np.ndarray, "pictures classes"] = np.zeros((0, len(self.classes)), np.float32)
        for place, teacher in enumerate(self._files.manifest.teachers):
            if teacher.modality != "vision" or teacher.name not in self._places:
                continue
            if place not in self._items:
                self._items[place] = ItemRows(self._files, place)
            items, kept, probabilities, count = self._items[place].read(index)
            classes = self._places[teacher.name][kept]
            target = np.zeros((count, len(self.classes)), np.float32)
            target[items[classes >= 0], classes[classes >= 0]] = probabilities[classes >= 0]
            total = target.sum(axis=1, keepdims=True)
            target /= np.where(total > 0.0, total, 1.0)
            found = found + target if len(found) else target
        return found

    def probabilities(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Return the probability of each class of the vocabulary for a clip, zero where the build did not keep it."""
        target = np.zeros(len(self.classes), dtype=np.float32)
        for modality in ("vision", "audio"):
            for classes, kept in self._list_soft(index, modality):
                target[classes] = kept
        return target

    def _list_soft(
        self, index: int, modality: Literal["vision", "audio"]
    ) -> Iterator[tuple[Int32[np.ndarray, " used"], Float32[np.ndarray, " used"]]]:
        """Yield, for each teacher of a modality, the used classes that were kept for a clip, and their probabilities."""
        for teacher in self.manifest.teachers:
            if teacher.modality == modality:
                kept, probabilities = self._rows.soft(teacher.name, index)
                classes = self._places[teacher.name][kept]
                yield classes[classes >= 0], probabilities[classes >= 0]

    def class_table(self) -> pa.Table:
        """Read the table of every class of every teacher, used or not: ``records.CLASS_SCHEMA``.

        A dataset of format version 1 has no such table; for it, only the used classes are listed.
        """
        if self._layout.classes.exists():
            return self._files.read_table(self._layout.classes)
        rows = [
            {
                "teacher": record.teacher,
                "class_index": record.class_index,
                "name": record.name,
                "id": None,
                "sense": record.sense,
                "vocabulary_index": record.index,
                "count": record.count,
            }
            for record in self.classes
        ]
        return pa.Table.from_pylist(rows, schema=CLASS_SCHEMA)

    def sources(self) -> pa.Table:
        """Read where the media come from: ``records.SOURCE_SCHEMA``, a row for each span that a published list names.

        The clips of a row are those of its ``path`` (their ``source``) whose ``start`` lies between its ``start`` and ``end``. A
        dataset that was made without published lists has no rows.
        """
        if self._layout.sources.exists():
            return self._files.read_table(self._layout.sources)
        return SOURCE_SCHEMA.empty_table()

    def soft_labels(self, teacher: str, shard: int) -> pa.Table:
        """Read a teacher's soft labels of a shard: ``records.LABEL_SCHEMA``, rows in the order of the sound."""
        if teacher not in [record.name for record in self.manifest.teachers]:
            known = ", ".join(record.name for record in self.manifest.teachers)
            raise DatasetError(self.path, f"no labels of a teacher {teacher!r}", f"one of: {known}")
        return self._files.read_table(self._layout.labels(teacher, shard))

    def _read_clips(self, columns: list[str] | None = None) -> pa.Table:
        return pa.concat_tables(
            [self._files.read_table(self._layout.clips(s.index), columns) for s in self.manifest.shards]
        )


def _place_all(manifest: Manifest, classes: list[ClassRecord]) -> dict[str, Int32[np.ndarray, " _"]]:
    """Return the places of each teacher's classes in the vocabulary, by the name of the teacher."""
    return {teacher.name: place_classes(teacher, classes) for teacher in manifest.teachers}


__all__ = ["ClipLabels", "Dataset", "SoftLabels"]
