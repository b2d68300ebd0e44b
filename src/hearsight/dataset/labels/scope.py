"""Soft labels of whole media files, which all of their clips inherit (Hershey 2017, section 2), and the way back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64, Int32, Int64

from hearsight.records import LABEL_SCHEMA


def inherit_labels(table: pa.Table, media: Sequence[str], top: int) -> pa.Table:
    """Replace the soft labels of each clip by those of its media file: the mean over all of its images or seconds.

    The soft labels of single images and seconds stay as they are. A probability that was not kept counts as zero.

    Parameters
    ----------
    table
        Soft labels of one teacher: ``records.LABEL_SCHEMA``.
    media
        UUID of the media file of each row.
    top
        Number of classes that are kept; 0 keeps all.
    """
    _, group = np.unique(np.asarray(media, dtype=object).astype(str), return_inverse=True)
    row, classes, probabilities = _flatten(table, "classes", "probabilities")
    items = _count_items(table)
    total = np.bincount(group, weights=items).astype(np.float64)
    weights = probabilities.astype(np.float64) * items[row]
    means = _average(group[row], classes, weights, total)
    lists = [_keep(*one, top) for one in means]
    return _replace(table, [lists[place] for place in group])


def restore_labels(table: pa.Table, top: int) -> pa.Table:
    """Return the soft labels of each clip again, computed from those of the images or seconds of this clip."""
    items = _count_items(table)
    inner = table.column("item_classes").combine_chunks().flatten()
    owner = np.repeat(np.arange(len(table)), items.astype(np.int64))
    lengths = np.asarray(inner.value_lengths()).astype(np.int64)
    row = np.repeat(owner, lengths)
    probabilities = np.asarray(table.column("item_probabilities").combine_chunks().flatten().flatten(), np.float64)
    means = _average(row, np.asarray(inner.flatten()), probabilities, items)
    return _replace(table, [_keep(*one, top) for one in means])


def _flatten(
    table: pa.Table, classes: str, probabilities: str
) -> tuple[Int64[np.ndarray, " kept"], Int32[np.ndarray, " kept"], Float32[np.ndarray, " kept"]]:
    lists = table.column(classes).combine_chunks()
    row = np.repeat(np.arange(len(table)), np.asarray(lists.value_lengths()).astype(np.int64))
    return row, np.asarray(lists.flatten()), np.asarray(table.column(probabilities).combine_chunks().flatten())


def _count_items(table: pa.Table) -> Float64[np.ndarray, " rows"]:
    return np.asarray(table.column("item_classes").combine_chunks().value_lengths()).astype(np.float64)


def _average(
    group: Int64[np.ndarray, " kept"],
    classes: Int32[np.ndarray, " kept"],
    weights: Float64[np.ndarray, " kept"],
    total: Float64[np.ndarray, " groups"],
) -> list[tuple[Int32[np.ndarray, " _"], Float32[np.ndarray, " _"]]]:
    """Return the classes of each group with the sum of their weights divided by the group's total."""
    width = int(classes.max(initial=0)) + 1
    keys, place = np.unique(group * width + classes, return_inverse=True)
    sums = np.bincount(place, weights=weights, minlength=len(keys)).astype(np.float64)
    ends = np.searchsorted(keys, np.arange(len(total) + 1) * width)
    return [
        ((keys[a:b] % width).astype(np.int32), (sums[a:b] / max(1.0, count)).astype(np.float32))
        for a, b, count in zip(ends[:-1], ends[1:], total, strict=True)
    ]


def _keep(
    classes: Int32[np.ndarray, " _"], probabilities: Float32[np.ndarray, " _"], top: int
) -> tuple[Int32[np.ndarray, " kept"], Float32[np.ndarray, " kept"]]:
    """Return the most probable classes in order, ties by class index."""
    order = np.lexsort((classes, -probabilities))[: top or None]
    return classes[order], probabilities[order]


def _replace(table: pa.Table, lists: Sequence[tuple[Int32[np.ndarray, " _"], Float32[np.ndarray, " _"]]]) -> pa.Table:
    """Return a table with other soft labels of its clips."""
    columns = {name: table.column(name) for name in LABEL_SCHEMA.names}
    columns["classes"] = pa.array([one[0] for one in lists], LABEL_SCHEMA.field("classes").type)
    columns["probabilities"] = pa.array([one[1] for one in lists], LABEL_SCHEMA.field("probabilities").type)
    return pa.table(columns, schema=LABEL_SCHEMA)
