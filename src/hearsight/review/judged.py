"""Tables of judged detections, class by class, as arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64, Int64

from hearsight.detection.formats.reading import list_columns, read_detections
from hearsight.detection.judgements import JUDGEMENT, RIGHT, SKIP, read_judgement
from hearsight.errors import TableError

EXTRA = (pa.field(JUDGEMENT, pa.string()), pa.field("stratum", pa.int64()), pa.field("stratum_size", pa.int64()))


@dataclasses.dataclass(frozen=True)
class Judged:
    """The judged detections of one class.

    Attributes
    ----------
    name
        The class.
    scores, right
        Probability of each, and whether the class is there.
    strata
        The stratum of each; -1 where the table has none.
    sizes
        Number of detections in each stratum, by its number; empty where the table has none.
    num_skipped
        Detections that were not judged.
    """

    name: str
    scores: Float64[np.ndarray, " judged"]
    right: Bool[np.ndarray, " judged"]
    strata: Int64[np.ndarray, " judged"]
    sizes: dict[int, int]
    num_skipped: int

    @property
    def num_detections(self) -> int:
        """Detections that the judged ones stand for."""
        return sum(self.sizes.values()) if self.sizes else len(self.scores)

    @property
    def weights(self) -> Float64[np.ndarray, " judged"]:
        """How many detections each judged one stands for."""
        if not self.sizes:
            return np.ones(len(self.scores))
        numbers, members, counts = np.unique(self.strata, return_inverse=True, return_counts=True)
        return np.array([self.sizes[int(number)] for number in numbers])[members] / counts[members]


def read_judged(paths: Sequence[Path]) -> list[Judged]:
    """Read tables of judged detections; return their classes, by name.

    Raises
    ------
    TableError
        When a table has no column ``judgement`` or no probabilities, a judgement is none, nothing is judged, or strata contradict
        each other.
    """
    found: dict[str, list[tuple[float, str, int | None, int | None]]] = {}
    for path in paths:
        columns = list_columns(path)
        if JUDGEMENT not in columns:
            hint = "hearsight review --draw DETECTIONS writes a table to fill in"
            raise TableError(path, f"columns {', '.join(columns)}", f"a column {JUDGEMENT!r}", hint)
        for part in read_detections(path, EXTRA):
            for row in part.to_pylist():
                judgement = read_judgement(row[JUDGEMENT], f"{path}, {row['path']} at {row['start']} s")
                if row["probability"] is None or not 0.0 <= row["probability"] <= 1.0:
                    raise TableError(path, f"probability {row['probability']} of {row['path']}", "a number from 0 to 1")
                cells = (row["probability"], judgement, row["stratum"], row["stratum_size"])
                found.setdefault(row["class"], []).append(cells)
    if not any(judgement != SKIP for rows in found.values() for _, judgement, _, _ in rows):
        raise TableError(paths[0], f"none of {sum(map(len, found.values()))} detections is judged", "right or wrong")
    return [_gather(paths[0], name, rows) for name, rows in sorted(found.items())]


def _gather(path: Path, name: str, rows: Sequence[tuple[float, str, int | None, int | None]]) -> Judged:
    sizes: dict[int, int] = {}
    for _, _, stratum, size in rows:
        if (stratum is None) != (size is None) or (stratum is None and sizes):
            raise TableError(path, f"stratum {stratum} of {size} detections, class {name!r}", "both of every row")
        if stratum is not None and size is not None and sizes.setdefault(stratum, size) != size:
            raise TableError(path, f"stratum {stratum} of {sizes[stratum]} and of {size} detections", "one size")
    judged = [row for row in rows if row[1] != SKIP]
    numbers = np.array([-1 if row[2] is None else row[2] for row in judged], dtype=np.int64)
    for stratum, size in sizes.items():
        count = int((numbers == stratum).sum())
        if count > size:
            raise TableError(path, f"{count} judgements in a stratum of {size} detections, class {name!r}", "as many")
    return Judged(
        name,
        np.array([row[0] for row in judged], dtype=np.float64),
        np.array([row[1] == RIGHT for row in judged], dtype=np.bool_),
        numbers,
        sizes,
        len(rows) - len(judged),
    )
