"""The table of judgements of a server: what ``hearsight review`` reads, filled in from the page.

Every judgement is on the disk before it is answered: the table is written again as a whole, atomically. A table that a person or
another program changes meanwhile is read again, and a judgement of a row that is no longer there is refused.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearsight.detection.formats.cells import defuse, restore
from hearsight.detection.formats.reading import OTHER_NAMES
from hearsight.detection.judgements import JUDGEMENT, SKIP, read_judgement
from hearsight.errors import InputError, TableError, UsageError
from hearsight.files import check_output, lock, read_regular, write_text
from hearsight.review.draw import COLUMNS
from hearsight.serve.refusals import Refusal
from hearsight.teaching.examples import locate_recording
from hearsight.text import make_encodable

MOST_BYTES = 16 * 2**20
"""The largest table."""
MOST_ROWS = 20_000
"""Most rows of one."""
NEW_COLUMNS: tuple[str, ...] = COLUMNS[:6]
"""Columns of a new table: those that are drawn, without strata."""
NAME = "the table of judgements"
"""What errors call it: a client never sees the path."""
_STRATUM = "stratum"


@dataclasses.dataclass(frozen=True)
class Detection:
    """A detection that can be judged.

    Attributes
    ----------
    path
        The recording, as the table names it.
    start, duration
        Seconds.
    name
        The class.
    probability
        Of the class; None if the table has none.
    judgement
        ``right``, ``wrong``, ``skip``, or nothing if it has not been judged.
    """

    path: str
    start: float
    duration: float
    name: str
    probability: float | None = None
    judgement: str = ""

    @property
    def key(self) -> str:
        """A digest of what is judged: another row, or one that was changed, has another."""
        text = f"{self.path}\x00{self.start!r}\x00{self.duration!r}\x00{self.name}"
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


class JudgementTable:
    """A table of judgements on the disk; used by several threads.

    Parameters
    ----------
    path
        A CSV file that ``hearsight review --draw`` or ``hearsight suggest`` wrote, or a new one.

    Raises
    ------
    UsageError
        When the file is not to be called ``.csv``.
    TableError
        When it cannot be read, or lacks a column.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".csv":
            raise UsageError("--review", f"{path}", "a file name that ends in .csv")
        check_output(path)
        self.path = path
        self._lock = threading.Lock()
        self.list_detections()

    @property
    def takes_more(self) -> bool:
        """Whether judgements of other detections can be added: a drawn table, with strata, is a sample and stays as it is."""
        return _STRATUM not in self._read()[0]

    def list_detections(self) -> list[Detection]:
        """Return the rows of the table; none if there is no table yet.

        Raises
        ------
        TableError
            When it cannot be read.
        """
        head, rows = self._read()
        return [self._parse(head, cells, number) for number, cells in enumerate(rows)]

    def locate(self, detection: Detection) -> Path:
        """Return the file of a detection: as named in the table, or else below the folder of the table."""
        return Path(locate_recording(detection.path, self.path))

    def judge(self, judgements: Sequence[tuple[int, str, str]], added: Sequence[Detection] = ()) -> list[Detection]:
        """Write judgements, and return all rows.

        Parameters
        ----------
        judgements
            Number of the row, its :attr:`Detection.key`, and the judgement; nothing takes a judgement back.
        added
            Judged detections of which the table may have no row.

        Raises
        ------
        Refusal
            409 when a row is not the one that was judged, or none can be added; 413 when there are too many rows.
        TableError
            When the table cannot be read.
        OSError
            When it cannot be written; then nothing has changed.
        """
        with self._lock, lock(self.path.with_name(f".{self.path.name}.lock"), wait=True):
            head, rows = self._read()
            place = head.index(JUDGEMENT)
            for number, key, judgement in judgements:
                if number >= len(rows) or self._parse(head, rows[number], number).key != key:
                    hint = "the table was changed meanwhile: load the page again"
                    raise Refusal(409, "changed", NAME, f"row {number} is another one than was judged", hint=hint)
                rows[number][place] = judgement
            if added:
                self._add(head, rows, added)
            buffer = io.StringIO()
            writer = csv.writer(buffer, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)
            write_text(self.path, buffer.getvalue())
        return [self._parse(head, cells, number) for number, cells in enumerate(rows)]

    def _add(self, head: list[str], rows: list[list[str]], added: Sequence[Detection]) -> None:
        if _STRATUM in head:
            hint = "start the server with --review and a new file"
            raise Refusal(409, "drawn", NAME, f"a drawn sample of {len(rows)} rows", "one that can grow", hint)
        known = {self._parse(head, cells, number).key: number for number, cells in enumerate(rows)}
        for one in added:
            cells = {
                "path": defuse(make_encodable(one.path)),
                "start": f"{one.start!r}",
                "duration": f"{one.duration!r}",
                "class": defuse(make_encodable(one.name)),
                "probability": "" if one.probability is None else f"{one.probability:.6f}",
                JUDGEMENT: one.judgement,
            }
            row = [cells.get(_find_own(name, head), "") for name in head]
            number = known.setdefault(one.key, len(rows))
            if number < len(rows):
                rows[number] = row
            else:
                rows.append(row)
        if len(rows) > MOST_ROWS:
            raise Refusal(413, "too_many", NAME, f"{len(rows):,} rows", f"at most {MOST_ROWS:,}")

    def _read(self) -> tuple[list[str], list[list[str]]]:
        """Return the head and the cells of the table as they are in the file."""
        if not self.path.exists():
            return list(NEW_COLUMNS), []
        try:
            text = read_regular(self.path, MOST_BYTES).decode("utf-8-sig")
            rows = [cells for cells in csv.reader(io.StringIO(text, newline=""), strict=True) if cells]
        except (UnicodeDecodeError, csv.Error) as error:
            raise TableError(self.path, f"cannot be read ({error})", "a CSV table in UTF-8") from error
        except OSError as error:
            raise TableError(self.path, f"cannot be read ({error.strerror or error})", "a CSV table") from error
        head = rows.pop(0) if rows else list(NEW_COLUMNS)
        own = {_find_own(name, head) for name in head}
        missing = [name for name in ("path", "start", "duration", "class", JUDGEMENT) if name not in own]
        if missing:
            hint = "hearsight review DETECTIONS --draw --out judge.csv writes such a table"
            raise TableError(
                self.path, f"no column {missing[0]!r} among {', '.join(head):.200}", "a table to judge", hint
            )
        if len(rows) > MOST_ROWS:
            raise InputError(self.path, f"{len(rows):,} rows", f"at most {MOST_ROWS:,}")
        bad = next((number for number, cells in enumerate(rows) if len(cells) != len(head)), None)
        if bad is not None:
            raise TableError(self.path, f"{len(rows[bad])} cells in row {bad + 1}", f"{len(head)}")
        return head, rows

    def _parse(self, head: list[str], cells: list[str], number: int) -> Detection:
        named = {_find_own(name, head): restore(cell) for name, cell in zip(head, cells, strict=True)}
        where = f"{self.path}, row {number + 1}"
        try:
            start, duration = float(named["start"] or 0.0), float(named["duration"])
            probability = float(named["probability"]) if named.get("probability") else None
        except ValueError as error:
            raise TableError(where, f"{error}", "numbers of seconds") from error
        word = named[JUDGEMENT].strip()
        judgement = read_judgement(word, where) if word else ""
        return Detection(named["path"], start, duration, named["class"], probability, judgement)


def count_classes(detections: Sequence[Detection]) -> list[dict[str, Any]]:
    """Return for each class how many rows there are, and how many are right, wrong and skipped."""
    counts: dict[str, dict[str, Any]] = {}
    for one in detections:
        own = counts.setdefault(one.name, {"name": one.name, "rows": 0, "right": 0, "wrong": 0, SKIP: 0})
        own["rows"] += 1
        if one.judgement:
            own[one.judgement] += 1
    return [counts[name] for name in sorted(counts)]


def _find_own(name: str, head: Sequence[str]) -> str:
    """Return our name of a column; a name of others stays if ours is there as well."""
    return next((own for own, others in OTHER_NAMES.items() if name in others and own not in head), name)
