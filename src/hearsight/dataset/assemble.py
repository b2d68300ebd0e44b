"""Turn finished parts into shards: fit teachers, write the shards.

Everything here is a function of the set of parts, so that the bytes do not depend on the order in which workers finish or on how
often the run was killed. Clips are ordered by (fold, media, start).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from hearsight.dataset.labels.scope import inherit_labels
from hearsight.dataset.layout import NUM_FOLDS, Layout, ShardRecord, digest_json, read_json, write_json
from hearsight.dataset.parts import SAMPLES_FIELD
from hearsight.dataset.storage.clip_index import ChosenClips, read_range
from hearsight.dataset.storage.reports import Extent
from hearsight.dataset.storage.rows import PackReader
from hearsight.engine.progress import report_progress
from hearsight.errors import DatasetError
from hearsight.files import hash_file, make_folder, write_atomically
from hearsight.records import AUDIO_SCHEMA, CLIP_SCHEMA, LABEL_SCHEMA
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Modality, Teacher

_AUDIO_BATCH = 64
_FIT_ITEMS = 50_000


def fit_teacher(teacher: FittedTeacher, folder: Path, chosen: ChosenClips, seed: int, path: Path) -> None:
    """Fit a teacher to the descriptors of the kept clips, to at most 50,000 that are evenly spaced, and save it.

    Parameters
    ----------
    teacher
        The teacher.
    folder
        The folder of parts.
    chosen
        The clips that are kept.
    seed
        Of the fit.
    path
        The file of the fitted parameters.
    """
    descriptors = _sample_descriptors(teacher.name, PackReader(folder), chosen)
    teacher.fit(descriptors, seed)
    make_folder(path.parent)
    teacher.save(path)


def _sample_descriptors(name: str, reader: PackReader, chosen: ChosenClips) -> Float32[np.ndarray, "items dim"]:
    sampled: list[np.ndarray] = []
    stride, seen = 1, 0
    clips = (batch for rows in chosen.stream() for batch in _read_clips(reader, rows))
    for batch in clips:
        for item in batch.column(name)[0].values:
            if seen % stride == 0:
                sampled.append(np.asarray(item.values, np.float32))
            seen += 1
            if len(sampled) > _FIT_ITEMS:
                # Thinning by half keeps the sample evenly spaced without knowing the total beforehand.
                sampled = sampled[::2]
                stride *= 2
    return np.stack(sampled)


def _read_clips(reader: PackReader, rows: pa.Table | pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Read the rows of some clips from their packs, in the order given."""
    columns = [rows.column(name).to_pylist() for name in ("pack", "offset", "num_bytes", "checksum", "row")]
    for pack, offset, num_bytes, checksum, row in zip(*columns, strict=True):
        yield reader.read_clip(Extent(pack, offset, num_bytes, checksum), row)


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """The content of one shard: the clips whose folds are in its range.

    Attributes
    ----------
    record
        The shard.
    clips
        The Parquet file of all clips of the dataset, in their order.
    first_row
        The first clip of the shard.
    fitted
        SHA-256 of the parameters of each fitted teacher, on which the labels depend.
    """

    record: ShardRecord
    clips: Path
    first_row: int
    fitted: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def read_rows(self) -> pa.Table:
        """Read the rows of the shard's clips."""
        return read_range(self.clips, self.first_row, self.record.num_clips)

    def digest(self, rows: pa.Table) -> str:
        """Return the SHA-256 of the shard's clips, folds and fitted teachers."""
        columns = rows.select(["uuid", "fold"]).to_pydict()
        return digest_json({**columns, "first_fold": self.record.first_fold, "fitted": dict(self.fitted)})


def plan_shards(
    chosen: ChosenClips, shard_clips: int, fitted: Mapping[str, str] | None = None, *, first: int = 0
) -> list[ShardPlan]:
    """Divide the folds into a power of two of equal ranges, so that a shard has about ``shard_clips`` clips.

    Parameters
    ----------
    chosen
        The clips of the dataset.
    shard_clips
        Clips per shard.
    fitted
        SHA-256 of the parameters of each fitted teacher.
    first
        Number of the first shard.
    """
    num_shards = 1
    while num_shards < NUM_FOLDS and len(chosen) > num_shards * shard_clips:
        num_shards *= 2
    width = NUM_FOLDS // num_shards
    counts = chosen.fold_counts.reshape(num_shards, width).sum(axis=1)
    first_rows = np.cumsum(counts) - counts
    return [
        ShardPlan(
            ShardRecord(
                index=first + shard,
                first_fold=shard * width,
                last_fold=(shard + 1) * width - 1,
                num_clips=int(counts[shard]),
            ),
            chosen.path,
            int(first_rows[shard]),
            dict(fitted or {}),
        )
        for shard in range(num_shards)
    ]


@dataclasses.dataclass(frozen=True)
class TeacherPlan:
    """What assembly needs to know of a teacher."""

    name: str
    spec: str
    modality: Modality
    fitted: bool


@dataclasses.dataclass(frozen=True)
class AssembleShard:
    """The stage that writes shards: loads the fitted teachers once per worker.

    Attributes
    ----------
    folder
        Where the shards are written.
    teachers
        The teachers of the dataset.
    soft_top, scope
        As those of the configuration.
    home
        The dataset that has the parts and the fitted teachers; by default ``folder``.
    """

    folder: Path
    teachers: tuple[TeacherPlan, ...]
    soft_top: int
    scope: Literal["clip", "media"] = "clip"
    home: Path | None = None

    def __call__(self) -> Callable[[ShardPlan], dict[str, Any]]:
        """Set up a worker; return the function that writes a planned shard and returns size and checksum of its files."""
        home = Layout(self.home or self.folder)
        fitted: dict[str, FittedTeacher] = {}
        for plan in self.teachers:
            if plan.fitted:
                teacher: Teacher | FittedTeacher = load_teacher(plan.spec, plan.modality, quiet=True)
                if not isinstance(teacher, FittedTeacher):
                    raise DatasetError(
                        plan.spec, f"a teacher that cannot be fitted ({type(teacher).__name__})", "a fitted teacher"
                    )
                teacher.load(home.teacher(plan.name))
                fitted[plan.name] = teacher
        return _ShardWriter(home.parts, self, fitted).write


class _ShardWriter:
    def __init__(self, parts: Path, stage: AssembleShard, fitted: dict[str, FittedTeacher]) -> None:
        self._layout = Layout(stage.folder)
        self._parts = parts
        self._teachers = stage.teachers
        self._fitted = fitted
        self._soft_top = stage.soft_top
        self._scope = stage.scope
        self._reader = PackReader(parts)

    def write(self, plan: ShardPlan) -> dict[str, Any]:
        """Write a shard, and return size and checksum of its files; a shard that is whole already is left unchanged."""
        shard = plan.record.index
        planned = plan.read_rows()
        done = self._parts / "shards" / f"{shard:05d}-{plan.digest(planned)[:16]}.json"
        if done.exists():
            files = read_json(done)
            if all(_has_size(self._layout.folder / name, record["bytes"]) for name, record in files.items()):
                return files
        labels: dict[str, list[pa.Table]] = {teacher.name: [] for teacher in self._teachers}
        with (
            write_atomically(self._layout.audio(shard)) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_stream(file, AUDIO_SCHEMA) as writer,
        ):
            clips = _read_clips(self._reader, planned)
            while some := list(itertools.islice(clips, _AUDIO_BATCH)):
                table = pa.Table.from_batches([batch.select(["uuid", SAMPLES_FIELD.name]) for batch in some])
                writer.write_batch(table.combine_chunks().cast(AUDIO_SCHEMA).to_batches()[0])
                report_progress()
                for name, tables in labels.items():
                    tables.append(self._read_soft_labels(name, some))
        write_parquet(self._layout.clips(shard), planned.select(CLIP_SCHEMA.names))
        for name, tables in labels.items():
            rows = pa.concat_tables(tables) if tables else LABEL_SCHEMA.empty_table()
            if self._scope == "media":
                rows = inherit_labels(rows, planned.column("media_uuid").to_pylist(), self._soft_top)
            write_parquet(self._layout.labels(name, shard), rows.combine_chunks())
        paths = [self._layout.audio(shard), self._layout.clips(shard)]
        paths += [self._layout.labels(name, shard) for name in labels]
        files = record_files(self._layout.folder, paths)
        write_json(done, files)
        return files

    def _read_soft_labels(self, name: str, clips: Sequence[pa.RecordBatch]) -> pa.Table:
        """Return the soft labels of some clips by one teacher."""
        if name not in self._fitted:
            table = pa.Table.from_batches([batch.select(["uuid", name]) for batch in clips]).combine_chunks()
            cells = table.column(name).combine_chunks()
            fields = [cells.field(field) for field in LABEL_SCHEMA.names[1:]]
            return pa.Table.from_arrays([table.column("uuid"), *fields], schema=LABEL_SCHEMA)
        rows = [{"uuid": batch.column("uuid")[0].as_py(), **self._assign(name, batch)} for batch in clips]
        return pa.Table.from_pylist(rows, schema=LABEL_SCHEMA)

    def _assign(self, name: str, clip: pa.RecordBatch) -> dict[str, Any]:
        descriptors = np.stack([np.asarray(item.values, np.float32) for item in clip.column(name)[0].values])
        probabilities = self._fitted[name].assign(descriptors)
        soft_labels = keep_soft_labels(probabilities, self._soft_top or probabilities.shape[1])
        return {field.name: getattr(soft_labels, field.name) for field in dataclasses.fields(soft_labels)}


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table of the dataset, atomically, with a checksum in each page."""
    with write_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def record_files(folder: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """Return size and SHA-256 of files, by their paths within a folder, as the manifest holds them."""
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": hash_file(path)} for path in paths
    }


def _has_size(path: Path, num_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == num_bytes


def remove_strays(layout: Layout, num_shards: int, teachers: Sequence[TeacherPlan]) -> None:
    """Remove the files of an earlier, killed assembly with another plan."""
    expected = {layout.teacher(teacher.name) for teacher in teachers if teacher.fitted}
    for shard in range(num_shards):
        expected |= {layout.audio(shard), layout.clips(shard)}
        expected |= {layout.labels(teacher.name, shard) for teacher in teachers}
    for room in ("audio", "clips", "labels", "teachers"):
        for path in sorted((layout.folder / room).rglob("*")):
            if path.is_file() and path not in expected:
                path.unlink()
