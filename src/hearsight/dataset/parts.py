"""The rows of finished units of work: a row per clip, with its sound and the output of each teacher.

The rows of a unit are written into a pack (:mod:`hearsight.dataset.storage.packs`) before they become part of a shard.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int16

from hearsight.clips.links import WORDS_FIELD
from hearsight.records import CLIP_SCHEMA, SoftLabels
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


def remove_parts(folder: Path) -> None:
    """Remove the folder of parts, deepest first."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            (Path(path) / name).unlink()
        for name in folders:
            (Path(path) / name).rmdir()
    if folder.is_dir():
        folder.rmdir()
