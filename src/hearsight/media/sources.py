"""Where videos come from: paths, folders, globs and lists become one sorted collection of sources without repetition."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from hearsight.config import CollectConfig
from hearsight.errors import InputError, TableError, UsageError
from hearsight.media.collection.media_root import MediaRoot
from hearsight.media.collection.shares import merge_shares
from hearsight.media.collection.table import FoundSource, SourceTable
from hearsight.media.lists.entry import ListEntry, parse_span
from hearsight.media.lists.formats import LIST_SUFFIXES, TABLE_SUFFIXES, VideoList, recognise_list
from hearsight.media.lists.own import read_table
from hearsight.media.paths import MEDIA_SUFFIXES, find_media, make_absolute
from hearsight.media.remote.archive import list_members
from hearsight.media.remote.local_copy import is_remote
from hearsight.media.remote.objects import find_remote
from hearsight.records import MISSING_SCHEMA, Source

__all__ = ["MEDIA_SUFFIXES", "Collection", "collect_sources", "list_sources"]

_MOMENTS_CLASSES = "moments_categories.txt"
"""File of Moments in Time that lists its classes; it is next to the folders of its splits, in which there is one of each
class."""
_BATCH = 4_096


@dataclasses.dataclass(frozen=True)
class Collection:
    """What a user named, found.

    Attributes
    ----------
    sources
        The media, sorted, each span once.
    missing
        The entries of lists whose media are not there: :data:`~hearsight.records.MISSING_SCHEMA`.
    left_out
        Sources that were left out so that the others have their shares, by group.
    """

    sources: SourceTable
    missing: pa.Table
    left_out: dict[str, int]

    def describe(self) -> list[str]:
        """Return what is not used as lines of text; none where everything is."""
        lines: list[str] = []
        if self.missing.num_rows:
            lines.append(f"not in the media folder: {self.missing.num_rows:,} listed videos (see missing.csv)")
        for name, count in self.left_out.items():
            if count:
                who = f"source {name}" if name else "the sources without a share"
                lines.append(f"left out for the shares: {count:,} of {who}")
        return lines


def list_sources(specs: Sequence[str | Path]) -> list[Source]:
    """Find the media files that a user names, as :func:`collect_sources` does, and return them as a list."""
    return list(collect_sources(specs).sources)


def collect_sources(specs: Sequence[str | Path], config: CollectConfig | None = None) -> Collection:
    """Find the media files that a user names.

    Parameters
    ----------
    specs
        Each one a file (of any suffix), a folder (searched recursively for videos by their suffix; hidden files and folders,
        ``__MACOSX`` and links to folders are passed over), a glob (``**`` for any number of folders), a CSV or Parquet list with
        the columns ``path`` and, optionally, ``start`` and ``end`` in seconds, or a list of a published format
        (:data:`~hearsight.media.lists.formats.FORMATS`). A tar archive stands for the videos in it, and an address that fsspec
        knows (``s3://bucket/videos``) for the objects at it. Paths in a list are relative to the list's folder. Before each there
        may stand the name of a group whose share is configured, as in ``own=videos/own``.
    config
        Where the media of published lists are, and the shares.

    Returns
    -------
    Collection
        Absolute paths, sorted, each span of a file once. Files that turn out to be no media are in it too: that becomes a
        rejection with its reason.

    Raises
    ------
    InputError
        When a spec is not there, or nothing is found in it.
    TableError
        When a list cannot be read, naming the line or row; when it is for evaluation and that is not allowed.
    UsageError
        When a list names ids and no media folder is given, or shares and names do not fit.
    """
    config = config or CollectConfig()
    finder = _Finder(config)
    sources = SourceTable.gather(
        itertools.chain.from_iterable(finder.find(*_take_group(str(spec), config)) for spec in specs)
    )
    unknown = sorted(set(config.shares) - finder.groups)
    if unknown:
        wanted = f"a source of that name, such as {unknown[0]}=FOLDER"
        raise UsageError(f"--source-share {unknown[0]}", "no source of that name", wanted)
    missing = finder.list_missing()
    if not len(sources):
        if missing.num_rows:
            found = f"none of the {missing.num_rows:,} listed videos"
            raise InputError(
                config.media_root, found, "at least one of them", "hearsight fetch downloads listed videos"
            )
        raise _make_nothing_found_error("sources")
    left_out: dict[str, int] = {}
    if config.shares:
        sources, left_out = merge_shares(sources, config.shares, config.seed)
    return Collection(sources, missing, left_out)


def _take_group(spec: str, config: CollectConfig) -> tuple[str, str]:
    """Return the group of a spec and the rest; a path that contains ``=`` is a path, unless a share is given for its head."""
    name, separator, rest = spec.partition("=")
    return (name, rest) if separator and name in config.shares else ("", spec)


def _make_nothing_found_error(spec: str) -> InputError:
    return InputError(
        spec,
        "no video found",
        "at least one",
        f"looked for {' '.join(sorted(MEDIA_SUFFIXES))}; name a file itself to use it whatever its suffix",
    )


class _Finder:
    """Find the sources of specs one by one, and remember what is missing."""

    def __init__(self, config: CollectConfig) -> None:
        self._config = config
        self._root: MediaRoot | None = None
        self._batches: list[pa.RecordBatch] = []
        self._missing: list[dict[str, object]] = []
        self.groups: set[str] = set()

    def find(self, group: str, spec: str) -> Iterator[FoundSource]:
        """Find the sources of a spec."""
        self.groups.add(group)
        path = Path(spec).expanduser()
        suffix = path.suffix.lower()
        if suffix in LIST_SUFFIXES and path.is_file():
            videos = recognise_list(path)
            if videos is not None:
                yield from self._find_listed(group, videos)
                return
            if suffix in TABLE_SUFFIXES:
                yield from _find_in_table(group, spec, path)
                return
        found = False
        for media in find_remote(spec) if is_remote(spec) else find_media(spec):
            for one in list_members(media) if _is_archive(media) else (media,):
                found = True
                yield _describe(group, path, one)
        if not found:
            raise _make_nothing_found_error(spec)

    def _find_listed(self, group: str, videos: VideoList) -> Iterator[FoundSource]:
        if videos.is_evaluation and not self._config.allow_evaluation:
            raise TableError(
                videos.path,
                "the evaluation segments of AudioSet",
                "segments to train on",
                "--allow-evaluation takes them all the same; scores on AudioSet are then worth nothing",
            )
        root = self._open_root(videos)
        for entry in videos.read():
            source = root.find(entry)
            if source is None:
                self._note_missing(videos, entry)
            else:
                yield _describe_listed(group, videos, entry, source)

    def _open_root(self, videos: VideoList) -> MediaRoot:
        if self._config.media_root is None:
            raise UsageError(
                videos.path,
                f"a list of ids ({videos.format}), and no folder of media",
                "--media-root FOLDER with the files ID.*, ID_START.* or ID_START_END.*",
                "hearsight fetch downloads listed videos",
            )
        if self._root is None:
            self._root = MediaRoot(Path(self._config.media_root))
        return self._root

    def _note_missing(self, videos: VideoList, entry: ListEntry) -> None:
        row = {name: getattr(entry, name) for name in MISSING_SCHEMA.names[1:]}
        self._missing.append({"list": os.fsencode(videos.path).decode("utf-8", "replace"), **row})
        if len(self._missing) == _BATCH:
            self._store_missing()

    def _store_missing(self) -> None:
        self._batches.append(pa.RecordBatch.from_pylist(self._missing, schema=MISSING_SCHEMA))
        self._missing = []

    def list_missing(self) -> pa.Table:
        """Return the entries whose media are not there, in the order of the lists."""
        self._store_missing()
        return pa.Table.from_batches(self._batches, MISSING_SCHEMA)


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".tar") and (is_remote(name) or Path(name).is_file())


def _describe(group: str, spec: Path, media: str) -> FoundSource:
    """Return a found file; of Moments in Time, the folder that it lies in is its class."""
    path = Path(media)
    if is_remote(media):
        return FoundSource(Source(media), group, media)
    if spec.is_dir():
        base = spec.absolute()
        key = os.fspath(path.relative_to(base))
        moments = next((one for one in (base, base.parent) if (one / _MOMENTS_CLASSES).is_file()), None)
        if moments is not None:
            described = FoundSource(Source(media), group, key, list=str(moments), format="moments")
            return dataclasses.replace(described, id=path.stem, labels=path.parent.name)
        return FoundSource(Source(media), group, key)
    return FoundSource(Source(media), group, path.name)


def _describe_listed(group: str, videos: VideoList, entry: ListEntry, source: Source) -> FoundSource:
    return FoundSource(
        source,
        group,
        entry.id,
        list=str(videos.path),
        format=videos.format,
        line=entry.line,
        id=entry.id,
        url=entry.url,
        listed_start=entry.start,
        listed_end=entry.end,
        labels=entry.labels,
    )


def _find_in_table(group: str, spec: str, path: Path) -> Iterator[FoundSource]:
    """Find the sources of a list with a column ``path``."""
    found = False
    for where, _, row in read_table(path):
        found = True
        value = row["path"]
        if not isinstance(value, str) or not value.strip():
            raise TableError(where, f"path is {value!r}", "the path of a media file")
        start, end = parse_span(where, row.get("start"), row.get("end"))
        name = value.strip()
        media = name if is_remote(name) else make_absolute(path.parent / Path(name).expanduser())
        yield FoundSource(Source(media, start, end), group, name)
    if not found:
        raise _make_nothing_found_error(spec)
