"""Derive the index of a dataset from its tables, shard by shard: no more than one shard is in memory."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int32

from hearsight.console import print_message, track
from hearsight.dataset.checks import FileChecks
from hearsight.dataset.index.arrays import (
    CLIP_ARRAYS,
    INDEX_VERSION,
    LABEL_ARRAYS,
    ArrayWriter,
    IndexRecord,
    name_label_array,
    read_index,
)
from hearsight.dataset.index.shards import ShardFiles, ShardSounds, place_classes
from hearsight.dataset.labels.policy import choose_label_lists
from hearsight.dataset.layout import (
    FileRecord,
    Layout,
    Manifest,
    ShardRecord,
    add_uuids,
    name_dataset,
    read_manifest,
    write_json,
)
from hearsight.errors import MachineError, cannot_write
from hearsight.files import hash_file, write_atomically

CLIPS_SCHEMA = pa.schema(
    [("clip", pa.int32()), ("shard", pa.int32()), ("fold", pa.int32()), ("num_samples", pa.int32())]
)
"""Columns of ``index/clips.parquet``."""
LABELS_SCHEMA = pa.schema([("label", pa.int32()), ("clip", pa.int32())])
"""Columns of ``index/labels.parquet``: the place of a class in the vocabulary, and of a clip in the dataset."""
COUNTS_SCHEMA = pa.schema([("label", pa.int32()), ("clips", pa.int64())])
"""Columns of ``index/counts.parquet``: the number of clips that have each class of the vocabulary as a label."""
COUNTS = "counts.parquet"

_GROUP_LABELS = 2_000_000
_GROUP_CLIPS = 1_000_000


def derive_index(folder: str | Path) -> bool:
    """Write the index of a finished dataset, unless it is there.

    Returns
    -------
    bool
        Whether it was written.

    Raises
    ------
    DatasetError
        When the dataset cannot be read.
    MachineError
        When the index cannot be written.
    """
    layout = Layout(Path(folder))
    manifest = read_manifest(layout.folder)
    if read_index(layout) is not None:
        return False
    files = ShardFiles(layout.folder, manifest, FileChecks(layout.folder, manifest.files))
    try:
        (layout.index / "index.json").unlink(missing_ok=True)
        layout.index.mkdir(exist_ok=True)
        with contextlib.ExitStack() as held:
            writer = _IndexWriter(layout, manifest, files, held)
            with track("indexing", manifest.num_clips, "clips") as bar:
                for shard in manifest.shards:
                    writer.append(shard)
                    bar.advance(shard.num_clips)
            writer.close()
        write_json(layout.index / "index.json", writer.record().model_dump(mode="json"))
    except OSError as error:
        raise cannot_write(layout.index, error) from error
    return True


def derive_missing_index(folder: Path) -> None:
    """Write the index of a dataset that was finished before, where the disk lets it.

    A build that was killed while it wrote the index has none, nor has one of an earlier version. It can be read without.
    """
    try:
        derive_index(folder)
    except MachineError as error:
        print_message(f"{error.summary}; the dataset is read from its tables")


class _IndexWriter:
    """Writes the files of an index side by side."""

    def __init__(self, layout: Layout, manifest: Manifest, files: ShardFiles, held: contextlib.ExitStack) -> None:
        self._layout = layout
        self._manifest = manifest
        self._files = files
        classes = files.read_vocabulary()
        self._places = [place_classes(teacher, classes) for teacher in manifest.teachers]
        self._counts = np.zeros(len(classes), np.int64)
        self._uuids = hashlib.sha256()
        self._num_clips = 0
        self._checks: list[dict[str, int]] = []

        def open_array(name: str, dtype: str) -> ArrayWriter:
            temporary = held.enter_context(write_atomically(layout.index / f"{name}.bin"))
            return ArrayWriter(held.enter_context(temporary.open("wb")), dtype)

        self._arrays = {
            name: open_array(name, dtype) for name, dtype in zip(CLIP_ARRAYS, ("int64", "int32", "int16"), strict=True)
        }
        for place, teacher in enumerate(manifest.teachers):
            classes = "uint16" if teacher.num_classes <= 2**16 else "int32"
            for name, dtype in zip(LABEL_ARRAYS, ("int64", classes, "float32"), strict=True):
                self._arrays[name_label_array(place, name)] = open_array(name_label_array(place, name), dtype)
        self._tables = {
            "clips.parquet": _GroupWriter(layout.index / "clips.parquet", CLIPS_SCHEMA, _GROUP_CLIPS, held),
            "labels.parquet": _GroupWriter(layout.index / "labels.parquet", LABELS_SCHEMA, _GROUP_LABELS, held),
        }

    def append(self, shard: ShardRecord) -> None:
        """Append the rows of a shard."""
        sounds = self._files.find_sounds(shard)
        add_uuids(self._uuids, sounds.uuids)
        folds = self._files.read_table(self._layout.clips(shard.index), ["fold"]).column("fold").to_numpy()
        values = {"first_byte": sounds.first_byte, "num_samples": sounds.num_samples, "fold": folds}
        self._append_clips(shard, sounds, folds)
        for place in range(len(self._manifest.teachers)):
            values |= self._read_soft(place, shard.index)
        self._checks.append({name: self._arrays[name].append(one) for name, one in values.items()})
        self._num_clips += len(folds)

    def _append_clips(self, shard: ShardRecord, sounds: ShardSounds, folds: np.ndarray) -> None:
        count = len(folds)
        columns = [
            pa.array(np.arange(self._num_clips, self._num_clips + count, dtype=np.int32)),
            pa.array(np.full(count, shard.index, np.int32)),
            pa.array(folds.astype(np.int32)),
            pa.array(sounds.num_samples),
        ]
        self._tables["clips.parquet"].append(pa.Table.from_arrays(columns, schema=CLIPS_SCHEMA))

    def _read_soft(self, place: int, shard: int) -> dict[str, np.ndarray]:
        """Return the rows of a teacher's arrays, and append its labels to their table."""
        teacher = self._manifest.teachers[place]
        table = self._files.read_soft(teacher, shard)
        lists = table.column("probabilities").combine_chunks()
        names = [name_label_array(place, name) for name in LABEL_ARRAYS]
        bounds = np.asarray(lists.offsets, np.int64)
        minimum = float(self._manifest.config["policy"]["min_probability"])
        chosen = choose_label_lists(table, top=teacher.top, threshold=teacher.threshold, min_probability=minimum)
        clips = np.repeat(np.arange(len(chosen), dtype=np.int32), np.diff(chosen.offsets)) + np.int32(self._num_clips)
        self._append_labels(self._places[place][chosen.classes], clips)
        ends = self._arrays[names[1]].length + bounds[1:] - bounds[0]
        classes = np.asarray(table.column("classes").combine_chunks().flatten())
        return dict(zip(names, (ends, classes, np.asarray(lists.flatten())), strict=True))

    def _append_labels(self, labels: Int32[np.ndarray, " labels"], clips: Int32[np.ndarray, " labels"]) -> None:
        self._counts += np.bincount(labels[labels >= 0], minlength=len(self._counts))
        columns = [pa.array(labels.astype(np.int32)), pa.array(clips.astype(np.int32))]
        self._tables["labels.parquet"].append(pa.Table.from_arrays(columns, schema=LABELS_SCHEMA))

    def close(self) -> None:
        """Write what is held back; the files are in place when the stack is closed."""
        for table in self._tables.values():
            table.close()
        counts = [np.arange(len(self._counts), dtype=np.int32), self._counts]
        with write_atomically(self._layout.index / COUNTS) as temporary:
            pq.write_table(pa.Table.from_arrays([pa.array(one) for one in counts], schema=COUNTS_SCHEMA), temporary)

    def record(self) -> IndexRecord:
        """Write the checksums of rows, and return what ``index.json`` holds."""
        path = self._layout.index / "checks.bin"
        with write_atomically(path) as temporary:
            rows = [[row[name] for name in sorted(self._arrays)] for row in self._checks]
            temporary.write_bytes(np.array(rows, np.uint32).tobytes())
        records = {name: array.record() for name, array in self._arrays.items()}
        files = {f"{name}.bin": file for name, (_, file) in records.items()}
        for name in ("checks.bin", COUNTS, *self._tables):
            other = self._layout.index / name
            files[name] = FileRecord(bytes=other.stat().st_size, sha256=hash_file(other))
        return IndexRecord(
            version=INDEX_VERSION,
            manifest=hash_file(self._layout.manifest),
            digest=name_dataset(self._manifest, self._uuids),
            arrays={name: array for name, (array, _) in records.items()},
            files=files,
        )


class _GroupWriter:
    """Writes a Parquet file in groups of many rows, sorted by the first column within a group."""

    def __init__(self, path: Path, schema: pa.Schema, num_rows: int, held: contextlib.ExitStack) -> None:
        temporary = held.enter_context(write_atomically(path))
        self._writer = held.enter_context(
            pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True)
        )
        self._schema = schema
        self._num_rows = num_rows
        self._held: list[pa.Table] = []
        self._count = 0

    def append(self, rows: pa.Table) -> None:
        """Append rows."""
        self._held.append(rows)
        self._count += len(rows)
        if self._count >= self._num_rows:
            self.close()

    def close(self) -> None:
        """Write the rows that are held."""
        if self._held:
            keys = [(name, "ascending") for name in self._schema.names[:2]]
            rows = pa.concat_tables(self._held).sort_by(keys)
            self._writer.write_table(rows, row_group_size=len(rows) or 1)
            self._held, self._count = [], 0
