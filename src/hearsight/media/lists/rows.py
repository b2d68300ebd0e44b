"""The lines of a text list: decoded, numbered, and split into fields."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from hearsight.errors import TableError
from hearsight.files import open_regular
from hearsight.media.limits import MAX_FILE_BYTES

_LONGEST_LINE = 1 << 16
"""Characters of a line, so that a file that is no text does not fill the memory."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A line that is not blank.

    Attributes
    ----------
    where
        File and line, for errors.
    line
        Its number, counted from 1.
    text
        The line without the spaces around it.
    delimiter
        What separates its fields.
    """

    where: str
    line: int
    text: str
    delimiter: str = ","

    @functools.cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields of the line; a comment is one field.

        Raises
        ------
        TableError
            When its quotes do not match.
        """
        if self.text.startswith("#"):
            return (self.text,)
        try:
            return tuple(next(csv.reader([self.text], delimiter=self.delimiter, skipinitialspace=True, strict=True)))
        except csv.Error as error:
            raise TableError(self.where, f"{self.text[:80]!r} ({error})", "fields with matching quotes") from error


def read_rows(path: Path) -> Iterator[Row]:
    """Read the lines of a list in UTF-8, with or without a byte order mark, whatever ends its lines; blank lines are passed over.

    Raises
    ------
    TableError
        When the file cannot be read as text, or a line is too long.
    """
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with _open_text(path) as file:
        for line, text in enumerate(_limit_lines(path, file), start=1):
            stripped = text.strip()
            if stripped:
                yield Row(f"{path}, line {line}", line, stripped, delimiter)


@contextmanager
def _open_text(path: Path) -> Generator[io.TextIOWrapper]:
    try:
        with open_regular(path, MAX_FILE_BYTES) as file, io.TextIOWrapper(file, encoding="utf-8-sig") as text:
            yield text
    except UnicodeDecodeError as error:
        found = f"byte {error.object[error.start]:#04x} is no UTF-8 ({error.reason})"
        raise TableError(path, found, "a list in UTF-8", "save it as UTF-8") from error
    except OSError as error:
        raise TableError(path, error.strerror or str(error), "a list that can be read") from error


def _limit_lines(path: Path, file: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while text := file.readline(_LONGEST_LINE):
        number += 1
        if len(text) == _LONGEST_LINE and not text.endswith("\n"):
            raise TableError(
                f"{path}, line {number}", f"more than {_LONGEST_LINE:,} characters", "a list of text lines"
            )
        yield text


def is_number(text: str) -> bool:
    """Whether a field is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
