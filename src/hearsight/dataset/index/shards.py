"""The files of a dataset's shards, each checked before it is read for the first time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int16, Int32, Int64

from hearsight.dataset.checks import FileChecks
from hearsight.dataset.layout import ClassRecord, Layout, Manifest, ShardRecord, TeacherRecord, read_json
from hearsight.documents import validate_list
from hearsight.errors import DatasetError

SAMPLE_BYTES = 2


@dataclasses.dataclass(frozen=True)
class ShardSounds:
    """Where the sound of each clip of a shard is in its file.

    Attributes
    ----------
    uuids
        The clips.
    first_byte
        Place of the first sample.
    num_samples
        Samples, of two bytes each.
    """

    uuids: pa.ChunkedArray
    first_byte: Int64[np.ndarray, " clips"]
    num_samples: Int32[np.ndarray, " clips"]


class ShardFiles:
    """The tables and sounds of a dataset.

    Parameters
    ----------
    folder
        The dataset.
    manifest
        Its ``dataset.json``.
    checks
        Compares each file with the manifest before it is read.
    """

    def __init__(self, folder: Path, manifest: Manifest, checks: FileChecks) -> None:
        self.folder = folder
        self.layout = Layout(folder)
        self.manifest = manifest
        self._checks = checks

    def read_vocabulary(self) -> list[ClassRecord]:
        """Read the used classes of all teachers.

        Raises
        ------
        DatasetError
            When the file is damaged or no vocabulary.
        """
        path = self.layout.vocabulary
        self._checks.check(path)
        return validate_list(ClassRecord, read_json(path), path, DatasetError, wanted="a class of the vocabulary")

    def read_table(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """Read columns of a Parquet file of the dataset.

        Raises
        ------
        DatasetError
            When it is damaged or cannot be read.
        """
        self._checks.check(path)
        return _read_parquet(path, columns)

    def read_soft(self, teacher: TeacherRecord, shard: int) -> pa.Table:
        """Read the kept classes of a teacher and their probabilities for each clip of a shard."""
        return self.read_table(self.layout.labels(teacher.name, shard), ["classes", "probabilities"])

    def map_sound(self, shard: int) -> Int16[np.ndarray, " values"]:
        """Map the file of a shard's sound, after it was checked, as 16-bit numbers."""
        path = self.layout.audio(shard)
        self._checks.check(path)
        buffer = _map_file(path)
        return np.frombuffer(buffer, np.int16, buffer.size // SAMPLE_BYTES)

    def find_sounds(self, shard: ShardRecord) -> ShardSounds:
        """Find the sound of each clip of a shard without reading a sample of it.

        Raises
        ------
        DatasetError
            When the file cannot be read, or the shard's tables are of other clips.
        """
        path = self.layout.audio(shard.index)
        buffer = _map_file(path)
        try:
            with pa.ipc.open_stream(buffer) as reader:
                batches = list(reader)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
        uuids = pa.chunked_array([batch.column("uuid") for batch in batches], pa.string())
        self._compare_rows(shard.index, uuids)
        first = [np.zeros(0, np.int64)]
        counts = [np.zeros(0, np.int32)]
        for batch in batches:
            lists = batch.column("samples")
            bounds = np.asarray(lists.offsets, np.int64)
            values = lists.values.buffers()[1]
            begin = 0 if values is None else values.address - buffer.address
            first.append(begin + SAMPLE_BYTES * (lists.values.offset + bounds[:-1]))
            counts.append(np.diff(bounds).astype(np.int32))
        return ShardSounds(uuids, np.concatenate(first), np.concatenate(counts))

    def _compare_rows(self, shard: int, uuids: pa.ChunkedArray) -> None:
        """Compare the clips of a shard's tables with those of its sound: files of other shards or datasets are noticed."""
        tables = [self.layout.clips(shard)]
        tables += [self.layout.labels(teacher.name, shard) for teacher in self.manifest.teachers]
        for path in tables:
            if not _read_parquet(path, ["uuid"]).column("uuid").equals(uuids):
                wanted = f"those of {self.layout.audio(shard).relative_to(self.folder)}, in the same order"
                found = f"rows of other clips than the {len(uuids)} of shard {shard}"
                raise DatasetError(path, found, wanted, "restore the file, or build the dataset again")


def place_classes(teacher: TeacherRecord, classes: list[ClassRecord]) -> Int32[np.ndarray, " classes"]:
    """Return the index of each of a teacher's classes in the vocabulary, -1 where it is not used."""
    place = np.full(teacher.num_classes, -1, np.int32)
    for record in classes:
        if record.teacher == teacher.name:
            place[record.class_index] = record.index
    return place


def _read_parquet(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(path, f"cannot be read ({error})", "a table of a dataset", "build it again") from error


def _map_file(path: Path) -> pa.Buffer:
    """Map a file; the mapping lives as long as what refers to it, and holds no descriptor."""
    try:
        with pa.memory_map(str(path)) as file:
            return file.read_buffer()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DatasetError:
    return DatasetError(path, f"cannot be read ({error})", "a shard of sound", "build the dataset again")
