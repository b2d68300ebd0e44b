"""The teachers' outputs for each picture of a clip, as memory-mapped arrays. They are derived from the tables when first used.

::

    index/items/00.json               the dataset that it was derived from, and the length of each array: written last
    index/items/00.clip_ends.bin      of each clip, where its pictures end in the next file (int64)
    index/items/00.item_ends.bin      of each picture, where its classes end in the next two files (int64)
    index/items/00.classes.bin        the kept classes of all pictures, most probable first (int32)
    index/items/00.probabilities.bin  their probabilities (float32)
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int32, Int64
from pydantic import BaseModel, ConfigDict, ValidationError

from hearsight.console import track
from hearsight.dataset.index.arrays import ArrayRecord, ArrayWriter, MappedArray
from hearsight.dataset.index.shards import ShardFiles
from hearsight.dataset.layout import write_json
from hearsight.documents import read_json
from hearsight.errors import DatasetError, cannot_write
from hearsight.files import hash_file, make_folder, rename_durably

_ARRAYS = {"clip_ends": np.int64, "item_ends": np.int64, "classes": np.int32, "probabilities": np.float32}


class _ItemRecord(BaseModel):
    """What ``00.json`` holds: SHA-256 of ``dataset.json``, and the arrays by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manifest: str
    arrays: dict[str, ArrayRecord]


class ItemRows:
    """A teacher's outputs for each picture (or second of sound) of each clip.

    Parameters
    ----------
    files
        The dataset.
    place
        The teacher's place in the manifest.

    Raises
    ------
    DatasetError
        When a table cannot be read.
    MachineError
        When the arrays cannot be written.
    """

    def __init__(self, files: ShardFiles, place: int) -> None:
        folder = files.layout.index / "items"
        manifest = hash_file(files.layout.manifest)
        record = _read_record(folder / f"{place:02d}.json", manifest)
        if record is None:
            try:
                record = _derive(files, place, folder, manifest)
            except OSError as error:
                raise cannot_write(folder, error) from error
        arrays = [MappedArray(folder / f"{place:02d}.{name}.bin", record.arrays[name], None).values for name in _ARRAYS]
        self._clip_ends, self._item_ends, self._classes, self._probabilities = arrays

    def read(
        self, index: int
    ) -> tuple[Int32[np.ndarray, " entries"], Int32[np.ndarray, " entries"], Float32[np.ndarray, " entries"], int]:
        """Return the picture, the teacher's class and the value of each kept probability of a clip; and the number of pictures."""
        first, last = (int(self._clip_ends[place]) if place >= 0 else 0 for place in (index - 1, index))
        begin = int(self._item_ends[first - 1]) if first else 0
        ends: Int64[np.ndarray, " items"] = self._item_ends[first:last] - begin
        counts = np.diff(ends, prepend=0)
        span = slice(begin, begin + (int(ends[-1]) if len(ends) else 0))
        items = np.repeat(np.arange(last - first, dtype=np.int32), counts)
        return items, self._classes[span], self._probabilities[span], last - first


def _read_record(path: Path, manifest: str) -> _ItemRecord | None:
    if not path.is_file():
        return None
    try:
        record = _ItemRecord.model_validate(read_json(path, DatasetError))
    except (DatasetError, ValidationError):
        return None
    return record if record.manifest == manifest and set(record.arrays) == set(_ARRAYS) else None


def _derive(files: ShardFiles, place: int, folder: Path, manifest: str) -> _ItemRecord:
    """Write the arrays of a teacher, shard by shard: no more than one shard is in memory."""
    teacher = files.manifest.teachers[place]
    make_folder(folder)
    unfinished = {name: folder / f".{place:02d}.{name}.tmp" for name in _ARRAYS}
    with contextlib.ExitStack() as held:
        writers = {
            name: ArrayWriter(held.enter_context(unfinished[name].open("wb")), dtype) for name, dtype in _ARRAYS.items()
        }
        with track(f"indexing pictures of {teacher.name}", files.manifest.num_clips, "clips") as bar:
            for shard in files.manifest.shards:
                path = files.layout.labels(teacher.name, shard.index)
                _append(writers, files.read_table(path, ["item_classes", "item_probabilities"]))
                bar.advance(shard.num_clips)
    for name, path in unfinished.items():
        rename_durably(path, folder / f"{place:02d}.{name}.bin")
    record = _ItemRecord(manifest=manifest, arrays={name: writer.record()[0] for name, writer in writers.items()})
    write_json(folder / f"{place:02d}.json", record.model_dump(mode="json"))
    return record


def _append(writers: dict[str, ArrayWriter], table: pa.Table) -> None:
    """Append the rows of a shard."""
    clips, inner = (_flatten(table.column(name)) for name in ("item_classes", "item_probabilities"))
    counts, items = clips
    lengths, classes = _flatten(items)
    _, probabilities = _flatten(inner[1])
    for name, values in (("clip_ends", counts), ("item_ends", lengths)):
        follows = "item_ends" if name == "clip_ends" else "classes"
        writers[name].append(writers[follows].length + np.cumsum(values, dtype=np.int64))
    writers["classes"].append(np.asarray(classes, np.int32))
    writers["probabilities"].append(np.asarray(probabilities, np.float32))


def _flatten(column: pa.ChunkedArray | pa.Array) -> tuple[Int64[np.ndarray, " rows"], pa.Array]:
    """Return the lengths of lists, and their values one after the other."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # of no rows
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return np.asarray(array.value_lengths(), np.int64), array.flatten()
