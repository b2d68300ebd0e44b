"""Indexes made of arrays, without a network or sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hearsight.search.index import Index
from hearsight.search.manifest import RECORDINGS, ROWS, ModelIdentity
from hearsight.search.writer import write_index

MODEL = ModelIdentity(name="tiny", digest="0" * 64, location="run", sample_rate=16_000, segment_seconds=0.96)
"""The identity of a network that there is not."""


def write_arrays(
    folder: Path, values: np.ndarray, *, model: ModelIdentity = MODEL, segments: int = 4, **columns: list[Any]
) -> Index:
    """Write an index of recordings with so many segments each; metadata are columns by name, a value per row."""
    count = len(values)
    sources = [f"{row // segments}.wav" for row in range(count)]
    extra = {name: pa.array(column) for name, column in columns.items()}
    fields = pa.schema([(name, column.type) for name, column in extra.items()])
    rows = pa.Table.from_arrays(
        [
            pa.array(sources, pa.string()),
            pa.array([float(row % segments) for row in range(count)], pa.float64()),
            pa.array(np.ones(count)),
            pa.nulls(count, pa.timestamp("us")),
            pa.array(
                [["bark", "rain"] if row % 2 else ["rain", "bark"] for row in range(count)], ROWS.field("tags").type
            ),
            pa.array([[0.75, 0.25]] * count, ROWS.field("probabilities").type),
            *extra.values(),
        ],
        schema=pa.schema([*ROWS, *fields]),
    )
    recordings = [{"source": source, "rows": segments, "duration": float(segments)} for source in sorted(set(sources))]
    with write_index(folder, model, values.shape[1], str(folder.parent), fields) as writer:
        writer.add(rows, values.astype(np.float32))
        writer.finish(pa.Table.from_pylist(recordings, pa.schema([*RECORDINGS, *fields])))
    return Index.open(folder)
