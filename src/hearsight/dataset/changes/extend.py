"""Add sources to a finished dataset.

The new clips become separate shards. Clips that are there keep their UUID, fold, place and bytes; fitted teachers stay as they
were fitted. The label policy is applied to all clips, so thresholds and vocabulary are those of the whole dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from jaxtyping import Bool

from hearsight.console import print_message
from hearsight.dataset.assemble import plan_shards, write_parquet
from hearsight.dataset.changes.choose import choose_new_clips, list_earlier
from hearsight.dataset.changes.publish import ChangedContents, publish_change
from hearsight.dataset.changes.staging import Change
from hearsight.dataset.changes.taken import find_in, read_taken, unite_sources, write_taken
from hearsight.dataset.changes.withdrawals import Withdrawals
from hearsight.dataset.finalize import Assembly, UnitNames, record_rejections, write_shards
from hearsight.dataset.layout import Layout
from hearsight.dataset.lock import remove_build_files
from hearsight.dataset.provenance import write_missing
from hearsight.dataset.reader import Dataset
from hearsight.dataset.statistics import BuildSummary
from hearsight.dataset.storage.clip_index import MEMORY_LIMIT, ChosenClips, write_index
from hearsight.dataset.storage.ledger import Ledger
from hearsight.dataset.storage.rejections import RejectionWriter, write_rejections
from hearsight.dataset.storage.rows import PackReader
from hearsight.engine.engine import Engine
from hearsight.errors import DatasetError
from hearsight.files import hash_file, write_atomically
from hearsight.media.collection.table import SourceTable
from hearsight.records import REJECTION_SCHEMA, SOURCE_SCHEMA, Rejection, RejectReason
from hearsight.text import make_encodable

_compute: Any = pyarrow.compute  # its functions are made when it is imported, where no type checker sees them
_RETRIED = [str(reason) for reason in (RejectReason.FAILED, RejectReason.CRASHED, RejectReason.TIMED_OUT)]


def find_added(layout: Layout, sources: SourceTable, *, add: bool) -> SourceTable:
    """Return the sources that a finished dataset does not have yet, without those that were withdrawn from it.

    Parameters
    ----------
    layout
        The dataset.
    sources
        What the user names.
    add
        Whether the sources that the dataset has need not be among them.

    Raises
    ------
    DatasetError
        When the dataset has other sources too and ``add`` is false, or it does not record its sources.
    """
    kept = Withdrawals.read(layout).find_kept(sources)
    if not kept.all():
        print_message(f"{layout.folder}: left out because they were withdrawn: {int((~kept).sum()):,} of the sources")
    named = sources.take(np.flatnonzero(kept))
    taken = read_taken(layout.taken)
    absent = len(taken) - int(find_in(taken, named).sum())
    if absent and not add:
        raise DatasetError(
            layout.folder,
            f"a finished dataset of {len(taken):,} sources, of which {absent:,} are not among those given now",
            "all of its sources and more, or its sources alone",
            "--add adds sources without naming the others; another --out makes another dataset",
        )
    return named.take(np.flatnonzero(~find_in(named, taken)))


def extend_dataset(
    assembly: Assembly,
    added: SourceTable,
    missing: pa.Table,
    engine: Engine,
    units: UnitNames,
    failed: Sequence[Rejection],
) -> BuildSummary:
    """Add the clips of finished parts to a finished dataset.

    Parameters
    ----------
    assembly
        As for a new dataset; its sources are not used.
    added
        The new sources.
    missing
        Listed videos that are not there, of :data:`~hearsight.records.MISSING_SCHEMA`.
    engine
        Where the sound of earlier clips is read, and shards are written.
    units
        Names of the units of the new sources.
    failed
        New sources that have no part. The next run of the same build tries them again.
    """
    layout = assembly.layout
    parent, withdrawals = Dataset(layout.folder, quiet=True), Withdrawals.read(layout)
    gathered = layout.parts / "rejected.parquet"
    with RejectionWriter(gathered) as rejections:
        chosen = _choose(assembly, parent, engine, units, withdrawals, rejections)
        for one in failed:
            rejections.append(one)
    fitted = {one.name: hash_file(path) for one in assembly.teachers if (path := layout.teacher(one.name)).exists()}
    first = max(shard.index for shard in parent.manifest.shards) + 1
    plans = [plan for plan in plan_shards(chosen, assembly.shard_clips, fitted, first=first) if plan.record.num_clips]
    change = Change(layout)
    write_shards(assembly, engine, plans, change.staged.folder)
    finished = added.take(np.flatnonzero(Ledger(layout.parts).find(units) >= 0))
    write_taken(change.staged.taken, unite_sources(read_taken(layout.taken), finished))
    earlier = _keep_rejections(layout, added)
    write_rejections(gathered, change.staged.rejected, MEMORY_LIMIT, earlier)
    _add_provenance(layout, change, added, missing)
    shards = (*parent.manifest.shards, *(plan.record for plan in plans))
    folds = _choose_validation(assembly, parent, chosen)
    summary = publish_change(parent, change, ChangedContents(shards, folds, len(failed)))
    remove_build_files(layout)
    print_message(f"{layout.folder}: {len(chosen):,} clips of {len(added):,} new sources were added")
    return summary


def _choose(
    assembly: Assembly,
    parent: Dataset,
    engine: Engine,
    units: UnitNames,
    withdrawals: Withdrawals,
    rejections: RejectionWriter,
) -> ChosenClips:
    layout = assembly.layout
    index = layout.parts / "index.parquet"
    ledger = Ledger(layout.parts)
    wanted = np.zeros(len(ledger), np.bool_)
    places = ledger.find(units)
    wanted[places[places >= 0]] = True
    write_index(index, PackReader(layout.parts), record_rejections(ledger.read_reports(wanted), rejections))
    _drop_withdrawn(index, withdrawals, rejections)
    earlier = list_earlier(parent, layout.parts / "earlier", engine)
    return choose_new_clips(
        index,
        earlier,
        layout.parts / "clips.parquet",
        rejections,
        duplicates=assembly.duplicates,
        validation_folds=parent.manifest.validation_folds,
    )


def _drop_withdrawn(index: Path, withdrawals: Withdrawals, rejections: RejectionWriter) -> None:
    """Drop the clips of media whose bytes were withdrawn, under whatever path they came back."""
    if not withdrawals.media:
        return
    gone = pa.array(sorted(withdrawals.media), pa.string())
    with (
        pq.ParquetFile(index) as file,
        write_atomically(index) as temporary,
        pq.ParquetWriter(temporary, file.schema_arrow) as writer,
    ):
        for batch in file.iter_batches():
            found: Bool[np.ndarray, " rows"] = np.asarray(_compute.is_in(batch.column("media_uuid"), gone))
            dropped = batch.filter(pa.array(found))
            columns = (dropped.column(name).to_pylist() for name in ("source", "start", "duration"))
            for source, start, duration in zip(*columns, strict=True):
                detail = "the same content was withdrawn"
                rejections.append(Rejection(source, start, duration, RejectReason.WITHDRAWN, detail))
            writer.write_batch(batch.filter(pa.array(~found)))


def _keep_rejections(layout: Layout, added: SourceTable) -> Path:
    """Write the rejections of the dataset without those of sources that failed and were tried again; return their file."""
    table = pq.read_table(layout.rejected)
    tried = pa.array([make_encodable(source.path) for source in added], pa.string())
    again = _compute.and_(_compute.is_in(table["reason"], pa.array(_RETRIED)), _compute.is_in(table["path"], tried))
    path = layout.parts / "rejected-before.parquet"
    write_parquet(path, table.filter(_compute.invert(again)).cast(REJECTION_SCHEMA))
    return path


def _add_provenance(layout: Layout, change: Change, added: SourceTable, missing: pa.Table) -> None:
    """Stage the entries of lists: those of new sources are added, and the missing videos are those of the lists given now."""
    listed = added.list_provenance()
    if listed is not None:
        earlier = pq.read_table(layout.sources) if layout.sources.exists() else SOURCE_SCHEMA.empty_table()
        write_parquet(change.staged.sources, pa.concat_tables([earlier.cast(SOURCE_SCHEMA), listed]))
    if missing.num_rows:
        write_missing(change.staged.missing, missing)


def _choose_validation(assembly: Assembly, parent: Dataset, chosen: ChosenClips) -> int:
    """Return the validation folds of the dataset; where it has none, they are chosen as for a new one."""
    if parent.manifest.validation_folds:
        return parent.manifest.validation_folds
    folds = np.union1d(np.unique(parent.folds), np.flatnonzero(chosen.fold_counts))
    return assembly.choose_validation(folds.astype(np.int32))
