"""A finished dataset, read back: any second of any clip in microseconds, and the labels that the policy makes.

Sound is memory-mapped: opening a dataset reads no sample, and a random second touches only that second's pages.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Int16, Int32, Int64

from hearsight.dataset.labels import LabelLists, choose_label_lists
from hearsight.dataset.layout import MIXED_FROM, ClassRecord, Layout, Manifest, TeacherRecord, read_json, read_manifest
from hearsight.dataset.statistics import BuildSummary, read_summary
from hearsight.errors import DatasetError
from hearsight.records import SoftLabels


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

    Raises
    ------
    DatasetError
        When the folder is no finished dataset, of another version, or a shard is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._layout = Layout(self.path)
        self.manifest: Manifest = read_manifest(self.path)
        self.classes: list[ClassRecord] = [ClassRecord.model_validate(v) for v in read_json(self._layout.vocabulary)]
        self._sounds, self._offsets, self._batch_of = self._map_audio()

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
        """What tells this dataset from any other: its configuration and teachers, and its clips by their content."""
        content = hashlib.sha256("".join(self._read_clips(["uuid"]).column("uuid").to_pylist()).encode())
        return f"{self.manifest.config_digest[:32]}-{content.hexdigest()[:16]}"

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

    @functools.cached_property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        return (self._offsets[:, 1] - self._offsets[:, 0]).astype(np.int32)

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Give samples of a clip as a view into the mapped file; fewer than asked for where the clip ends."""
        first, last = self._offsets[index]
        begin = min(first + start, last)
        end = last if num_samples is None else min(begin + num_samples, last)
        return self._sounds[self._batch_of[index]][begin:end]

    def clips(self) -> pa.Table:
        """Read the clip table, rows in the order of the indices."""
        return self._read_clips()

    @functools.cached_property
    def folds(self) -> Int32[np.ndarray, " clips"]:
        """Fold of each clip."""
        return self._read_clips(["fold"]).column("fold").to_numpy().astype(np.int32)

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " clips"]:
        """Give the clips of a split. All clips of a source are in one split, since the split goes by fold."""
        in_validation = self.folds < self.manifest.validation_folds
        return np.flatnonzero(in_validation if split == "validation" else ~in_validation)

    def labels(self, index: int) -> ClipLabels:
        """Give the labels of one clip."""
        vision, audio = self._label_lists
        return ClipLabels(_join(vision, index), _join(audio, index))

    @property
    def visual_heads(self) -> tuple[Int32[np.ndarray, " _"], ...]:
        """Indices of the used classes of each vision teacher."""
        vision = [teacher.name for teacher in self.manifest.teachers if teacher.modality == "vision"]
        heads = [[record.index for record in self.classes if record.teacher == name] for name in vision]
        return tuple(np.array(head, dtype=np.int32) for head in heads)

    def distribution(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Give what the vision teachers said of a clip: for each, a distribution over its used classes, zero where it said nothing.

        Soft labels are as many as the build kept (``soft_top``); what is kept of used classes is scaled to sum up to one. They are
        held in memory from the first call on.
        """
        target = np.zeros(len(self.classes), dtype=np.float32)
        for classes, kept in self._list_soft(index, "vision"):
            if kept.sum() > 0.0:
                target[classes] = kept / kept.sum()
        return target

    def probabilities(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Give what the teachers said of a clip: the probability of each class, zero where the build has not kept it.

        Held in memory from the first call on.
        """
        target = np.zeros(len(self.classes), dtype=np.float32)
        for modality in ("vision", "audio"):
            for classes, kept in self._list_soft(index, modality):
                target[classes] = kept
        return target

    def _list_soft(
        self, index: int, modality: Literal["vision", "audio"]
    ) -> Iterator[tuple[Int32[np.ndarray, " used"], Float32[np.ndarray, " used"]]]:
        """Give the used classes that each teacher of a modality has kept of a clip, and their probabilities."""
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

    def soft_labels(self, teacher: str, shard: int) -> pa.Table:
        """Read what a teacher said of a shard's clips: records.LABEL_SCHEMA."""
        if teacher not in [record.name for record in self.manifest.teachers]:
            known = ", ".join(record.name for record in self.manifest.teachers)
            raise DatasetError(self.path, f"no labels of a teacher {teacher!r}", f"one of: {known}")
        return _read_table(self._layout.labels(teacher, shard))

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
        return pa.concat_tables([_read_table(path, columns) for path in paths])

    def _read_clips(self, columns: list[str] | None = None) -> pa.Table:
        return pa.concat_tables([_read_table(self._layout.clips(s.index), columns) for s in self.manifest.shards])

    def _place_classes(self, teacher: TeacherRecord) -> Int32[np.ndarray, " classes"]:
        """Give the index of each of a teacher's classes in the vocabulary, -1 where it is not used."""
        place = np.full(teacher.num_classes, -1, np.int32)
        for record in self.classes:
            if record.teacher == teacher.name:
                place[record.class_index] = record.index
        return place

    def _map_audio(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Map every shard; give the sample buffers, and for each clip its first and last sample and its buffer."""
        sounds: list[np.ndarray] = []
        offsets: list[np.ndarray] = []
        batch_of: list[np.ndarray] = []
        for shard in self.manifest.shards:
            for lists in _read_sample_lists(self._layout.audio(shard.index)):
                bounds = np.asarray(lists.offsets)
                offsets.append(np.stack([bounds[:-1], bounds[1:]], axis=1))
                batch_of.append(np.full(len(lists), len(sounds), np.int64))
                sounds.append(lists.values.to_numpy(zero_copy_only=True))
        if sum(map(len, offsets)) != self.manifest.num_clips:
            raise DatasetError(
                self.path, f"{sum(map(len, offsets))} clips of sound", f"{self.manifest.num_clips}", "build it again"
            )
        return sounds, np.concatenate(offsets), np.concatenate(batch_of)


def _join(lists: list[LabelLists], index: int) -> Int32[np.ndarray, " labels"]:
    if len(lists) == 1:
        return lists[0][index]
    return np.concatenate([np.empty(0, np.int32), *(one[index] for one in lists)])


def _read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(path, f"cannot be read ({error})", "a table of a dataset", "build it again") from error


def _read_sample_lists(path: Path) -> list[pa.LargeListArray]:
    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
            return [batch.column("samples") for batch in reader]
    except (OSError, pa.ArrowInvalid) as error:
        raise DatasetError(path, f"cannot be read ({error})", "a shard of sound", "build the dataset again") from error


__all__ = ["ClipLabels", "Dataset", "SoftLabels"]
