"""How long does one exact search over a million embeddings take, and is it the answer of plain NumPy?

Reference: `numpy` on the same arrays in the same turns, as one would write it: a product of all rows with the example, divided by
the lengths, and `argpartition`, in memory instead of on the disk. The answer is compared with all cosines in 64 bits. Wanted: at
most 0.2 s, and the same rows in the same order. The first search, which brings the file into memory, is printed separately.

    python -m benchmarks.search_rows --rows 1000000 --dim 256
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.verdict import print_verdict
from hearsight.search.index import Index
from hearsight.search.manifest import RECORDINGS, ROWS, ModelIdentity
from hearsight.search.writer import write_index

MOST_SECONDS = 0.2
BLOCK = 50_000
MODEL = ModelIdentity(name="random", digest="0" * 64, location="none", sample_rate=16_000, segment_seconds=1.0)


def write_rows(folder: Path, rows: int, dim: int) -> Index:
    """Write an index of embeddings like those of a network: not negative, near to each other."""
    rng = np.random.default_rng(0)
    centre = rng.random(dim, dtype=np.float32)
    with write_index(folder, MODEL, dim, str(folder), pa.schema([])) as writer:
        for first in range(0, rows, BLOCK):
            count = min(BLOCK, rows - first)
            values = np.maximum(centre + rng.standard_normal((count, dim), dtype=np.float32), 0.0)
            columns = [
                pa.repeat(f"{first // BLOCK}.wav", count),
                pa.array(np.arange(count, dtype=np.float64)),
                pa.array(np.ones(count)),
                pa.nulls(count, pa.timestamp("us")),
                pa.repeat(pa.scalar(["Dog"], ROWS.field("tags").type), count),
                pa.repeat(pa.scalar([0.5], ROWS.field("probabilities").type), count),
            ]
            writer.add(pa.Table.from_arrays(columns, schema=ROWS), values)
        writer.finish(pa.Table.from_pylist([{"source": "all", "rows": rows}], RECORDINGS))
    return Index.open(folder)


def search_plainly(values: np.ndarray, norms: np.ndarray, query: np.ndarray, top: int) -> np.ndarray:
    """Search as the reference for speed does: all rows together, in 32 bits."""
    similarities = values @ query / norms
    chosen = np.argpartition(-similarities, top)[:top]
    return chosen[np.argsort(-similarities[chosen], kind="stable")]


def search_exactly(values: np.ndarray, query: np.ndarray, top: int) -> np.ndarray:
    """Search as the reference for the answer does: every cosine in 64 bits."""
    unit = query.astype(np.float64) / np.linalg.norm(query.astype(np.float64))
    cosines = np.empty(len(values))
    for first in range(0, len(values), BLOCK):
        rows = values[first : first + BLOCK].astype(np.float64)
        cosines[first : first + BLOCK] = (rows * unit).sum(axis=1) / np.sqrt((rows * rows).sum(axis=1))
    return np.lexsort((np.arange(len(values)), -cosines))[:top]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--top", type=int, default=20)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the index is written; by default a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        index = write_rows(Path(folder) / "index", given.rows, given.dim)
        queries = np.random.default_rng(1).random((given.turns + 1, given.dim), dtype=np.float32)
        started = time.perf_counter()
        index.query(queries[0], top=given.top)
        print(f"first search, {given.rows:,} rows of {given.dim}: {time.perf_counter() - started:.3f} s")
        values, norms = np.array(index.embeddings), np.array(index.norms)
        ours: list[float] = []
        ratios: list[float] = []
        for query in queries[1:]:
            started = time.perf_counter()
            index.query(query, top=given.top)
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            search_plainly(values, norms, query, given.top)
            ratios.append((time.perf_counter() - started) / ours[-1])
        same = np.array_equal(
            index.query(queries[-1], top=given.top).rows, search_exactly(values, queries[-1], given.top)
        )
    seconds = statistics.median(ours)
    print(
        f"search: {seconds:.3f} s (fastest {min(ours):.3f}); plain NumPy takes {statistics.median(ratios):.2f} times that"
    )
    print(f"same rows in the same order as all cosines in 64 bits: {'yes' if same else 'no'}")
    print_verdict("seconds of a search", seconds, "below", MOST_SECONDS)


if __name__ == "__main__":
    main()
