"""Where videos come from: from files, folders, globs and lists to one sorted list of sources without repetition."""

from __future__ import annotations

import csv
import glob
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.errors import InputError, TableError, guess
from hearsight.records import Source

_VIDEO_NAMES = """
3g2 3gp amv asf avi divx dv f4v flv gxf h264 hevc m1v m2p m2t m2ts m2v m4v mjpeg mjpg mk3d mkv mod mov mp4 mpe mpeg mpg mpv mts
mxf nsv nut ogm ogv ogx qt rm rmvb tod ts vob webm wmv wtv y4m
"""
MEDIA_SUFFIXES = frozenset(f".{name}" for name in _VIDEO_NAMES.split())
"""Suffixes that mark a file in a folder as a video; a file that is named itself may have any."""

LIST_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
"""Suffixes of lists of sources."""

_COLUMNS = ("path", "start", "end")

_MAC_FOLDER = "__MACOSX"
"""Folder that macOS puts into its archives: it holds files of the same names that are no videos."""


def list_sources(specs: Sequence[str | Path]) -> list[Source]:
    """Find the media files that a user names.

    Parameters
    ----------
    specs
        Each one a file (of any suffix), a folder (searched recursively for videos by their suffix; hidden files and folders,
        ``__MACOSX`` and links to folders are passed over), a glob (``**`` for any number of folders), or a CSV or Parquet list with
        the columns ``path`` and, if wanted, ``start`` and ``end`` in seconds. Paths in a list are relative to the list's folder.

    Returns
    -------
    list[Source]
        Absolute paths, sorted, each span of a file once. Files that turn out to be no media are in it too: that becomes a
        rejection with its reason.

    Raises
    ------
    InputError
        When a spec is not there, or nothing is found in it.
    TableError
        When a list cannot be read, naming the row: of a CSV list as an editor counts, with its head as row 1; of a Parquet
        list from 0.
    """
    sources: set[Source] = set()
    for spec in specs:
        found = set(_expand(str(spec)))
        if not found:
            raise _make_nothing_found_error(str(spec))
        sources |= found
    if not sources:
        raise _make_nothing_found_error("sources")
    return sorted(
        sources, key=lambda source: (source.path, source.start, math.inf if source.end is None else source.end)
    )


def _make_nothing_found_error(spec: str) -> InputError:
    return InputError(
        spec,
        "no video found",
        "at least one",
        f"looked for {' '.join(sorted(MEDIA_SUFFIXES))}; name a file itself to use it whatever its suffix",
    )


def _expand(spec: str) -> Iterator[Source]:
    path = Path(spec).expanduser()
    if path.is_dir():
        yield from (Source(found) for found in _search_folder(path))
    elif path.suffix.lower() in LIST_SUFFIXES and path.is_file():
        yield from _read_list(path)
    elif os.path.lexists(path):
        yield Source(_make_absolute(path))
    elif glob.has_magic(spec):
        yield from _match(str(path))
    else:
        raise InputError(spec, "no such file or folder", "a file, a folder, a glob or a list", _find_neighbour(path))


def _search_folder(folder: Path) -> Iterator[str]:
    """Find the videos below a folder; links to folders are not followed, so that there is no endless loop."""
    for parent, folders, files in os.walk(folder.absolute()):
        folders[:] = [name for name in folders if not name.startswith(".") and name != _MAC_FOLDER]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in MEDIA_SUFFIXES:
                yield str(Path(parent) / name)


def _match(pattern: str) -> Iterator[Source]:
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob knows no absolute patterns
    wild = glob.has_magic(Path(pattern).suffix) or not Path(pattern).suffix
    for match in matches:
        path = Path(match)
        if _MAC_FOLDER in path.parts:
            continue
        if path.is_dir():
            if "**" not in pattern:
                yield from (Source(found) for found in _search_folder(path))
        elif not wild or path.suffix.lower() in MEDIA_SUFFIXES:
            yield Source(_make_absolute(path))


def _make_absolute(path: Path) -> str:
    """Return one name for one file: links keep their own name, but where ``..`` would make two names of one, all is resolved."""
    return str(path.resolve() if ".." in path.parts else path.absolute())


def _find_neighbour(path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f"{parent} does not exist either"
    names = [entry.name for entry in os.scandir(parent)]
    near = guess(path.name, names)
    return near if near.startswith("did you mean") else ""


def _read_list(path: Path) -> Iterator[Source]:
    rows, first_row = (_read_parquet(path), 0) if path.suffix.lower() == ".parquet" else (_read_csv(path), 2)
    for number, row in enumerate(rows, start=first_row):
        yield _read_row(path, number, row)


def _read_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            _check_columns(path, reader.fieldnames or ())
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(path, f"cannot be read ({error})", "a CSV list in UTF-8 with a column 'path'") from error


def _read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
            for batch in file.iter_batches(columns=columns):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise TableError(path, f"cannot be read ({error})", "a Parquet list with a column 'path'") from error


def _check_columns(path: Path, names: Iterable[str]) -> None:
    found = list(names)
    if "path" not in found:
        hint = guess("path", found) if found else "the first line names the columns"
        raise TableError(
            path, f"columns {', '.join(found) or 'none'}", "a column 'path', and start and end if wanted", hint
        )


def _read_row(table: Path, number: int, row: Mapping[str, Any]) -> Source:
    where = f"{table}, row {number}"
    if None in row:
        raise TableError(where, "more fields than columns", f"{len(row) - 1} fields", "quote a path that holds a comma")
    path = row["path"]
    if not isinstance(path, str) or not path.strip():
        raise TableError(where, f"path is {path!r}", "the path of a media file")
    start = _read_seconds(where, "start", row.get("start"))
    end = _read_seconds(where, "end", row.get("end"))
    if end is not None and end <= (start or 0.0):
        raise TableError(where, f"the span from {start or 0.0:g} to {end:g} s", "an end after its start")
    return Source(_make_absolute(table.parent / Path(path.strip()).expanduser()), start or 0.0, end)


def _read_seconds(where: str, column: str, value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError) as error:
        raise TableError(where, f"{column} is {value!r}", "seconds, such as 12.5") from error
    if math.isnan(seconds) and not isinstance(value, str):
        return None
    if not math.isfinite(seconds) or seconds < 0.0:
        raise TableError(where, f"{column} is {value!r}", "seconds from 0 on")
    return seconds
