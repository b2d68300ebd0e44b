"""Where the sources of a dataset come from: the entries of published lists, and those whose media were not there."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from hearsight.console import print_message
from hearsight.dataset.layout import Layout
from hearsight.files import write_atomically
from hearsight.media.sources import Collection

_MISSING_COLUMNS = ("id", "url", "start", "end", "labels", "list", "line")
"""Those of ``missing.csv``, which is itself a list that ``hearsight fetch`` and ``hearsight build`` read."""


def write_provenance(layout: Layout, collection: Collection) -> None:
    """Write ``sources.parquet`` and ``missing.csv``, each if there is something to write, and print what is not used.

    Parameters
    ----------
    layout
        The dataset. Files of these names that an earlier start of the build has left there are replaced or removed.
    collection
        What its sources are.
    """
    for line in collection.describe():
        print_message(f"{layout.folder}: {line}")
    layout.sources.unlink(missing_ok=True)
    layout.missing.unlink(missing_ok=True)
    listed = collection.sources.list_provenance()
    if listed is not None:
        with write_atomically(layout.sources) as temporary:
            pq.write_table(listed, temporary, compression="zstd", write_page_checksum=True)
    if collection.missing.num_rows:
        write_missing(layout.missing, collection.missing)
        print_message(f"hint: hearsight fetch {layout.missing} --out FOLDER downloads them")


def write_missing(path: Path, missing: pa.Table) -> None:
    """Write the listed videos whose media are not there, of :data:`~hearsight.records.MISSING_SCHEMA`, as a list."""
    with write_atomically(path) as temporary:
        pacsv.write_csv(missing.select(_MISSING_COLUMNS), temporary)
