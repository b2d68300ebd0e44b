"""Reading a finished dataset: any second of any clip in microseconds, and the labels of the policy.

Sound is memory-mapped. Opening a dataset reads no sample. Before the first sample of a shard is read, the checksum of the shard is
verified; after that a random second touches only the pages of that second.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Int16, Int32, Int64

from hearsight.console import print_message
from hearsight.dataset.checks import FileChecks, check_complete
from hearsight.dataset.labels.policy import LabelLists, choose_label_lists
from hearsight.dataset.layout import (
    MIXED_FROM,
    ClassRecord,
    Layout,
    Manifest,
    TeacherRecord,
    digest_clips,
    read_json,
    read_manifest,
)
from hearsight.dataset.statistics import BuildSummary, read_summary
from hearsight.dataset.survey.agreement import read_agreement
from hearsight.dataset.teacher_choice import choose_teachers, keep_classes
from hearsight.documents import validate_list
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
        self._checks = FileChecks(self.path, self.manifest.files if verify else None)
        self.classes: list[ClassRecord] = self._read_vocabulary()
        self._sounds, self._offsets, self._batch_of, self._file_of = self._map_audio()

    def _read_vocabulary(self) -> list[ClassRecord]:
        path = self._layout.vocabulary
        self._checks.check(path)
        return validate_list(ClassRecord, read_json(path), path, DatasetError, wanted="a class of the vocabulary")

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
        return digest_clips(self.manifest, [self._read_clips(["uuid"]).column("uuid")])

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
        other.__dict__.pop("_label_lists", None)  # computed from all teachers
        return other

    @functools.cached_property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        return (self._offsets[:, 1] - self._offsets[:, 0]).astype(np.int32)

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
        self._checks.check(self._file_of[self._batch_of[index]])
        first, last = self._offsets[index]
        begin = min(first + start, last)
        end = last if num_samples is None else min(begin + num_samples, last)
        return self._sounds[self._batch_of[index]][begin:end]

    def clips(self) -> pa.Table:
        """Read the clip table, rows in the order of the indices."""
        return self._read_clips()

    def list_media(self) -> pa.ChunkedArray:
        """Return the source files, each once, in the order of their first clips."""
        return pa.chunked_array([self._read_clips(["source"]).column("source").unique()])

    @functools.cached_property
    def folds(self) -> Int32[np.ndarray, " clips"]:
        """Fold of each clip."""
        return self._read_clips(["fold"]).column("fold").to_numpy().astype(np.int32)

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
        vision, audio = self._label_lists
        return ClipLabels(_join(vision, index), _join(audio, index))

    @property
    def visual_heads(self) -> tuple[Int32[np.ndarray, " _"], ...]:
        """Indices of the used classes of each vision teacher."""
        vision = [teacher.name for teacher in self.manifest.teachers if teacher.modality == "vision"]
        heads = [[record.index for record in self.classes if record.teacher == name] for name in vision]
        return tuple(np.array(head, dtype=np.int32) for head in heads)

    def distribution(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Return the soft visual labels of a clip: for each vision teacher a distribution over its used classes.

        The build keeps the ``soft_top`` most probable classes. The probabilities of the used ones among them are scaled to sum to
        one, and all others are zero. The labels of the whole dataset are held in memory from the first call on.
        """
        target = np.zeros(len(self.classes), dtype=np.float32)
        for classes, kept in self._list_soft(index, "vision"):
            if kept.sum() > 0.0:
                target[classes] = kept / kept.sum()
        return target

    def probabilities(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Return the probability of each class of the vocabulary for a clip, zero where the build did not keep it.

        The labels of the whole dataset are held in memory from the first call on.
        """
        target = np.zeros(len(self.classes), dtype=np.float32)
        for modality in ("vision", "audio"):
            for classes, kept in self._list_soft(index, modality):
                target[classes] = kept
        return target

    def _list_soft(
        self, index: int, modality: Literal["vision", "audio"]
    ) -> Iterator[tuple[Int32[np.ndarray, " used"], Float32[np.ndarray, " used"]]]:
        """Yield, for each teacher of a modality, the used classes that were kept for a clip, and their probabilities."""
        for lists, probabilities in self._soft_lists(modality):
            span = slice(lists.offsets[index], lists.offsets[index + 1])
            used = lists.classes[span] >= 0
            yield lists.classes[span][used], probabilities[span][used]

    @functools.cache  # noqa: B019  (a dataset is opened once, and lives as long as what it holds)
    def _soft_lists(self, modality: str) -> list[tuple[LabelLists, Float32[np.ndarray, " _"]]]:
        found: list[tuple[LabelLists, np.ndarray]] = []
        for teacher in self.manifest.teachers:
            if teacher.modality == modality:
                table = self._read_soft(teacher)
                lists = choose_label_lists(table, top=teacher.num_classes, threshold=0.0, min_probability=-1.0)
                kept = np.asarray(table.column("probabilities").combine_chunks().flatten()).astype(np.float32)
                found.append((LabelLists(lists.offsets, self._place_classes(teacher)[lists.classes]), kept))
        return found

    def class_table(self) -> pa.Table:
        """Read the table of every class of every teacher, used or not: ``records.CLASS_SCHEMA``.

        A dataset of format version 1 has no such table; for it, only the used classes are listed.
        """
        if self._layout.classes.exists():
            return self._read_table(self._layout.classes)
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
            return self._read_table(self._layout.sources)
        return SOURCE_SCHEMA.empty_table()

    def soft_labels(self, teacher: str, shard: int) -> pa.Table:
        """Read a teacher's soft labels of a shard: ``records.LABEL_SCHEMA``, rows in the order of the sound."""
        if teacher not in [record.name for record in self.manifest.teachers]:
            known = ", ".join(record.name for record in self.manifest.teachers)
            raise DatasetError(self.path, f"no labels of a teacher {teacher!r}", f"one of: {known}")
        return self._read_table(self._layout.labels(teacher, shard))

    @functools.cached_property
    def _label_lists(self) -> tuple[list[LabelLists], list[LabelLists]]:
        vision = [self._choose(t) for t in self.manifest.teachers if t.modality == "vision"]
        return vision, [self._choose(t) for t in self.manifest.teachers if t.modality == "audio"]

    def _choose(self, teacher: TeacherRecord) -> LabelLists:
        table = self._read_soft(teacher)
        minimum = float(self.manifest.config["policy"]["min_probability"])
        lists = choose_label_lists(table, top=teacher.top, threshold=teacher.threshold, min_probability=minimum)
        return LabelLists(lists.offsets, self._place_classes(teacher)[lists.classes])

    def _read_soft(self, teacher: TeacherRecord) -> pa.Table:
        columns = ["classes", "probabilities"]
        paths = [self._layout.labels(teacher.name, shard.index) for shard in self.manifest.shards]
        return pa.concat_tables([self._read_table(path, columns) for path in paths])

    def _read_clips(self, columns: list[str] | None = None) -> pa.Table:
        return pa.concat_tables([self._read_table(self._layout.clips(s.index), columns) for s in self.manifest.shards])

    def _place_classes(self, teacher: TeacherRecord) -> Int32[np.ndarray, " classes"]:
        """Return the index of each of a teacher's classes in the vocabulary, -1 where it is not used."""
        place = np.full(teacher.num_classes, -1, np.int32)
        for record in self.classes:
            if record.teacher == teacher.name:
                place[record.class_index] = record.index
        return place

    def _read_table(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        self._checks.check(path)
        return _read_parquet(path, columns)

    def _map_audio(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, list[Path]]:
        """Map every shard, and check that its rows are those of the clip table and of the labels.

        Returns
        -------
        sounds
            The samples of each batch of each shard.
        offsets
            The first and last sample of each clip within its batch.
        batch_of
            The batch of each clip.
        file_of
            The file of each batch.
        """
        sounds: list[np.ndarray] = []
        offsets: list[np.ndarray] = []
        batch_of: list[np.ndarray] = []
        file_of: list[Path] = []
        for shard in self.manifest.shards:
            path = self._layout.audio(shard.index)
            batches = _read_batches(path)
            self._check_rows(shard.index, [batch.column("uuid") for batch in batches])
            for batch in batches:
                lists = batch.column("samples")
                bounds = np.asarray(lists.offsets)
                offsets.append(np.stack([bounds[:-1], bounds[1:]], axis=1))
                batch_of.append(np.full(len(lists), len(sounds), np.int64))
                sounds.append(lists.values.to_numpy(zero_copy_only=True))
                file_of.append(path)
        if sum(map(len, offsets)) != self.manifest.num_clips:
            raise DatasetError(
                self.path, f"{sum(map(len, offsets))} clips of sound", f"{self.manifest.num_clips}", "build it again"
            )
        return sounds, np.concatenate(offsets), np.concatenate(batch_of), file_of

    def _check_rows(self, shard: int, uuids: list[pa.Array]) -> None:
        """Compare the clips of a shard's tables with those of its sound: files of other shards or datasets are noticed."""
        expected = pa.chunked_array(uuids, pa.string())
        tables = [self._layout.clips(shard)]
        tables += [self._layout.labels(teacher.name, shard) for teacher in self.manifest.teachers]
        for path in tables:
            if not _read_parquet(path, ["uuid"]).column("uuid").equals(expected):
                wanted = f"those of {self._layout.audio(shard).relative_to(self.path)}, in the same order"
                raise DatasetError(path, "rows of other clips", wanted, "restore the file, or build the dataset again")


def _join(lists: list[LabelLists], index: int) -> Int32[np.ndarray, " labels"]:
    if len(lists) == 1:
        return lists[0][index]
    return np.concatenate([np.empty(0, np.int32), *(one[index] for one in lists)])


def _read_parquet(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(path, f"cannot be read ({error})", "a table of a dataset", "build it again") from error


def _read_batches(path: Path) -> list[pa.RecordBatch]:
    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
            return list(reader)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(path, f"cannot be read ({error})", "a shard of sound", "build the dataset again") from error


__all__ = ["ClipLabels", "Dataset", "SoftLabels"]
