"""What a dataset knows of each clip by its row: from the index, or from the tables where there is no index."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int32, Int64, Integer

from hearsight.dataset.index.arrays import (
    CLIP_ARRAYS,
    LABEL_ARRAYS,
    IndexRecord,
    MappedArray,
    map_arrays,
    name_label_array,
)
from hearsight.dataset.index.shards import ShardFiles
from hearsight.dataset.labels.policy import LabelLists, choose_label_lists
from hearsight.dataset.layout import Manifest, digest_clips
from hearsight.errors import DatasetError

SoftRow = tuple[Integer[np.ndarray, " kept"], Float32[np.ndarray, " kept"]]
"""The kept classes of a teacher for one clip, most probable first, and their probabilities."""


class MappedRows:
    """Rows of the index, memory-mapped.

    Parameters
    ----------
    files
        The dataset.
    record
        Its index.
    verify
        Whether rows are compared with their checksums.

    Raises
    ------
    DatasetError
        When a file of the index is missing or cut short, or its arrays are not of as many clips as the dataset.
    """

    def __init__(self, files: ShardFiles, record: IndexRecord, *, verify: bool) -> None:
        self._manifest = files.manifest
        self._minimum = float(self._manifest.config["policy"]["min_probability"])
        self.digest = record.digest
        self._bounds = list_bounds(self._manifest)
        self._arrays = map_arrays(files.layout, record, verify=verify)
        self._teachers = {teacher.name: teacher for teacher in self._manifest.teachers}
        self._labels = {
            teacher: [self._arrays[name_label_array(place, name)] for name in LABEL_ARRAYS]
            for place, teacher in enumerate(self._teachers)
        }
        for name in (*CLIP_ARRAYS, *(name_label_array(place, "ends") for place in range(len(self._labels)))):
            if record.arrays[name].length != self._manifest.num_clips:
                found = f"{record.arrays[name].length:,} rows of {name}"
                raise DatasetError(files.layout.index, found, f"{self._manifest.num_clips:,}, one for each clip")

    def _read_checked(self, name: str) -> np.ndarray:
        array = self._arrays[name]
        array.check_all(self._bounds)
        return array.values

    @functools.cached_property
    def first_byte(self) -> Int64[np.ndarray, " clips"]:
        """Of each clip, the place of its first sample in the sound file of its shard."""
        return self._read_checked("first_byte")

    @functools.cached_property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        return self._read_checked("num_samples")

    @functools.cached_property
    def folds(self) -> Int32[np.ndarray, " clips"]:
        """Fold of each clip."""
        return self._read_checked("fold").astype(np.int32)

    def soft(self, teacher: str, index: int) -> SoftRow:
        """Return the soft labels of a clip, after the rows of its shard were checked."""
        arrays = self._labels[teacher]
        ends = arrays[0].values
        shard = int(np.searchsorted(self._bounds, index, side="right")) - 1
        self._check_shard(arrays, shard)
        begin = int(ends[index - 1]) if index else 0
        span = slice(begin, int(ends[index]))
        return arrays[1].values[span], arrays[2].values[span]

    def _check_shard(self, arrays: list[MappedArray], shard: int) -> None:
        first, last = int(self._bounds[shard]), int(self._bounds[shard + 1])
        ends = arrays[0]
        ends.check(shard, first, last)
        begin, end = (int(ends.values[place - 1]) if place else 0 for place in (first, last))
        for array in arrays[1:]:
            array.check(shard, begin, end)

    def labels(self, teacher: str, index: int) -> Integer[np.ndarray, " labels"]:
        """Return the labels of a clip."""
        record = self._teachers[teacher]
        classes, probabilities = self.soft(teacher, index)
        kept = probabilities[: record.top]
        chosen = (kept >= np.float32(record.threshold)) & (kept > np.float32(self._minimum))
        return classes[: record.top][chosen]

    def label_pairs(
        self, teacher: str, first: int, stop: int
    ) -> tuple[Int64[np.ndarray, " labels"], Int64[np.ndarray, " labels"]]:
        """Return the clip and the teacher's class of every label of the clips of a range, clip by clip."""
        record, arrays = self._teachers[teacher], self._labels[teacher]
        for shard in range(len(self._bounds) - 1):
            if first < self._bounds[shard + 1] and self._bounds[shard] < stop:
                self._check_shard(arrays, shard)
        begin = int(arrays[0].values[first - 1]) if first else 0
        ends = np.asarray(arrays[0].values[first:stop]) - begin
        counts = np.diff(ends, prepend=0)
        span = slice(begin, begin + (int(ends[-1]) if len(ends) else 0))
        probabilities = arrays[2].values[span]
        ranks = np.arange(len(probabilities)) - np.repeat(ends - counts, counts)
        chosen = (ranks < record.top) & (probabilities >= np.float32(record.threshold))
        chosen &= probabilities > np.float32(self._minimum)
        return np.repeat(np.arange(first, stop), counts)[chosen], arrays[1].values[span][chosen].astype(np.int64)


class TableRows:
    """Rows that are read from the tables of all shards into memory: of sound immediately, of labels on first use.

    Parameters
    ----------
    files
        The dataset.

    Raises
    ------
    DatasetError
        When a file cannot be read, or the files are not of the same clips.
    """

    def __init__(self, files: ShardFiles) -> None:
        self._files = files
        self._manifest = files.manifest
        self._teachers = {teacher.name: teacher for teacher in self._manifest.teachers}
        found = [files.find_sounds(shard) for shard in self._manifest.shards]
        self.first_byte: Int64[np.ndarray, " clips"] = np.concatenate([one.first_byte for one in found])
        self.num_samples: Int32[np.ndarray, " clips"] = np.concatenate([one.num_samples for one in found])
        if len(self.num_samples) != self._manifest.num_clips:
            counted = f"{len(self.num_samples)} clips of sound"
            raise DatasetError(files.folder, counted, f"{self._manifest.num_clips}", "build it again")

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the dataset."""
        return digest_clips(self._manifest, self._read_clips("uuid"))

    @functools.cached_property
    def folds(self) -> Int32[np.ndarray, " clips"]:
        """Fold of each clip."""
        return np.concatenate([column.to_numpy() for column in self._read_clips("fold")]).astype(np.int32)

    def _read_clips(self, name: str) -> list[pa.ChunkedArray]:
        layout = self._files.layout
        return [
            self._files.read_table(layout.clips(shard.index), [name]).column(name) for shard in self._manifest.shards
        ]

    def _read_soft(self, teacher: str) -> pa.Table:
        record = self._teachers[teacher]
        return pa.concat_tables([self._files.read_soft(record, shard.index) for shard in self._manifest.shards])

    @functools.cache  # noqa: B019  (a dataset is opened once, and lives as long as what it holds)
    def _list_soft(self, teacher: str) -> tuple[LabelLists, Float32[np.ndarray, " _"]]:
        table = self._read_soft(teacher)
        num_classes = self._teachers[teacher].num_classes
        lists = choose_label_lists(table, top=num_classes, threshold=0.0, min_probability=-1.0)
        return lists, np.asarray(table.column("probabilities").combine_chunks().flatten()).astype(np.float32)

    @functools.cache  # noqa: B019
    def _list_labels(self, teacher: str) -> LabelLists:
        record = self._teachers[teacher]
        minimum = float(self._manifest.config["policy"]["min_probability"])
        table = self._read_soft(teacher)
        return choose_label_lists(table, top=record.top, threshold=record.threshold, min_probability=minimum)

    def soft(self, teacher: str, index: int) -> SoftRow:
        """Return the soft labels of a clip."""
        lists, probabilities = self._list_soft(teacher)
        return lists[index], probabilities[lists.offsets[index] : lists.offsets[index + 1]]

    def labels(self, teacher: str, index: int) -> Integer[np.ndarray, " labels"]:
        """Return the labels of a clip."""
        return self._list_labels(teacher)[index]

    def label_pairs(
        self, teacher: str, first: int, stop: int
    ) -> tuple[Int64[np.ndarray, " labels"], Int64[np.ndarray, " labels"]]:
        """Return the clip and the teacher's class of every label of the clips of a range, clip by clip."""
        lists = self._list_labels(teacher)
        counts = np.diff(lists.offsets[first : stop + 1])
        span = slice(int(lists.offsets[first]), int(lists.offsets[stop]))
        return np.repeat(np.arange(first, stop), counts), lists.classes[span].astype(np.int64)


def list_bounds(manifest: Manifest) -> Int64[np.ndarray, " shards_and_one"]:
    """Return the first clip of each shard, and the number of all clips."""
    return np.concatenate([[0], np.cumsum([shard.num_clips for shard in manifest.shards])]).astype(np.int64)
