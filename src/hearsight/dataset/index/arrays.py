"""The files of an index: flat arrays without headers, and ``index.json`` which describes them.

::

    index/index.json            the dataset that it was derived from; type, length and SHA-256 of each array: written last
    index/first_byte.bin        of each clip, the place of its first sample in the sound file of its shard (int64)
    index/num_samples.bin       of each clip, its samples (int32)
    index/fold.bin              of each clip, its fold (int16)
    index/00.ends.bin           of each clip, where its soft labels by the first teacher end in the next two files (int64)
    index/00.classes.bin        the kept classes of all clips, most probable first (uint16, or int32 where they need it)
    index/00.probabilities.bin  their probabilities (float32)
    index/checks.bin            CRC-32 of the rows of each shard in each array (uint32, shards x arrays)
    index/clips.parquet         clip, shard, fold, num_samples: for queries
    index/labels.parquet        label, clip: every label of every clip, for queries
    index/counts.parquet        label, clips: how many clips have each label

The rows of a shard are checked when the first of them is read, so that opening a dataset of millions of clips reads nothing.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Int64, Shaped, UInt32
from pydantic import BaseModel, ConfigDict, ValidationError

from hearsight.dataset.layout import FileRecord, Layout
from hearsight.documents import read_json
from hearsight.errors import DatasetError
from hearsight.files import hash_file

INDEX_VERSION = 1
CLIP_ARRAYS = ("first_byte", "num_samples", "fold")
"""Arrays with a value for each clip."""
LABEL_ARRAYS = ("ends", "classes", "probabilities")
"""Arrays of each teacher."""
REPAIR = "hearsight verify DATASET --repair derives the index again"


class ArrayRecord(BaseModel):
    """An array of the index; ``dtype`` is NumPy's name of its type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: str
    length: int


class IndexRecord(BaseModel):
    """What ``index.json`` holds.

    Attributes
    ----------
    version
        Of the files.
    manifest
        SHA-256 of the ``dataset.json`` that it was derived from.
    digest
        The digest of the dataset.
    arrays
        By name; the columns of ``checks.bin`` are in the order of their names.
    files
        Size and checksum of every other file of the index, by its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    manifest: str
    digest: str
    arrays: dict[str, ArrayRecord]
    files: dict[str, FileRecord]


def name_label_array(teacher: int, name: str) -> str:
    """Return the name of an array of the teacher at a place in the manifest."""
    return f"{teacher:02d}.{name}"


def read_index(layout: Layout) -> IndexRecord | None:
    """Read ``index.json``; None where there is none, or it is of another version or another ``dataset.json``."""
    path = layout.index / "index.json"
    if not path.is_file():
        return None
    try:
        record = IndexRecord.model_validate(read_json(path, DatasetError))
    except (DatasetError, ValidationError):
        return None
    if record.version != INDEX_VERSION or record.manifest != hash_file(layout.manifest):
        return None
    return record


class ArrayWriter:
    """Writes an array, the rows of a shard at a time.

    Parameters
    ----------
    file
        Where it is written.
    dtype
        Type of its values.
    """

    def __init__(self, file: BinaryIO, dtype: Any) -> None:
        self._file = file
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._content = hashlib.sha256()

    def append(self, values: Shaped[np.ndarray, " values"]) -> int:
        """Append the rows of a shard; return their CRC-32."""
        content = np.ascontiguousarray(values, self.dtype).data.cast("B")
        self._file.write(content)
        self._content.update(content)
        self.length += len(values)
        return zlib.crc32(content)

    def record(self) -> tuple[ArrayRecord, FileRecord]:
        """Return what ``index.json`` holds of it."""
        size = self.length * self.dtype.itemsize
        return (
            ArrayRecord(dtype=self.dtype.name, length=self.length),
            FileRecord(bytes=size, sha256=self._content.hexdigest()),
        )


class MappedArray:
    """An array of the index, mapped when it is first used.

    Parameters
    ----------
    path
        Its file.
    record
        Its type and length.
    checks
        CRC-32 of the rows of each shard; None where they are not compared.
    """

    def __init__(self, path: Path, record: ArrayRecord, checks: UInt32[np.ndarray, " shards"] | None) -> None:
        self._path = path
        self._checks = checks
        self._good: set[int] = set()
        dtype = np.dtype(record.dtype)
        try:
            mapped = np.memmap(path, dtype, "r", shape=(record.length,)) if record.length else np.zeros(0, dtype)
        except (OSError, ValueError) as error:
            raise DatasetError(path, f"cannot be mapped ({error})", f"{record.length:,} values", REPAIR) from error
        self.values = mapped.view(np.ndarray)  # slices of a memmap itself cost ten times as much

    def check(self, shard: int, first: int, last: int) -> None:
        """Compare the rows of a shard with their CRC-32, unless that has been done before.

        Raises
        ------
        DatasetError
            When they differ.
        """
        if self._checks is None or shard in self._good:
            return
        if zlib.crc32(np.ascontiguousarray(self.values[first:last]).data.cast("B")) != self._checks[shard]:
            found = f"damaged: the rows of shard {shard} differ from their checksum"
            raise DatasetError(self._path, found, "the rows as written", REPAIR)
        self._good.add(shard)

    def check_all(self, bounds: Int64[np.ndarray, " shards_and_one"]) -> None:
        """Compare all rows, shard by shard."""
        for shard in range(len(bounds) - 1):
            self.check(shard, int(bounds[shard]), int(bounds[shard + 1]))


def map_arrays(layout: Layout, record: IndexRecord, *, verify: bool) -> dict[str, MappedArray]:
    """Map all arrays of an index.

    Raises
    ------
    DatasetError
        When a file is absent, or shorter than its record.
    """
    checks = None
    if verify:
        path = layout.index / "checks.bin"
        wanted = record.files[path.name]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DatasetError(path, f"cannot be read ({error.strerror})", "the checksums of rows", REPAIR) from error
        found = hashlib.sha256(content).hexdigest()
        if found != wanted.sha256:
            raise DatasetError(
                path, f"damaged: SHA-256 {found:.12}…", f"{wanted.sha256:.12}…, as in index.json", REPAIR
            )
        checks = np.frombuffer(content, np.uint32).reshape(-1, len(record.arrays))
    return {
        name: MappedArray(layout.index / f"{name}.bin", one, None if checks is None else checks[:, place])
        for place, (name, one) in enumerate(sorted(record.arrays.items()))
    }
