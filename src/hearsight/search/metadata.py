"""Metadata of recordings: a table that a user keyed by file, and the times in the names of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from jaxtyping import Int64

from hearsight.detection.time_stamps import parse_time
from hearsight.errors import TableError
from hearsight.files import open_regular
from hearsight.search.manifest import RESERVED
from hearsight.text import describe_table_fault

KEYS = ("file", "path", "source")
"""Names of the column that a table of metadata may be keyed by."""
MOST_BYTES = 2**30
"""The largest table of metadata that is read."""
_MOST_HEAD = 1 << 20
MOST_COLUMNS = 200
"""Most columns of one."""


class Metadata:
    """Columns of metadata, and the recordings that each row is about.

    Attributes
    ----------
    table
        The columns, without the key.
    """

    def __init__(self, keys: Sequence[str], table: pa.Table, where: object) -> None:
        self.table, self._where = table, where
        self._exact = {key: row for row, key in enumerate(keys)}
        self._names: dict[str, int] = {}
        for row, key in enumerate(keys):
            name = PurePath(key.replace("\\", "/")).name
            # a name that several files of different folders have says nothing about which one is meant
            self._names[name] = -1 if name in self._names else row

    def align(self, sources: Sequence[str]) -> pa.Table:
        """Return the columns with a row for each recording; one that the table does not have is null."""
        return self.table.take(pa.array(self.find(sources), mask=self.find(sources) < 0))

    def find(self, sources: Sequence[str]) -> Int64[np.ndarray, " sources"]:
        """Return the row of each recording, −1 where there is none: by its whole path, then by the last part of it."""
        rows = (self._exact.get(one, self._names.get(PurePath(one).name, -1)) for one in sources)
        return np.fromiter(rows, np.int64, len(sources))


def read_metadata(path: Path) -> Metadata:
    """Read a CSV table with a column ``file`` (or ``path``, or ``source``) and columns of any name and kind.

    Raises
    ------
    TableError
        When it cannot be read, has no such column, has a file twice, or has a column whose name an index uses itself.
    """
    wanted = "a CSV table"
    try:
        with open_regular(path, MOST_BYTES) as file:
            fault = describe_table_fault(file.readline(_MOST_HEAD))
        if fault:
            raise TableError(path, fault, "a CSV table in UTF-8, separated by commas")
        with open_regular(path, MOST_BYTES) as file:
            table = pa_csv.read_csv(file)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise TableError(path, f"cannot be read ({' '.join(str(error).split()):.200})", wanted) from error
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror or error})", wanted) from error
    key = next((name for name in KEYS if name in table.column_names), None)
    if key is None:
        raise TableError(path, f"columns {', '.join(table.column_names):.200}", f"a column {' or '.join(KEYS)}")
    columns = table.drop_columns([key])
    _check_columns(path, columns)
    keys = [str(value) for value in table[key].to_pylist()]
    twice = next((one for one, count in zip(*np.unique(keys, return_counts=True), strict=True) if count > 1), None)
    if twice is not None:
        raise TableError(path, f"two rows for {twice}", "one per file")
    return Metadata(keys, columns, path)


def parse_times(sources: Sequence[str]) -> pa.Array:
    """Return the time at which each recording starts, from its name; null where it names none."""
    return pa.array([parse_time(one) for one in sources], pa.timestamp("us"))


def _check_columns(path: Path, columns: pa.Table) -> None:
    names = columns.column_names
    taken = [name for name in names if name.lower() in RESERVED]
    if taken:
        raise TableError(path, f"a column {taken[0]!r}", "another name: an index has this column itself")
    if len(set(names)) < len(names) or "" in names:
        raise TableError(path, f"columns {', '.join(names):.200}", "a different name for each")
    if len(names) > MOST_COLUMNS:
        raise TableError(path, f"{len(names)} columns", f"at most {MOST_COLUMNS}")
