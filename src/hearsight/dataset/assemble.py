"""From finished parts to shards: drop duplicates, fit what must be fitted, write each shard in one order of clips.

Everything here is a function of the set of parts alone, so that the bytes are the same whichever worker finished first and
however often the run was killed. The order of clips is (fold, media, start).
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from hearsight.clips.duplicates import find_duplicates
from hearsight.clips.folds import share_folds
from hearsight.clips.links import WORDS_FIELD, link_media
from hearsight.dataset.layout import NUM_FOLDS, Layout, ShardRecord, digest_json, write_json
from hearsight.dataset.parts import SAMPLES_FIELD, Parts
from hearsight.errors import DatasetError
from hearsight.files import write_atomically
from hearsight.records import AUDIO_SCHEMA, CLIP_SCHEMA, LABEL_SCHEMA, Rejection, RejectReason
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Modality, Teacher

_INDEX_SCHEMA = pa.schema([*CLIP_SCHEMA, WORDS_FIELD, ("unit", pa.string()), ("row", pa.int32())])
_INDEX_ROWS = 4096
_AUDIO_BATCH = 64
_FIT_ITEMS = 50_000
_OPEN_PARTS = 256


def index_clips(parts: Parts, units: Sequence[str]) -> Path:
    """Write the clip table of all parts, with the unit and row that each clip stands in, and give its path."""
    path = parts.folder / "index.parquet"
    with write_atomically(path) as temporary, pq.ParquetWriter(temporary, _INDEX_SCHEMA) as writer:
        rows = (
            [
                *(column for column in batch.select([*CLIP_SCHEMA.names, WORDS_FIELD.name]).columns),
                pa.array([unit]),
                pa.array([row], pa.int32()),
            ]
            for unit in units
            for row, batch in enumerate(parts.read_rows(unit))
        )
        while some := list(itertools.islice(rows, _INDEX_ROWS)):
            batches = [pa.RecordBatch.from_arrays(columns, schema=_INDEX_SCHEMA) for columns in some]
            writer.write_table(pa.Table.from_batches(batches))
    return path


def choose_clips(index_path: Path, duplicates: str) -> tuple[pa.Table, list[Rejection]]:
    """Sort the index by (fold, media, start) and drop what is there already.

    The same bytes under two paths are one media, so that their clips have the same UUID: the first path keeps them. Beyond
    that, clips that sound and look like an earlier one are dropped where ``duplicates`` is ``drop``. Media that share sound at any
    offset share a fold, whether clips of them are dropped or not.
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
    """Fit a teacher to the descriptors of the kept clips, at most 50,000 of them evenly spaced in order, and save it."""
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
    """Read the rows of an index in its order; parts stay mapped for a while, since clips of one may lie apart."""

    @functools.lru_cache(maxsize=_OPEN_PARTS)
    def open_part(unit: str) -> list[pa.RecordBatch]:
        return list(parts.read_rows(unit))

    for unit, row in zip(index.column("unit").to_pylist(), index.column("row").to_pylist(), strict=True):
        yield unit, open_part(unit)[row]


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """What one shard will hold: the rows of the index whose folds are in its range."""

    record: ShardRecord
    rows: pa.Table

    @property
    def digest(self) -> str:
        """Tell this plan from any other."""
        return digest_json({"clips": self.rows.column("uuid").to_pylist(), "folds": self.record.first_fold})


def plan_shards(index: pa.Table, shard_clips: int) -> list[ShardPlan]:
    """Cut the folds into a power of two of equal ranges, so that a shard has about ``shard_clips`` clips."""
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
        )
        for shard, rows in enumerate(slices)
    ]


@dataclasses.dataclass(frozen=True)
class TeacherPlan:
    """What the assembly must know of a teacher."""

    name: str
    spec: str
    modality: Modality
    fitted: bool


@dataclasses.dataclass(frozen=True)
class AssembleShard:
    """The stage that writes a shard: loads the fitted teachers once per worker."""

    folder: Path
    teachers: tuple[TeacherPlan, ...]
    soft_top: int

    def __call__(self) -> Callable[[ShardPlan], int]:
        """Set up a worker; the function it gives writes a planned shard and answers with its number of clips."""
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

    def write(self, plan: ShardPlan) -> int:
        shard = plan.record.index
        done = self._layout.parts / "shards" / f"{shard:05d}-{plan.digest[:16]}.json"
        if done.exists():
            return plan.record.num_clips
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
                for batch in some:
                    for name, rows in labels.items():
                        rows.append({"uuid": batch.column("uuid")[0].as_py(), **self._read_soft_labels(name, batch)})
        _write_parquet(self._layout.clips(shard), plan.rows.select(CLIP_SCHEMA.names))
        for name, rows in labels.items():
            _write_parquet(self._layout.labels(name, shard), pa.Table.from_pylist(rows, schema=LABEL_SCHEMA))
        write_json(done, {"num_clips": plan.record.num_clips})
        return plan.record.num_clips

    def _read_soft_labels(self, name: str, batch: pa.RecordBatch) -> dict[str, Any]:
        if name not in self._fitted:
            return batch.column(name)[0].as_py()
        descriptors = np.stack([np.asarray(item.values, np.float32) for item in batch.column(name)[0].values])
        probabilities = self._fitted[name].assign(descriptors)
        soft_labels = keep_soft_labels(probabilities, self._soft_top or probabilities.shape[1])
        return {field.name: getattr(soft_labels, field.name) for field in dataclasses.fields(soft_labels)}


def _write_parquet(path: Path, table: pa.Table) -> None:
    with write_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def remove_strays(layout: Layout, num_shards: int, teachers: Sequence[TeacherPlan]) -> None:
    """Remove shard files that an earlier, killed assembly of another plan has left."""
    expected = {layout.teacher(teacher.name) for teacher in teachers if teacher.fitted}
    for shard in range(num_shards):
        expected |= {layout.audio(shard), layout.clips(shard)}
        expected |= {layout.labels(teacher.name, shard) for teacher in teachers}
    for room in ("audio", "clips", "labels", "teachers"):
        for path in sorted((layout.folder / room).rglob("*")):
            if path.is_file() and path not in expected:
                path.unlink()
