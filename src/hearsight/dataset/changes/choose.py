"""Which of the new clips become part of a dataset, and in which folds: the clips that are there already stay as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.clips.database import Database, open_database
from hearsight.clips.duplicates import find_duplicates
from hearsight.clips.links import WORDS_FIELD, link_media, pack_words
from hearsight.console import track
from hearsight.dataset.layout import ShardRecord
from hearsight.dataset.reader import Dataset
from hearsight.dataset.storage.clip_index import (
    CHOSEN_SCHEMA,
    INDEX_SCHEMA,
    MEMORY_LIMIT,
    ChosenClips,
    name_folds,
    write_chosen,
)
from hearsight.dataset.storage.rejections import RejectionWriter
from hearsight.engine.engine import Engine
from hearsight.engine.progress import report_progress
from hearsight.errors import WorkerError
from hearsight.files import write_atomically
from hearsight.records import CLIP_SCHEMA, Rejection, RejectReason
from hearsight.signal.waveform import resample_int16
from hearsight.units import SAMPLE_RATE

_PLACE_FOLDS = """
CREATE TABLE home AS SELECT media_uuid, min(fold) AS fold FROM old GROUP BY media_uuid;
CREATE TABLE side AS
SELECT link.leader, min(home.fold) AS fold, min(home.fold) < {bound} AND max(home.fold) >= {bound} AS divided
FROM link JOIN home USING (media_uuid) GROUP BY link.leader;
CREATE TABLE clip AS
SELECT {columns}, coalesce(home.fold, side.fold, link.fold, clips.fold) AS shared,
       home.fold IS NULL AND coalesce(side.divided, false) AS divided
FROM clips LEFT JOIN home USING (media_uuid) LEFT JOIN link USING (media_uuid) LEFT JOIN side USING (leader)
ORDER BY shared, media_uuid, start, duration, source, pack, "offset", "row"
"""

_FIND_REPEATED = """
CREATE TABLE repeated AS
WITH old_one AS (SELECT uuid, min(source) AS source, min(start) AS start FROM old GROUP BY uuid),
     new_one AS (SELECT uuid, min(rowid) AS place FROM clip GROUP BY uuid)
SELECT clip.rowid AS place, old_one.source AS earlier, old_one.start AS earlier_start FROM clip JOIN old_one USING (uuid)
UNION ALL
SELECT clip.rowid, first.source, first.start
FROM clip JOIN new_one USING (uuid) JOIN clip AS first ON first.rowid = new_one.place
WHERE clip.rowid <> new_one.place AND clip.uuid NOT IN (SELECT uuid FROM old_one)
UNION ALL
SELECT new_one.place, coalesce(old_one.source, first.source), coalesce(old_one.start, first.start)
FROM near JOIN new_one ON new_one.uuid = near.uuid
LEFT JOIN old_one ON old_one.uuid = near.duplicate_of
LEFT JOIN new_one AS other ON other.uuid = near.duplicate_of LEFT JOIN clip AS first ON first.rowid = other.place
WHERE near.uuid NOT IN (SELECT uuid FROM old_one)
"""

_LIST_REPEATED = """
SELECT clip.source, clip.start, clip.duration, repeated.earlier, repeated.earlier_start
FROM repeated JOIN clip ON clip.rowid = repeated.place
"""
_LIST_DIVIDED = """
SELECT source, start, duration FROM clip ANTI JOIN repeated ON clip.rowid = repeated.place WHERE divided
"""
_DROP_DIVIDED = """
INSERT INTO repeated SELECT rowid, NULL, NULL FROM clip
WHERE divided AND rowid NOT IN (SELECT place FROM repeated)
"""


@dataclasses.dataclass(frozen=True)
class ListWords:
    """The stage that computes what links and duplicates are found by, from the sound of the shards of a dataset.

    Attributes
    ----------
    dataset
        The dataset.
    folder
        Where a table of each shard is written, of :data:`~hearsight.dataset.storage.clip_index.INDEX_SCHEMA`.
    """

    dataset: Path
    folder: Path

    def __call__(self) -> Callable[[ShardRecord], str]:
        """Open the dataset; return the function that writes the table of a shard and returns its path."""
        dataset = Dataset(self.dataset, quiet=True)
        bounds = np.cumsum([0, *(shard.num_clips for shard in dataset.manifest.shards)])
        first = {shard.index: int(bounds[place]) for place, shard in enumerate(dataset.manifest.shards)}
        clips = dataset.clips()

        def write(shard: ShardRecord) -> str:
            path = self.folder / f"{shard.index:05d}.parquet"
            if not path.exists():
                rows = clips.slice(first[shard.index], shard.num_clips)
                packed: list[bytes] = []
                for place in range(shard.num_clips):
                    samples = dataset.read(first[shard.index] + place)
                    packed.append(pack_words(resample_int16(samples, dataset.sample_rate, SAMPLE_RATE)))
                    report_progress()
                table = rows.select(CLIP_SCHEMA.names).append_column(WORDS_FIELD, pa.array(packed, pa.binary()))
                for field in list(INDEX_SCHEMA)[len(table.column_names) :]:
                    table = table.append_column(field, pa.nulls(len(rows), field.type))
                with write_atomically(path) as temporary:
                    pq.write_table(table, temporary)
            return str(path)

        return write


def list_earlier(parent: Dataset, folder: Path, engine: Engine) -> list[Path]:
    """Write the tables of the clips that a dataset has, with their sub-fingerprints, and return their paths.

    Raises
    ------
    WorkerError
        When the sound of a shard cannot be read.
    """
    shards = list(parent.manifest.shards)
    found: list[Path] = []
    with track("reading earlier clips", parent.manifest.num_clips, "clips") as bar:
        for answer in engine.run(ListWords(parent.path, folder), shards):
            if answer.result is None:
                what = answer.failure.message if answer.failure else "no result"
                raise WorkerError(f"shard {answer.unit.index}", what, "the sound of its clips")
            found.append(Path(answer.result))
            bar.advance(answer.unit.num_clips)
    return sorted(found)


def choose_new_clips(
    index: Path,
    earlier: Sequence[Path],
    out: Path,
    rejections: RejectionWriter,
    *,
    duplicates: str,
    validation_folds: int,
) -> ChosenClips:
    """Sort new clips by (fold, media, start), and drop those that the dataset has already.

    A new medium gets the fold of an earlier one that has the same bytes or shares sound with it. Where it shares sound with
    earlier ones on both sides of the split, its clips are dropped, since they would be a bridge between the sides.

    Parameters
    ----------
    index
        The new clips, as :func:`~hearsight.dataset.storage.clip_index.write_index` writes them.
    earlier
        The clips of the dataset, as :func:`list_earlier` writes them.
    out
        The Parquet file of the clips that are kept.
    rejections
        Receives those that are dropped.
    duplicates
        ``drop`` or ``keep`` clips that sound and look like another one.
    validation_folds
        Folds below this one are for validation.
    """
    links = link_media([index, *earlier], MEMORY_LIMIT)
    near = find_duplicates([index], MEMORY_LIMIT, settled=earlier) if duplicates == "drop" else _NO_PAIRS
    with open_database(MEMORY_LIMIT) as database:
        database.add_source("clips", index)
        database.add_source("old", earlier)
        database.add_source("link", _add_folds(links))
        database.add_source("near", near)
        columns = ", ".join(f'clips."{name}"' for name in CHOSEN_SCHEMA.names)
        database.execute(_PLACE_FOLDS.format(columns=columns, bound=validation_folds))
        database.execute(_FIND_REPEATED)
        for rejection in _list_rejections(database):
            rejections.append(rejection)
        database.execute(_DROP_DIVIDED)
        return write_chosen(database, out)


_NO_PAIRS = pa.table({"uuid": pa.array([], pa.string()), "duplicate_of": pa.array([], pa.string())})


def _add_folds(links: pa.Table) -> pa.Table:
    """Return the links with the fold that each group would have without earlier clips."""
    return name_folds(links).append_column("leader", links.column("leader"))


def _list_rejections(database: Database) -> Iterator[Rejection]:
    for batch in database.stream(_LIST_REPEATED):
        for source, start, duration, earlier, earlier_start in zip(*batch.to_pydict().values(), strict=True):
            detail = f"the same as {earlier} at {earlier_start:.2f} s"
            yield Rejection(source, start, duration, RejectReason.DUPLICATE, detail)
    for batch in database.stream(_LIST_DIVIDED):
        for source, start, duration in zip(*batch.to_pydict().values(), strict=True):
            detail = "it shares sound with earlier sources for training and with others for validation"
            yield Rejection(source, start, duration, RejectReason.DUPLICATE, detail)
