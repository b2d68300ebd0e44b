"""Turn finished parts into shards: drop duplicates, fit teachers, write the shards.

Everything here is a function of the set of parts, so that the bytes do not depend on the order in which workers finish or on how
often the run was killed. Clips are ordered by (fold, media, start).
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from hearsight.clips.duplicates import find_duplicates
from hearsight.clips.folds import share_folds
from hearsight.clips.links import WORDS_FIELD, link_media
from hearsight.dataset.layout import NUM_FOLDS, Layout, ShardRecord, digest_json, read_json, write_json
from hearsight.dataset.parts import SAMPLES_FIELD, PartReport, Parts
from hearsight.engine.progress import report_progress
from hearsight.errors import DatasetError
from hearsight.files import hash_file, write_atomically
from hearsight.records import AUDIO_SCHEMA, CLIP_SCHEMA, LABEL_SCHEMA, Rejection, RejectReason
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Modality, Teacher

_INDEX_SCHEMA = pa.schema([*CLIP_SCHEMA, WORDS_FIELD, ("unit", pa.string()), ("row", pa.int32())])
_INDEX_ROWS = 4096
_AUDIO_BATCH = 64
_FIT_ITEMS = 50_000
_OPEN_PARTS = 256


def index_clips(parts: Parts, reports: Sequence[PartReport]) -> Path:
    """Write the clip table of all parts, with the unit and row of each clip.

    Returns
    -------
    Path
        The Parquet file.

    Raises
    ------
    DatasetError
        When a part is damaged, or has not as many rows as its report says.
    """
    path = parts.folder / "index.parquet"
    with write_atomically(path) as temporary, pq.ParquetWriter(temporary, _INDEX_SCHEMA) as writer:
        rows = (
            [
                *(column for column in batch.select([*CLIP_SCHEMA.names, WORDS_FIELD.name]).columns),
                pa.array([unit]),
                pa.array([row], pa.int32()),
            ]
            for report in reports
            for row, (unit, batch) in enumerate(_read_part(parts, report))
        )
        while some := list(itertools.islice(rows, _INDEX_ROWS)):
            batches = [pa.RecordBatch.from_arrays(columns, schema=_INDEX_SCHEMA) for columns in some]
            writer.write_table(pa.Table.from_batches(batches))
    return path


def _read_part(parts: Parts, report: PartReport) -> Iterator[tuple[str, pa.RecordBatch]]:
    found = 0
    for batch in parts.read_rows(report.unit):
        found += 1
        yield report.unit, batch
    if found != report.num_clips:
        path = parts.table_path(report.unit)
        raise DatasetError(path, f"{found} clips", f"the {report.num_clips} of its report", "run the same build again")


def choose_clips(index_path: Path, duplicates: str) -> tuple[pa.Table, list[Rejection]]:
    """Sort the index by (fold, media, start) and drop duplicates.

    The same bytes under two paths are one media file, and their clips have the same UUIDs: those of the first path are kept. Where
    ``duplicates`` is ``drop``, clips that sound and look like an earlier one are dropped too. Media that share sound at any offset
    share a fold, whether clips of them are dropped or not.

    Returns
    -------
    index
        The rows that are kept.
    rejections
        The others, in the order of the index.
    """
    order = [(name, "ascending") for name in ("fold", "media_uuid", "start", "duration", "source")]
    index = pq.read_table(index_path, columns=[name for name in _INDEX_SCHEMA.names if name != WORDS_FIELD.name])
    index = share_folds(index, link_media(index_path)).sort_by(order)
    uuids = index.column("uuid").to_pylist()
    first: dict[str, int] = {}
    original: dict[int, int] = {}
    for place, uuid in enumerate(uuids):
        if first.setdefault(uuid, place) != place:
            original[place] = first[uuid]
    if duplicates == "drop":
        near = find_duplicates([index_path])
        pairs = zip(near.column("uuid").to_pylist(), near.column("duplicate_of").to_pylist(), strict=True)
        original.update({first[uuid]: first[earlier] for uuid, earlier in pairs})
    sources, starts = index.column("source"), index.column("start")
    durations = index.column("duration")
    rejections = [
        Rejection(
            sources[place].as_py(),
            starts[place].as_py(),
            durations[place].as_py(),
            RejectReason.DUPLICATE,
            f"the same as {sources[earlier].as_py()} at {starts[earlier].as_py():.2f} s",
        )
        for place, earlier in sorted(original.items())
    ]
    kept = np.ones(len(index), bool)
    kept[list(original)] = False
    return index.filter(pa.array(kept)), rejections


def fit_teacher(teacher: FittedTeacher, parts: Parts, index: pa.Table, seed: int, path: Path) -> None:
    """Fit a teacher to the descriptors of the kept clips, to at most 50,000 that are evenly spaced, and save it."""
    descriptors = _sample_descriptors(teacher.name, parts, index)
    teacher.fit(descriptors, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    teacher.save(path)


def _sample_descriptors(name: str, parts: Parts, index: pa.Table) -> Float32[np.ndarray, "items dim"]:
    chosen: list[np.ndarray] = []
    stride, seen = 1, 0
    for _, batch in _read_clips(parts, index):
        for item in batch.column(name)[0].values:
            if seen % stride == 0:
                chosen.append(np.asarray(item.values, np.float32))
            seen += 1
            if len(chosen) > _FIT_ITEMS:
                # Thinning by half keeps the sample evenly spaced without knowing the total beforehand.
                chosen = chosen[::2]
                stride *= 2
    return np.stack(chosen)


def _read_clips(parts: Parts, index: pa.Table) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Read the rows of an index in its order. The last parts stay mapped, since clips of one part may lie apart."""

    @functools.lru_cache(maxsize=_OPEN_PARTS)
    def open_part(unit: str) -> list[pa.RecordBatch]:
        return list(parts.read_rows(unit))

    for unit, row in zip(index.column("unit").to_pylist(), index.column("row").to_pylist(), strict=True):
        yield unit, open_part(unit)[row]


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """The content of one shard: the rows of the index whose folds are in its range."""

    record: ShardRecord
    rows: pa.Table
    fitted: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """SHA-256 of the parameters of each fitted teacher, on which the labels depend."""

    @property
    def digest(self) -> str:
        """SHA-256 of the plan's clips, folds and fitted teachers."""
        columns = self.rows.select(["uuid", "fold"]).to_pydict()
        return digest_json({**columns, "first_fold": self.record.first_fold, "fitted": dict(self.fitted)})


def plan_shards(index: pa.Table, shard_clips: int, fitted: Mapping[str, str] | None = None) -> list[ShardPlan]:
    """Divide the folds into a power of two of equal ranges, so that a shard has about ``shard_clips`` clips.

    Parameters
    ----------
    index
        The clips, sorted by fold.
    shard_clips
        Clips per shard.
    fitted
        SHA-256 of the parameters of each fitted teacher.
    """
    num_shards = 1
    while num_shards < NUM_FOLDS and len(index) > num_shards * shard_clips:
        num_shards *= 2
    width = NUM_FOLDS // num_shards
    bounds = np.searchsorted(index.column("fold").to_numpy(), np.arange(0, NUM_FOLDS + 1, width))
    slices = [index.slice(first, last - first) for first, last in itertools.pairwise(bounds.tolist())]
    return [
        ShardPlan(
            ShardRecord(index=shard, first_fold=shard * width, last_fold=(shard + 1) * width - 1, num_clips=len(rows)),
            rows,
            dict(fitted or {}),
        )
        for shard, rows in enumerate(slices)
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
    """The stage that writes shards: loads the fitted teachers once per worker."""

    folder: Path
    teachers: tuple[TeacherPlan, ...]
    soft_top: int

    def __call__(self) -> Callable[[ShardPlan], dict[str, Any]]:
        """Set up a worker; return the function that writes a planned shard and returns size and checksum of its files."""
        layout = Layout(self.folder)
        fitted: dict[str, FittedTeacher] = {}
        for plan in self.teachers:
            if plan.fitted:
                teacher: Teacher | FittedTeacher = load_teacher(plan.spec, plan.modality, quiet=True)
                if not isinstance(teacher, FittedTeacher):
                    raise DatasetError(plan.spec, "a teacher that cannot be fitted", "a fitted teacher")
                teacher.load(layout.teacher(plan.name))
                fitted[plan.name] = teacher
        return _ShardWriter(layout, self.teachers, fitted, self.soft_top).write


class _ShardWriter:
    def __init__(
        self, layout: Layout, teachers: Sequence[TeacherPlan], fitted: dict[str, FittedTeacher], soft_top: int
    ) -> None:
        self._layout = layout
        self._teachers = teachers
        self._fitted = fitted
        self._soft_top = soft_top

    def write(self, plan: ShardPlan) -> dict[str, Any]:
        """Write a shard, and return size and checksum of its files; a shard that is whole already is left unchanged."""
        shard = plan.record.index
        done = self._layout.parts / "shards" / f"{shard:05d}-{plan.digest[:16]}.json"
        if done.exists():
            files = read_json(done)
            if all(_has_size(self._layout.folder / name, record["bytes"]) for name, record in files.items()):
                return files
        labels: dict[str, list[dict[str, Any]]] = {teacher.name: [] for teacher in self._teachers}
        with (
            write_atomically(self._layout.audio(shard)) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_stream(file, AUDIO_SCHEMA) as writer,
        ):
            clips = _read_clips(Parts(self._layout.parts), plan.rows)
            while some := [batch for _, batch in itertools.islice(clips, _AUDIO_BATCH)]:
                table = pa.Table.from_batches([batch.select(["uuid", SAMPLES_FIELD.name]) for batch in some])
                writer.write_batch(table.combine_chunks().cast(AUDIO_SCHEMA).to_batches()[0])
                report_progress()
                for batch in some:
                    for name, rows in labels.items():
                        rows.append({"uuid": batch.column("uuid")[0].as_py(), **self._read_soft_labels(name, batch)})
        write_parquet(self._layout.clips(shard), plan.rows.select(CLIP_SCHEMA.names))
        for name, rows in labels.items():
            write_parquet(self._layout.labels(name, shard), pa.Table.from_pylist(rows, schema=LABEL_SCHEMA))
        paths = [self._layout.audio(shard), self._layout.clips(shard)]
        paths += [self._layout.labels(name, shard) for name in labels]
        files = record_files(self._layout.folder, paths)
        write_json(done, files)
        return files

    def _read_soft_labels(self, name: str, batch: pa.RecordBatch) -> dict[str, Any]:
        if name not in self._fitted:
            return batch.column(name)[0].as_py()
        descriptors = np.stack([np.asarray(item.values, np.float32) for item in batch.column(name)[0].values])
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
