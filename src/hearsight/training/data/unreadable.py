"""Clips that training goes on without, because their file turned out to be damaged."""

from __future__ import annotations

from collections.abc import Callable

from hearsight.console import print_message
from hearsight.errors import DatasetError

MOST_IN_A_ROW = 100
"""Number of clips in a row that may be unreadable: after so many the dataset is lost, and not a file of it."""


class Unreadable:
    """Reads clips, and reports each damaged file once.

    Parameters
    ----------
    skip
        Whether to continue if a clip cannot be read.
    what
        What becomes of the clips of a damaged file, for the message.
    """

    def __init__(self, what: str, *, skip: bool) -> None:
        self._skip = skip
        self._what = what
        self._files: set[str] = set()
        self._in_a_row = 0

    def attempt(self, read: Callable[[], None]) -> bool:
        """Read a clip; return False where it cannot be read.

        Raises
        ------
        DatasetError
            When it cannot be read, and training is not to go on, or too many could not be read in a row.
        """
        try:
            read()
        except DatasetError as error:
            self._in_a_row += 1
            if not self._skip or self._in_a_row > MOST_IN_A_ROW:
                raise
            if error.where not in self._files:
                self._files.add(error.where)
                print_message(f"warning: {error.summary}; {self._what}")
            return False
        self._in_a_row = 0
        return True
