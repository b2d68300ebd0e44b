"""The label tables of a dataset, read shard by shard: the labels of the policy as sparse matrices."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
from jaxtyping import Float64, Int32, Int64

from hearsight.dataset.checks import FileChecks
from hearsight.dataset.labels.policy import choose_label_lists
from hearsight.dataset.layout import ClassRecord, Layout, TeacherRecord, digest_clips, read_json, read_manifest
from hearsight.documents import validate_list
from hearsight.errors import DatasetError


@dataclasses.dataclass(frozen=True)
class ShardLabels:
    """The labels of the clips of one shard.

    Attributes
    ----------
    shard
        Index of the shard.
    clips
        Its clip table, rows in the order of the dataset.
    labels
        Sparse matrix, clips x classes of the vocabulary: 1 where a clip has the label.
    source_of
        Source of each clip, numbered within the shard. All clips of a source are in one shard, since a shard is a range of folds.
    weights
        One divided by the number of clips of the clip's source: a source counts once, however many clips it has.
    """

    shard: int
    clips: pa.Table
    labels: Any
    source_of: Int64[np.ndarray, " clips"]
    weights: Float64[np.ndarray, " clips"]

    @property
    def num_sources(self) -> int:
        """Sources of the shard."""
        return int(self.source_of.max()) + 1 if len(self.source_of) else 0

    @property
    def fold_of(self) -> Int64[np.ndarray, " clips"]:
        """Fold of each clip, numbered within the shard."""
        return _number(self.clips.column("fold"))


class LabelTables:
    """The label tables of a finished dataset, without its sound.

    Parameters
    ----------
    path
        The dataset folder.

    Raises
    ------
    DatasetError
        When the folder is no finished dataset, or its vocabulary cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.layout = Layout(self.path)
        self.manifest = read_manifest(self.path)
        self._checks = FileChecks(self.path, self.manifest.files)
        self._checks.check(self.layout.vocabulary)
        vocabulary = read_json(self.layout.vocabulary)
        self.classes = validate_list(ClassRecord, vocabulary, self.layout.vocabulary, DatasetError)

    @property
    def num_clips(self) -> int:
        """Clips of the dataset."""
        return self.manifest.num_clips

    @functools.cached_property
    def digest(self) -> str:
        """The digest of the dataset, as :attr:`hearsight.dataset.reader.Dataset.digest`."""
        uuids = (self.read_table(self.layout.clips(shard.index), ["uuid"]).column(0) for shard in self.manifest.shards)
        return digest_clips(self.manifest, uuids)

    def find_classes(self, modality: str) -> Int64[np.ndarray, " _"]:
        """Return the indices of the classes of a modality in the vocabulary."""
        return np.array([record.index for record in self.classes if record.modality == modality], np.int64)

    def read_shards(self, columns: tuple[str, ...] = ("uuid",)) -> Iterator[ShardLabels]:
        """Read the labels shard by shard.

        Parameters
        ----------
        columns
            Columns of the clip table to read in addition to ``media_uuid`` and ``fold``.

        Raises
        ------
        DatasetError
            When a table is damaged, or its rows are of other clips.
        """
        wanted = list(dict.fromkeys(("media_uuid", "fold", *columns)))
        for record in self.manifest.shards:
            if record.num_clips == 0:
                continue
            clips = self.read_table(self.layout.clips(record.index), wanted)
            source_of = _number(clips.column("media_uuid"))
            weights = 1.0 / np.bincount(source_of)[source_of]
            yield ShardLabels(record.index, clips, self._read_labels(record.index, len(clips)), source_of, weights)

    def read_soft(self, teacher: TeacherRecord, shard: int) -> pa.Table:
        """Read the kept classes of a teacher and their probabilities for each clip of a shard."""
        return self.read_table(self.layout.labels(teacher.name, shard), ["classes", "probabilities"])

    def place_classes(self, teacher: TeacherRecord) -> Int32[np.ndarray, " classes"]:
        """Return the index of each of a teacher's classes in the vocabulary, -1 where it is not used."""
        place = np.full(teacher.num_classes, -1, np.int32)
        for record in self.classes:
            if record.teacher == teacher.name:
                place[record.class_index] = record.index
        return place

    def read_table(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """Read columns of a Parquet file of the dataset, after its checksum was verified.

        Raises
        ------
        DatasetError
            When it is damaged or cannot be read.
        """
        self._checks.check(path)
        try:
            return pq.read_table(path, columns=columns)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise DatasetError(path, f"cannot be read ({error})", "a table of a dataset", "build it again") from error

    def _read_labels(self, shard: int, num_clips: int) -> Any:
        rows: list[np.ndarray] = []
        columns: list[np.ndarray] = []
        minimum = float(self.manifest.config["policy"]["min_probability"])
        for teacher in self.manifest.teachers:
            path = self.layout.labels(teacher.name, shard)
            lists = choose_label_lists(
                self.read_soft(teacher, shard), top=teacher.top, threshold=teacher.threshold, min_probability=minimum
            )
            if len(lists) != num_clips:
                raise DatasetError(path, f"labels of {len(lists)} clips", f"{num_clips}", "restore the file")
            rows.append(np.repeat(np.arange(num_clips), np.diff(lists.offsets)))
            columns.append(self._places[teacher.name][lists.classes])
        row, column = np.concatenate(rows), np.concatenate(columns)
        shape = (num_clips, len(self.classes))
        matrix = scipy.sparse.csr_array((np.ones(len(row), np.float64), (row, column)), shape=shape)
        matrix.sort_indices()
        return matrix

    @functools.cached_property
    def _places(self) -> dict[str, Int32[np.ndarray, " classes"]]:
        return {teacher.name: self.place_classes(teacher) for teacher in self.manifest.teachers}


def _number(column: pa.ChunkedArray) -> Int64[np.ndarray, " clips"]:
    """Return the number of each value, counted from 0 in the order in which values first appear."""
    return np.asarray(column.combine_chunks().dictionary_encode().indices).astype(np.int64)
