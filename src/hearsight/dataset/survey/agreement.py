"""Agreement of picture and sound: which classes of one sense predict which of the other, and how well the senses of a clip agree.

A label from the pictures and a label from the sound predict each other where sources have both more often than by chance. The
measure is their pointwise mutual information in nats (Church & Hanks 1990, *Word association norms, mutual information, and
lexicography*), ``ln((observed + 1) / (expected + 1))``. Observed and expected are numbers of sources; one source is added to both,
so that a pair seen once is not taken for a law.

The agreement of a clip is the logarithm of the mean ratio over all pairs of one visual and one audio label of it, each ratio
counted **without the clip's own fold**. A clip is therefore judged by other sources only, never by a copy of itself, since
media that share sound share a fold. Where sight and sound have nothing to do with each other the mean ratio is 1 and the
agreement 0; an agreement of 0.7 means that the clip's labels occur together twice as often as by chance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
from jaxtyping import Float32, Float64, Int64

from hearsight.console import track
from hearsight.dataset.layout import Layout
from hearsight.dataset.survey.pairs import PairCounts, count_pairs
from hearsight.dataset.survey.tables import LabelTables, ShardLabels
from hearsight.errors import DatasetError, cannot_write
from hearsight.files import write_atomically

PRIOR = 1.0
"""Sources that are added to observed and expected counts."""
SCHEMA = pa.schema([("uuid", pa.string()), ("agreement", pa.float32())])
"""Columns of ``agreement.parquet``; the agreement is null where a clip has no label of one of the senses."""

_DATASET_KEY = b"hearsight.dataset"
_HINT = "hearsight stats DATASET computes it"


@dataclasses.dataclass(frozen=True)
class ClassPair:
    """A visual and an audio class.

    Attributes
    ----------
    visual, audio
        Their indices in the vocabulary.
    observed, expected
        Sources whose clips have both, and as many as there would be by chance.
    share
        Share of the visual class's clips that have the audio class too, each source counted once.
    information
        Pointwise mutual information in nats.
    """

    visual: int
    audio: int
    observed: float
    expected: float
    share: float
    information: float


def find_pairs(counts: PairCounts, tables: LabelTables, most: int, *, min_sources: float = 2.0) -> list[ClassPair]:
    """Find the pairs of a visual and an audio class that predict each other best.

    Parameters
    ----------
    counts
        Of the dataset.
    tables
        The dataset.
    most
        Pairs to return.
    min_sources
        Observed sources that a pair must have.

    Returns
    -------
    list of ClassPair
        By falling mutual information.
    """
    visual, audio = tables.find_classes("vision"), tables.find_classes("audio")
    if not len(visual) or not len(audio) or not counts.num_sources:
        return []
    block = scipy.sparse.coo_array(counts.pairs[visual][:, audio])
    chosen = block.data >= min_sources
    rows, columns, observed = visual[block.row[chosen]], audio[block.col[chosen]], block.data[chosen]
    expected = counts.weights[rows] * counts.weights[columns] / counts.num_sources
    information = np.log((observed + PRIOR) / (expected + PRIOR))
    best = np.lexsort((columns, rows, -information))[:most]
    return [
        ClassPair(
            int(rows[place]),
            int(columns[place]),
            float(observed[place]),
            float(expected[place]),
            float(observed[place] / counts.weights[rows[place]]),
            float(information[place]),
        )
        for place in best
    ]


def score_shard(shard: ShardLabels, counts: PairCounts, modalities: _Modalities) -> Float32[np.ndarray, " clips"]:
    """Compute the agreement of each clip of a shard from the sources outside its own fold; NaN if there is none.

    Parameters
    ----------
    shard
        The clips.
    counts
        Of the whole dataset, this shard included.
    modalities
        Which classes are visual, and which audio.
    """
    clip, visual, audio = _list_pairs(shard, modalities)
    folds = shard.fold_of
    fold = folds[clip]
    total = counts.num_sources - _count_sources(shard, folds)[fold]
    observed = _read_entries(counts.pairs, visual, audio) - _sum_own(shard, fold, clip, visual, audio)
    own = _sum_labels(shard, folds)
    expected = (counts.weights[visual] - _read_entries(own, fold, visual)) * (
        counts.weights[audio] - _read_entries(own, fold, audio)
    )
    known = total > 0
    # differences of sums of weights may fall below zero by rounding
    ratio = (np.maximum(observed, 0.0) + PRIOR) / (np.maximum(expected, 0.0) / np.where(known, total, 1) + PRIOR)
    number = np.bincount(clip[known], minlength=len(folds))
    mean = np.bincount(clip[known], weights=ratio[known], minlength=len(folds)) / np.maximum(number, 1)
    return np.where(number > 0, np.log(np.maximum(mean, 1e-30)), np.nan).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class _Modalities:
    """Classes of the vocabulary by modality."""

    visual: Int64[np.ndarray, " visual"]
    audio: Int64[np.ndarray, " audio"]


def _list_pairs(
    shard: ShardLabels, modalities: _Modalities
) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]:
    """Return clip, visual class and audio class of every pair of labels."""
    seen: Any = scipy.sparse.csr_array(shard.labels[:, modalities.visual])
    heard: Any = scipy.sparse.csr_array(shard.labels[:, modalities.audio])
    clip_of_seen = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    repeats = np.diff(heard.indptr)[clip_of_seen]
    clip = np.repeat(clip_of_seen, repeats)
    within = np.arange(len(clip)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    visual = modalities.visual[np.repeat(seen.indices, repeats)]
    audio = modalities.audio[heard.indices[heard.indptr[clip] + within]]
    return clip.astype(np.int64), visual, audio


def _sum_own(
    shard: ShardLabels,
    fold: Int64[np.ndarray, " pairs"],
    clip: Int64[np.ndarray, " pairs"],
    visual: Int64[np.ndarray, " pairs"],
    audio: Int64[np.ndarray, " pairs"],
) -> Float64[np.ndarray, " pairs"]:
    """Return for each pair the weight that its own fold contributes to the observed count."""
    size = shard.labels.shape[1]
    _, place = np.unique((fold * size + visual) * size + audio, return_inverse=True)
    return np.bincount(place, weights=shard.weights[clip])[place] if len(place) else np.zeros(0)


def _sum_labels(shard: ShardLabels, folds: Int64[np.ndarray, " clips"]) -> scipy.sparse.csr_array:
    """Return the weight that each fold contributes to the count of each class."""
    members = (shard.weights, (folds, np.arange(len(folds))))
    return scipy.sparse.csr_array(
        scipy.sparse.csr_array(members, shape=(int(folds.max()) + 1, len(folds))) @ shard.labels
    )


def _count_sources(shard: ShardLabels, folds: Int64[np.ndarray, " clips"]) -> Int64[np.ndarray, " folds"]:
    """Return the number of sources of each fold of the shard."""
    _, first = np.unique(shard.source_of, return_index=True)
    return np.bincount(folds[first], minlength=int(folds.max()) + 1).astype(np.int64)


def _read_entries(
    matrix: scipy.sparse.csr_array, rows: Int64[np.ndarray, " pairs"], columns: Int64[np.ndarray, " pairs"]
) -> Float64[np.ndarray, " pairs"]:
    """Return entries of a sparse matrix."""
    if not len(rows):
        return np.zeros(0)
    return np.asarray(matrix[rows, columns], np.float64).reshape(-1)


def score_clips(tables: LabelTables, counts: PairCounts) -> Iterator[tuple[pa.Table, Float32[np.ndarray, " clips"]]]:
    """Compute the agreement of every clip, shard by shard.

    Yields
    ------
    clips, agreement
        The clip table of a shard, with the column ``uuid``, and the agreement of its clips, NaN if there is none.
    """
    modalities = _Modalities(tables.find_classes("vision"), tables.find_classes("audio"))
    for shard in tables.read_shards():
        yield shard.clips, score_shard(shard, counts, modalities)


def write_agreement(path: str | Path, counts: PairCounts | None = None) -> Float32[np.ndarray, " clips"]:
    """Compute the agreement of every clip of a dataset and write it to ``agreement.parquet`` in its folder, atomically.

    Parameters
    ----------
    path
        The dataset folder.
    counts
        Pairs of classes where they are counted already.

    Returns
    -------
    Float32[np.ndarray, " clips"]
        The agreement of each clip in the order of the dataset, NaN where a clip has no label of one of the senses.

    Raises
    ------
    DatasetError
        When the dataset cannot be read.
    MachineError
        When the file cannot be written.
    """
    tables = LabelTables(path)
    counts = counts or count_pairs(tables)
    out = tables.layout.agreement
    schema = SCHEMA.with_metadata({_DATASET_KEY: tables.digest.encode()})
    found: list[np.ndarray] = []
    try:
        with (
            track("agreement", tables.num_clips, "clips") as bar,
            write_atomically(out) as temporary,
            pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            for clips, agreement in score_clips(tables, counts):
                values = pa.array(agreement, pa.float32(), mask=np.isnan(agreement))
                writer.write_table(pa.table([clips.column("uuid"), values], schema=schema))
                found.append(agreement)
                bar.advance(len(agreement))
    except OSError as error:
        raise cannot_write(out, error) from error
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def read_agreement(path: str | Path, digest: str) -> Float32[np.ndarray, " clips"] | None:
    """Read the agreement of every clip of a dataset.

    Parameters
    ----------
    path
        The dataset folder.
    digest
        The digest of the dataset that is there now.

    Returns
    -------
    Float32[np.ndarray, " clips"] or None
        In the order of the dataset, NaN if there is none; None where it was never computed.

    Raises
    ------
    DatasetError
        When the file is damaged, or of another dataset, as after a build that added clips.
    """
    file = Layout(Path(path)).agreement
    if not file.exists():
        return None
    try:
        table = pq.read_table(file, columns=["agreement"], page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(file, f"cannot be read ({error})", "the agreement of each clip", _HINT) from error
    written_for = (table.schema.metadata or {}).get(_DATASET_KEY, b"").decode(errors="replace")
    if written_for != digest:
        found = f"the agreement of the dataset {written_for or 'unknown'}"
        raise DatasetError(file, found, f"that of {digest}, which is there now", _HINT)
    return np.asarray(table.column("agreement").to_numpy(), np.float32)
