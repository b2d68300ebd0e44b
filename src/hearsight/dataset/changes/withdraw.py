"""Withdraw media from a finished dataset: the whole of ``hearsight withdraw``.

Everything that the dataset holds of them is removed: sound, rows of all tables, soft labels, fingerprints, rejections, provenance.
What remains is a digest of their bytes and names, so that no later build takes them in again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from jaxtyping import Bool

from hearsight.console import describe_count, print_message, track
from hearsight.dataset.assemble import write_parquet
from hearsight.dataset.changes.publish import ChangedContents, publish_change
from hearsight.dataset.changes.staging import Change, finish_change
from hearsight.dataset.changes.taken import read_taken, write_taken
from hearsight.dataset.changes.withdrawals import Withdrawal, Withdrawals, digest_name
from hearsight.dataset.layout import Layout, ShardRecord, read_manifest
from hearsight.dataset.lock import lock_folder, remove_build_files
from hearsight.dataset.reader import Dataset
from hearsight.dataset.unit_table import encode_paths
from hearsight.errors import DatasetError, InputError, UsageError
from hearsight.files import write_atomically
from hearsight.media.info import digest_file
from hearsight.media.paths import make_absolute
from hearsight.media.remote.local_copy import is_remote
from hearsight.records import AUDIO_SCHEMA, REJECTION_SCHEMA, name_media
from hearsight.text import make_encodable

_compute: Any = pyarrow.compute  # its functions are made when it is imported, where no type checker sees them
_REDACTED = "the same as a source that was withdrawn"


@dataclasses.dataclass(frozen=True)
class WithdrawReport:
    """What was withdrawn.

    Attributes
    ----------
    path
        The dataset.
    num_sources, num_media, num_clips
        Sources, media files and clips that were removed; 0 clips where all had been rejected.
    hours
        Duration of these clips.
    digest_before, digest
        Digests of the dataset before and after. Runs and datasets record the digest of the dataset that they were made from.
    digests_before
        Digests of every state of the dataset that held something that was withdrawn from it since, oldest first.
    copies
        Other sources of the dataset that were rejected as copies of what was withdrawn.
    """

    path: str
    num_sources: int
    num_media: int
    num_clips: int
    hours: float
    digest_before: str
    digest: str
    digests_before: tuple[str, ...]
    copies: tuple[str, ...]

    def describe(self) -> list[str]:
        """Return the report as lines of text."""
        sources = describe_count(self.num_sources, "source")
        lines = [f"{self.path}: {describe_count(self.num_clips, 'clip')} of {sources} removed ({self.hours:.2f} h)"]
        lines += [f"a copy of it was rejected, and remains a source: {path}" for path in self.copies]
        return [*lines, f"digest: {self.digest_before} before, {self.digest} now"]

    def as_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class _Found:
    """What a withdrawal is about: names as the tables have them, UUIDs of media, and digests of all names."""

    paths: frozenset[str]
    media: frozenset[str]
    digests: frozenset[str]


def withdraw_sources(dataset: str | Path, names: Sequence[str]) -> WithdrawReport:
    """Remove media from a dataset.

    Parameters
    ----------
    dataset
        The dataset.
    names
        Paths or addresses of media, as the dataset was built from them; UUIDs of media; or ids of published lists.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, is one of mixtures, or would have no clip left.
    InputError
        When a name is of no source of the dataset.
    UsageError
        When no name is given.
    """
    layout = Layout(Path(dataset))
    if not names:
        raise UsageError("withdraw", "no source", "the paths, ids or UUIDs of what is to be removed")
    if not layout.commit.exists():
        read_manifest(layout.folder)  # before the folder is locked, which writes into it
    with lock_folder(layout):
        finish_change(layout)
        parent = Dataset(layout.folder, quiet=True)
        if parent.is_mixed:
            found = f"a dataset of {len(parent):,} mixtures, each of several sources"
            hint = "withdraw from the dataset that was mixed, and mix again"
            raise DatasetError(layout.folder, found, "a dataset of clips", hint)
        return _withdraw(layout, parent, _find(layout, parent, names))


def _withdraw(layout: Layout, parent: Dataset, found: _Found) -> WithdrawReport:
    digest, change = parent.digest, Change(layout)
    shards, removed, seconds = _stage_shards(parent, change, found)
    num_clips = len(parent) - sum(shard.num_clips for shard in shards)
    if not shards:
        change.discard()
        hint = "remove the whole folder"
        raise DatasetError(layout.folder, f"all {num_clips:,} clips would be removed", "a clip that stays", hint)
    num_sources = _stage_sources(layout, change, found)
    copies = _stage_rejections(layout, change, found)
    withdrawals = Withdrawals.read(layout)
    record = Withdrawal(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        dataset=digest,
        num_clips=num_clips,
        media=tuple(sorted(found.media)),
        names=tuple(sorted(found.digests)),
    )
    withdrawals.write(change.staged, record)
    if layout.parts.exists():
        print_message(
            f"{layout.folder}: the parts of unfinished work are removed too; files that failed are tried again"
        )
    remove_build_files(layout)
    publish_change(parent, change, ChangedContents(shards, parent.manifest.validation_folds, 0, removed))
    return WithdrawReport(
        path=str(layout.folder),
        num_sources=num_sources,
        num_media=len(found.media),
        num_clips=num_clips,
        hours=seconds / 3600.0,
        digest_before=digest,
        digest=Dataset(layout.folder, quiet=True).digest,
        digests_before=(*(one.dataset for one in withdrawals.records), digest),
        copies=copies,
    )


def _find(layout: Layout, parent: Dataset, names: Sequence[str]) -> _Found:
    """Find what the names are of."""
    known = _KnownSources(layout, parent)
    paths: set[str] = set()
    media: set[str] = set()
    for name in names:
        path = make_encodable(name if is_remote(name) else make_absolute(Path(name).expanduser()))
        by_uuid = known.list_paths_of({name})
        matched = known.choose_known({path, make_encodable(name)}) | known.list_listed(name) | by_uuid
        if not matched:
            hint = "hearsight inspect DATASET --json lists clips with their sources and UUIDs"
            raise InputError(name, f"no source of {layout.folder}", "a path, id or UUID that it was built from", hint)
        paths |= matched
        media |= {name} if by_uuid else set()
    media |= known.list_media_of(paths) | {uuid for path in paths if (uuid := _identify(path)) is not None}
    paths |= known.list_paths_of(media)
    return _Found(frozenset(paths), frozenset(media), frozenset(map(digest_name, paths | known.list_keys(paths))))


class _KnownSources:
    """The names by which a dataset knows its sources, as columns."""

    def __init__(self, layout: Layout, parent: Dataset) -> None:
        self._clips = parent.clips().select(["media_uuid", "source"]).group_by(["media_uuid", "source"]).aggregate([])
        self._listed = parent.sources().select(["path", "id", "url"])
        self._paths = [self._clips["source"], pq.read_table(layout.rejected, columns=["path"])["path"]]
        if layout.taken.exists():
            self._paths.append(encode_paths(read_taken(layout.taken)))

    def choose_known(self, paths: set[str]) -> set[str]:
        """Return those of some paths that are of sources."""
        return {path for column in self._paths for path in _choose_rows(column, paths, column)}

    def list_listed(self, key: str) -> set[str]:
        """Return the paths of what a list names by this id or address."""
        return {
            path for name in ("id", "url") for path in _choose_rows(self._listed[name], {key}, self._listed["path"])
        }

    def list_keys(self, paths: set[str]) -> set[str]:
        """Return the ids and addresses of some paths in lists."""
        return {
            key
            for name in ("id", "url")
            for key in _choose_rows(self._listed["path"], paths, self._listed[name])
            if key
        }

    def list_media_of(self, paths: set[str]) -> set[str]:
        """Return the UUIDs of the media of some paths."""
        return _choose_rows(self._clips["source"], paths, self._clips["media_uuid"])

    def list_paths_of(self, media: set[str]) -> set[str]:
        """Return the paths of the clips of some media."""
        return _choose_rows(self._clips["media_uuid"], media, self._clips["source"])


def _choose_rows(column: pa.ChunkedArray, wanted: set[str], values: pa.ChunkedArray) -> set[str]:
    """Return the values of the rows whose column is one of those wanted."""
    return set(values.filter(_compute.is_in(column, pa.array(sorted(wanted), pa.string()))).to_pylist())


def _identify(path: str) -> str | None:
    """Return the UUID of a file that is still there, although no clip of it is in the dataset."""
    if is_remote(path) or not Path(path).is_file():
        return None
    with contextlib.suppress(InputError):
        return name_media(digest_file(path))
    return None


def _stage_shards(
    parent: Dataset, change: Change, found: _Found
) -> tuple[tuple[ShardRecord, ...], tuple[str, ...], float]:
    """Write the shards with clips to remove again; return the shards that are left, the names of files to remove, and seconds."""
    layout = Layout(parent.path)
    media, paths = (pa.array(sorted(values), pa.string()) for values in (found.media, found.paths))
    shards: list[ShardRecord] = []
    removed: list[str] = []
    seconds = 0.0
    with track("removing clips", len(parent), "clips") as bar:
        for shard in parent.manifest.shards:
            table = pq.read_table(layout.clips(shard.index))
            gone = _compute.or_(_compute.is_in(table["media_uuid"], media), _compute.is_in(table["source"], paths))
            kept: Bool[np.ndarray, " clips"] = ~np.asarray(gone)
            seconds += float(np.sum(np.asarray(table["duration"])[~kept]))
            left = int(kept.sum())
            if left < shard.num_clips and left:
                _stage_shard(parent, change, shard.index, kept)
            elif left < shard.num_clips:
                removed += [path.relative_to(layout.folder).as_posix() for path in _list_paths(parent, shard.index)]
            if left or not shard.num_clips:
                shards.append(shard.model_copy(update={"num_clips": left}))
            bar.advance(shard.num_clips)
    empty = not any(shard.num_clips for shard in shards)
    return (() if empty else tuple(shards)), tuple(removed), seconds


def _list_paths(parent: Dataset, shard: int) -> list[Path]:
    layout = Layout(parent.path)
    labels = [layout.labels(teacher.name, shard) for teacher in parent.manifest.teachers]
    return [layout.audio(shard), layout.clips(shard), *labels]


def _stage_shard(parent: Dataset, change: Change, shard: int, kept: Bool[np.ndarray, " clips"]) -> None:
    """Write the files of a shard without some of its clips."""
    layout, staged, mask = Layout(parent.path), change.staged, pa.array(kept)
    with (
        pa.memory_map(str(layout.audio(shard))) as file,
        pa.ipc.open_stream(file) as reader,
        write_atomically(staged.audio(shard)) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_stream(sink, AUDIO_SCHEMA) as writer,
    ):
        first = 0
        for batch in reader:
            some = batch.filter(mask.slice(first, len(batch)))
            first += len(batch)
            if len(some):
                writer.write_batch(some)
    write_parquet(staged.clips(shard), pq.read_table(layout.clips(shard)).filter(mask))
    for teacher in parent.manifest.teachers:
        table = pq.read_table(layout.labels(teacher.name, shard))
        write_parquet(staged.labels(teacher.name, shard), table.filter(mask))


def _stage_sources(layout: Layout, change: Change, found: _Found) -> int:
    """Write the tables of sources without what is withdrawn; return the number of sources removed."""
    paths = pa.array(sorted(found.paths), pa.string())
    num_removed = len(found.paths)
    if layout.taken.exists():
        taken = read_taken(layout.taken)
        gone = np.asarray(_compute.is_in(encode_paths(taken), paths))
        num_removed = int(gone.sum())
        write_taken(change.staged.taken, taken.take(np.flatnonzero(~gone)))
    if layout.sources.exists():
        table = pq.read_table(layout.sources)
        write_parquet(change.staged.sources, table.filter(_compute.invert(_compute.is_in(table["path"], paths))))
    return num_removed


def _stage_rejections(layout: Layout, change: Change, found: _Found) -> tuple[str, ...]:
    """Write the rejections without those of what is withdrawn, and without its name in others; return the sources of these."""
    table = pq.read_table(layout.rejected)
    gone = _compute.is_in(table["path"], pa.array(sorted(found.paths), pa.string()))
    table = table.filter(_compute.invert(gone))
    copies = np.zeros(len(table), np.bool_)
    for path in found.paths:
        copies |= np.asarray(_compute.starts_with(table["detail"], f"the same as {path} at "))
    details = _compute.if_else(pa.array(copies), _REDACTED, table["detail"])
    place = table.schema.get_field_index("detail")
    write_parquet(change.staged.rejected, table.set_column(place, "detail", details).cast(REJECTION_SCHEMA))
    return tuple(sorted(set(table["path"].filter(pa.array(copies)).to_pylist())))
