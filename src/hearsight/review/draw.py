"""Drawing the detections to judge: of each class some, from all ranges of its scores.

The detections of a class are sorted by score and divided into strata, each half as large as the one below it: the lower half, the
next quarter, and so on. High scores are few and matter most for a threshold; low ones are many and matter for the number of calls.
Each stratum has the same share of the sample, and the table states how many detections each row stands for.
Source: Navine et al. 2024, *All thresholds barred: direct estimation of call density in bioacoustic data*, who divide scores so.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from hearsight.detection.formats.cells import defuse
from hearsight.detection.formats.reading import find_tables, read_detections
from hearsight.detection.judgements import JUDGEMENT, check_unjudged
from hearsight.errors import InputError, UsageError
from hearsight.files import check_output, write_text
from hearsight.text import make_encodable

STRATA = 5
"""Strata of a class."""
LEAST = 4
"""Detections of the smallest stratum, at least: a class with few detections has fewer strata."""
COLUMNS = ("path", "start", "duration", "class", "probability", JUDGEMENT, "stratum", "stratum_size")
"""Columns of a table to judge; ``stratum_size`` is the number of detections in the row's stratum of its class."""


def draw_detections(places: Sequence[Path], out: Path, per_class: int, seed: int = 0) -> dict[str, int]:
    """Write a table of detections to judge, with an empty column for the judgements.

    Parameters
    ----------
    places
        Tables of detections, or folders of them.
    out
        The CSV file to write.
    per_class
        Detections of each class; all, where there are not as many.
    seed
        Of the draw. The same detections and the same seed result in the same table.

    Returns
    -------
    dict[str, int]
        The number of rows of each class, in the order of the names.

    Raises
    ------
    InputError
        When there is no detection, or a table cannot be read.
    UsageError
        When the file is not to be called ``.csv``, or holds judgements.
    """
    if out.suffix != ".csv":
        raise UsageError("--out", f"{out}", "a file name that ends in .csv")
    check_output(out)
    check_unjudged(out)
    tables = find_tables(places)
    scores, codes, names = _read_scores(tables)
    if not len(scores):
        raise InputError(places[0], f"no detection with a probability in {len(tables)} tables", "at least one")
    chosen: dict[int, tuple[int, int]] = {}
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        strata = divide(scores[rows])
        sizes = np.bincount(strata)
        key = np.frombuffer(make_encodable(name).encode(), np.uint8).tolist()
        for place in choose(strata, per_class, np.random.default_rng([seed, *key])).tolist():
            chosen[int(rows[place])] = (int(strata[place]), int(sizes[strata[place]]))
    _write(out, tables, chosen)
    drawn = np.bincount([codes[row] for row in chosen], minlength=len(names))
    return {name: int(drawn[names.index(name)]) for name in sorted(names)}


def divide(scores: Float64[np.ndarray, " detections"]) -> Int64[np.ndarray, " detections"]:
    """Return the stratum of each score: 0 for the lower half, 1 for the next quarter, and so on; the last takes the rest."""
    count = len(scores)
    num_strata = max(1, min(STRATA, 1 + int(math.log2(max(1, count // LEAST)))))
    ranks = np.empty(count, dtype=np.int64)
    ranks[np.argsort(scores, kind="stable")] = np.arange(count)
    edges = [round(count * (1.0 - 0.5 ** (number + 1))) for number in range(num_strata - 1)]
    return np.searchsorted(np.array(edges, dtype=np.int64), ranks, side="right").astype(np.int64)


def choose(
    strata: Int64[np.ndarray, " detections"], count: int, generator: np.random.Generator
) -> Int64[np.ndarray, " chosen"]:
    """Return rows, so many from all strata alike; what a small stratum lacks comes from others."""
    order = generator.permutation(len(strata))
    numbers = np.empty(len(strata), dtype=np.int64)
    for stratum in np.unique(strata):
        own = order[strata[order] == stratum]
        numbers[own] = np.arange(len(own))
    # the first of every stratum, then the second of every stratum, and so on; high scores first
    return np.sort(np.lexsort((-strata, numbers))[:count])


def _read_scores(
    tables: Sequence[Path],
) -> tuple[Float64[np.ndarray, " rows"], Int64[np.ndarray, " rows"], list[str]]:
    """Return the probability and the class of every detection, and the names of the classes."""
    known: dict[str, int] = {}
    scores, codes = [np.zeros(0)], [np.zeros(0, np.int64)]
    for part in _iterate(tables):
        encoded = part["class"].combine_chunks().dictionary_encode()
        own = np.array([known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()], dtype=np.int64)
        codes.append(own[encoded.indices.to_numpy()])
        scores.append(part["probability"].to_numpy())
    return np.concatenate(scores), np.concatenate(codes), list(known)


def _iterate(tables: Sequence[Path]) -> Iterator[pa.Table]:
    for path in tables:
        for part in read_detections(path):
            scored = part.filter(part["probability"].is_valid())
            if len(scored):
                yield scored


def _write(out: Path, tables: Sequence[Path], chosen: dict[int, tuple[int, int]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    first = 0
    places = np.array(sorted(chosen), dtype=np.int64)
    for part in _iterate(tables):
        own = places[(places >= first) & (places < first + len(part))]
        rows = part.take(pa.array(own - first)).select(COLUMNS[:5]).to_pylist()
        for place, row in zip(own.tolist(), rows, strict=True):
            texts = {key: defuse(make_encodable(row[key])) for key in ("path", "class")}
            cells = {**row, **texts, JUDGEMENT: ""}
            writer.writerow([*(cells[key] for key in COLUMNS[:6]), *chosen[place]])
        first += len(part)
    write_text(out, buffer.getvalue())
