"""A list of videos made from queries by the lister of another package (Aytar 2016, section 2: "popular tags and dictionary words").

A lister is a function that takes a query and a number, and returns the addresses of at most so many videos that a site finds for
it. Packages offer one by the entry point group ``hearsight.listers``. In the package's ``pyproject.toml``::

    [project.entry-points."hearsight.listers"]
    flickr = "my_package.flickr:search"
"""

from __future__ import annotations

import csv
import dataclasses
import importlib.metadata
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from hearsight.console import track
from hearsight.errors import TableError, UsageError, WorkerError, guess
from hearsight.files import write_atomically
from hearsight.media.lists.entry import ListEntry, make_url_entry
from hearsight.media.lists.rows import read_rows

ENTRY_POINTS = "hearsight.listers"

Lister = Callable[[str, int], Iterable[str]]


@dataclasses.dataclass(frozen=True)
class QuerySummary:
    """How many queries were made, and how many different videos they found."""

    path: str
    num_queries: int
    num_videos: int
    num_repeated: int

    def describe(self) -> list[str]:
        """Return the summary as lines of text."""
        repeated = f" ({self.num_repeated:,} were found again by a later query)" if self.num_repeated else ""
        return [f"{self.path}: {self.num_videos:,} videos of {self.num_queries:,} queries{repeated}"]


def list_queries(queries: str | Path, lister: str | Lister, out: str | Path, *, per_query: int = 100) -> QuerySummary:
    """Write the list of the videos that a lister finds.

    Parameters
    ----------
    queries
        A text file with one query a line; blank lines and lines that begin with ``#`` are passed over.
    lister
        Name of an entry point, or the lister itself.
    out
        The list, with the columns ``id``, ``url`` and ``labels``. A video of several queries is listed with the first one.
    per_query
        The most videos that are taken of a query.

    Raises
    ------
    UsageError
        When there is no lister of that name, or no query.
    WorkerError
        When the lister fails; no list is written.
    TableError
        When the queries cannot be read, or the lister returns something else than web addresses.
    """
    if per_query < 1:
        raise UsageError("--per-query", str(per_query), "1 or more")
    search = load_lister(lister) if isinstance(lister, str) else lister
    asked = [row.text for row in read_rows(Path(queries)) if not row.text.startswith("#")]
    asked = list(dict.fromkeys(asked))
    if not asked:
        raise UsageError(queries, "no query", "one query a line")
    seen: set[str] = set()
    repeated = 0
    with (
        write_atomically(Path(out)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
        track("querying", len(asked), "queries") as bar,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "url", "labels"))
        for query in asked:
            for entry in _search(search, query, per_query):
                if entry.id in seen:
                    repeated += 1
                    continue
                seen.add(entry.id)
                writer.writerow((entry.id, entry.url, query))
            bar.advance()
    return QuerySummary(str(out), len(asked), len(seen), repeated)


def load_lister(name: str) -> Lister:
    """Return the lister of an entry point.

    Raises
    ------
    UsageError
        When there is none of that name, or it cannot be loaded.
    """
    offered = {entry.name: entry for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    if name not in offered:
        known = guess(name, offered) if offered else "no installed package offers one"
        found = f"{name!r}, which no package offers"
        raise UsageError("--lister", found, f"an entry point of {ENTRY_POINTS}", known)
    try:
        loaded: Any = offered[name].load()
    except Exception as error:
        raise UsageError(f"--lister {name}", f"cannot be loaded ({type(error).__name__}: {error})") from error
    if not callable(loaded):
        raise UsageError(f"--lister {name}", f"a {type(loaded).__name__}", "a function of a query and a number")
    return cast(Lister, loaded)


def _search(search: Lister, query: str, most: int) -> Iterator[ListEntry]:
    try:
        found: list[Any] = list(itertools.islice(search(query, most), most))
    except Exception as error:
        raise WorkerError(f"query {query!r}", f"the lister failed ({type(error).__name__}: {error})") from error
    for address in found:
        if not isinstance(address, str):
            raise TableError(f"query {query!r}", f"the lister returned {address!r}", "web addresses")
        yield make_url_entry(f"query {query!r}", 0, address)
