"""Finished units of work on disk: the parts that shards are made of.

A part consists of two files: ``<unit>.arrow`` with a row per clip (clip table, sound, and the output of each teacher), and
``<unit>.json`` with counts and rejections. The JSON is written last. A unit is done where the JSON is there and the table has as
many rows as it says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int16

from hearsight.clips.links import WORDS_FIELD
from hearsight.dataset.layout import read_json, write_json
from hearsight.errors import DatasetError, cannot_write
from hearsight.records import CLIP_SCHEMA, Rejection, RejectReason, SoftLabels, Source
from hearsight.signal.waveform import from_int16
from hearsight.units import SAMPLE_RATE, count_segments

SOFT_LABELS_TYPE = pa.struct(
    [
        ("classes", pa.list_(pa.int32())),
        ("probabilities", pa.list_(pa.float32())),
        ("item_classes", pa.list_(pa.list_(pa.int32()))),
        ("item_probabilities", pa.list_(pa.list_(pa.float32()))),
    ]
)
DESCRIPTORS_TYPE = pa.list_(pa.list_(pa.float32()))
SAMPLES_FIELD = pa.field("samples", pa.large_list(pa.field("item", pa.int16(), nullable=False)))


def part_schema(teachers: Sequence[str], fitted: Collection[str] = ()) -> pa.Schema:
    """Return the schema of a part: the clip table, the sound, and a column named after each teacher.

    Parameters
    ----------
    teachers
        Names of the teachers.
    fitted
        Those that are fitted once all parts are there. Their columns hold descriptors instead of soft labels.
    """
    columns = [pa.field(name, DESCRIPTORS_TYPE if name in fitted else SOFT_LABELS_TYPE) for name in teachers]
    return pa.schema([*CLIP_SCHEMA, SAMPLES_FIELD, WORDS_FIELD, *columns])


@dataclasses.dataclass(frozen=True)
class PartReport:
    """Counts and rejections of a finished part.

    Attributes
    ----------
    unit
        Name of the unit of work.
    source
        What the part was made from.
    num_clips
        Rows of its table.
    num_items
        Images or segments that each teacher labelled, by its name.
    rejections
        What of the source is in no clip.
    """

    unit: str
    source: Source
    num_clips: int
    num_items: dict[str, int]
    rejections: tuple[Rejection, ...]


class Parts:
    """The folder of finished parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table_path(self, unit: str) -> Path:
        """Return the path of a unit's rows, in one of 256 sub-folders."""
        return self.folder / unit[:2] / f"{unit}.arrow"

    def report_path(self, unit: str) -> Path:
        """Return the path of a unit's report."""
        return self.folder / unit[:2] / f"{unit}.json"

    def is_done(self, unit: str) -> bool:
        """Whether the unit is finished and both of its files are whole; a part of which one is lost is made again."""
        if not self.report_path(unit).exists():
            return False
        try:
            return self.read_report(unit).num_clips == sum(1 for _ in self.read_rows(unit))
        except (DatasetError, KeyError, TypeError, ValueError):
            return False

    def write_report(self, report: PartReport) -> None:
        """Finish a unit."""
        write_json(self.report_path(report.unit), dataclasses.asdict(report))

    def read_report(self, unit: str) -> PartReport:
        """Read a finished unit's report.

        Raises
        ------
        DatasetError
            When it is absent or not JSON.
        """
        values = read_json(self.report_path(unit))
        rejections = tuple(
            Rejection(row["path"], row["start"], row["duration"], RejectReason(row["reason"]), row["detail"])
            for row in values["rejections"]
        )
        return PartReport(
            values["unit"], Source(**values["source"]), values["num_clips"], values["num_items"], rejections
        )

    def read_rows(self, unit: str) -> Iterator[pa.RecordBatch]:
        """Read a finished unit's rows, one batch per clip, memory-mapped; none where no clip came of it.

        Raises
        ------
        DatasetError
            When the table is damaged.
        """
        path = self.table_path(unit)
        if not path.exists():
            return
        try:
            with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
                yield from reader
        except (pa.ArrowException, OSError) as error:
            hint = "run the same build again, which writes the part again"
            raise DatasetError(path, f"a damaged part ({error})", "a whole one", hint) from error


def cut_segments(samples: Int16[np.ndarray, " clip_samples"]) -> Float32[np.ndarray, "segments samples"]:
    """Cut a clip into non-overlapping one-second segments for audio teachers (Jia 2019, section 2).

    A last piece of at least half a second is padded with zeros; a shorter one is dropped.
    """
    num_segments = count_segments(len(samples), SAMPLE_RATE)
    padded = np.zeros(num_segments * SAMPLE_RATE, np.int16)
    kept = samples[: len(padded)]
    padded[: len(kept)] = kept
    return from_int16(padded).reshape(num_segments, SAMPLE_RATE)


def make_row(
    schema: pa.Schema, values: Mapping[str, Any], samples: Int16[np.ndarray, " samples"], outputs: Sequence[Any]
) -> pa.RecordBatch:
    """Return the row of a clip.

    Parameters
    ----------
    schema
        As :func:`part_schema` returns it.
    values
        The columns of the clip table, by name.
    samples
        The sound.
    outputs
        Of each teacher, soft labels or a list of descriptors.
    """
    columns: list[Any] = [pa.array([values[field.name]], field.type) for field in CLIP_SCHEMA]
    columns.append(_wrap_samples(samples))
    columns.append(pa.array([values.get(WORDS_FIELD.name)], WORDS_FIELD.type))
    types = [field.type for field in schema][len(columns) :]
    cells = [_as_struct(one) if isinstance(one, SoftLabels) else one for one in outputs]
    columns += [pa.array([one], kind) for one, kind in zip(cells, types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_struct(soft_labels: SoftLabels) -> dict[str, Any]:
    return {field.name: getattr(soft_labels, field.name) for field in dataclasses.fields(soft_labels)}


def count_items(column: pa.Array) -> int:
    """Return the number of images or segments in the column of a teacher, of a row."""
    items = column.field("item_classes") if pa.types.is_struct(column.type) else column
    return len(items[0])


def _wrap_samples(samples: Int16[np.ndarray, " samples"]) -> pa.LargeListArray:
    offsets = pa.array([0, len(samples)], pa.int64())
    return pa.LargeListArray.from_arrays(offsets, pa.array(samples, pa.int16()), type=SAMPLES_FIELD.type)


@contextlib.contextmanager
def report_write_errors(path: Path) -> Generator[None]:
    """Raise what goes wrong while a part is written as an error of the machine, which ends the run, and not of the media file."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise cannot_write(path, error if isinstance(error, OSError) else OSError(str(error))) from error


def remove_parts(folder: Path) -> None:
    """Remove the folder of parts, deepest first."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            (Path(path) / name).unlink()
        for name in folders:
            (Path(path) / name).rmdir()
    if folder.is_dir():
        folder.rmdir()
