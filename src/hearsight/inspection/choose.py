"""Which clips of a dataset to look at: one by its UUID, those with a class, a sample, those that agree least or most."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32, Int64

from hearsight.dataset.survey.tables import LabelTables
from hearsight.errors import UsageError, guess

Order = Literal["random", "disagreeing", "agreeing"]
MOST = 100
"""Clips on one page, which then has about 6 MB."""
_SHORTEST_PREFIX = 4


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which clips to look at.

    Attributes
    ----------
    uuid
        UUID of a clip, or its first characters; None for any.
    name
        Class that the clips have as a label; None for any.
    count, seed, order
        How many clips, and which: drawn at random with a seed, or those whose picture and sound agree least or most.
    """

    uuid: str | None = None
    name: str | None = None
    count: int = 24
    seed: int = 0
    order: Order = "random"


def choose_clips(
    tables: LabelTables, choice: Choice, agreement: Float32[np.ndarray, " clips"]
) -> Int64[np.ndarray, " chosen"]:
    """Return the indices of the clips to look at, in the order in which they are shown.

    Parameters
    ----------
    tables
        The dataset.
    choice
        What is wanted.
    agreement
        Of each clip, NaN where there is none; empty where the dataset has none.

    Raises
    ------
    UsageError
        When no clip has the UUID or the class, the class is unknown, or the count is not between 1 and :data:`MOST`.
    """
    if not 1 <= choice.count <= MOST:
        raise UsageError("--sample", f"{choice.count}", f"1 to {MOST} clips, which a page can hold")
    if choice.uuid is not None:
        return _find_uuid(tables, choice.uuid)
    found = None if choice.name is None else _find_labelled(tables, choice.name)
    if choice.order == "random":
        generator = np.random.default_rng(choice.seed)
        number = tables.num_clips if found is None else len(found)
        drawn = np.sort(generator.choice(number, min(choice.count, number), replace=False))
        return drawn.astype(np.int64) if found is None else found[drawn]
    if not len(agreement):
        raise UsageError("--order", choice.order, "random: the agreement needs a vision teacher and an audio teacher")
    found = np.arange(tables.num_clips) if found is None else found
    known = found[~np.isnan(agreement[found])]
    sign = 1.0 if choice.order == "disagreeing" else -1.0
    return known[np.argsort(sign * agreement[known], kind="stable")][: choice.count].astype(np.int64)


def _find_uuid(tables: LabelTables, uuid: str) -> Int64[np.ndarray, " one"]:
    if len(uuid) < _SHORTEST_PREFIX:
        raise UsageError("--clip", repr(uuid), f"a UUID, or at least its first {_SHORTEST_PREFIX} characters")
    found: list[int] = []
    first = 0
    for shard in tables.manifest.shards:
        if not shard.num_clips:
            continue
        column = tables.read_table(tables.layout.clips(shard.index), ["uuid"]).column("uuid")
        matches = pc.call_function("starts_with", [column], pc.MatchSubstringOptions(uuid.lower()))
        found += (first + np.flatnonzero(np.asarray(matches))).tolist()
        first += shard.num_clips
    if len(found) != 1:
        number = "no clip" if not found else f"{len(found)} clips"
        hint = "" if found else "the UUIDs are in clips/*.parquet, and printed by hearsight inspect"
        raise UsageError("--clip", f"{number} of {tables.path} with a UUID like {uuid!r}", "one", hint)
    return np.array(found, np.int64)


def _find_labelled(tables: LabelTables, name: str) -> Int64[np.ndarray, " clips"]:
    """Return the clips with a class; a name without its sense means both senses."""
    wanted = name.casefold()
    spellings = {wanted, f"{wanted} (seen)", f"{wanted} (heard)"}
    classes = np.array([one.index for one in tables.classes if one.name.casefold() in spellings], np.int64)
    if not len(classes):
        raise UsageError(
            "--class", repr(name), "a class of the vocabulary", guess(name, (c.name for c in tables.classes))
        )
    found: list[np.ndarray] = []
    first = 0
    for shard in tables.read_shards():
        rows = np.flatnonzero(np.asarray(shard.labels[:, classes].sum(axis=1)) > 0)
        found.append(first + rows)
        first += shard.labels.shape[0]
    return np.concatenate(found).astype(np.int64)


def place_clips(tables: LabelTables, clips: Int64[np.ndarray, " clips"]) -> list[tuple[int, int]]:
    """Return shard and row within the shard of each clip."""
    sizes = np.array([shard.num_clips for shard in tables.manifest.shards], np.int64)
    ends = np.cumsum(sizes)
    shards = np.searchsorted(ends, clips, side="right")
    rows = clips - (ends - sizes)[shards]
    indices = [shard.index for shard in tables.manifest.shards]
    return [(indices[shard], int(row)) for shard, row in zip(shards, rows, strict=True)]


def take_rows(table: pa.Table, rows: list[int]) -> list[dict[str, object]]:
    """Return rows of a table as dictionaries."""
    return table.take(pa.array(rows, pa.int64())).to_pylist()
