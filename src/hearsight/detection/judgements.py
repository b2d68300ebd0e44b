"""What somebody who listened says of a detection: right, wrong, or skip."""

from __future__ import annotations

import csv
from pathlib import Path

from hearsight.errors import TableError, UsageError, guess

JUDGEMENT = "judgement"
"""The column of a table of detections that holds them."""
RIGHT, WRONG, SKIP = "right", "wrong", "skip"
"""Whether the class is there; the last if it was not judged, or could not be."""

_WORDS = {
    RIGHT: ("right", "r", "1", "yes", "y", "true", "correct", "+"),
    WRONG: ("wrong", "w", "0", "no", "n", "false", "incorrect", "-"),
    SKIP: ("skip", "s", "", "?", "unsure", "unknown"),
}
_MEANINGS = {word: judgement for judgement, words in _WORDS.items() for word in words}


def read_judgement(cell: str | None, where: object) -> str:
    """Return the judgement that a cell holds; what spreadsheets and people write for it is understood.

    Raises
    ------
    TableError
        When it is no judgement.
    """
    word = (cell or "").strip().casefold()
    if word not in _MEANINGS:
        hint = guess(word, [RIGHT, WRONG, SKIP])
        raise TableError(where, f"judgement {cell!r:.40}", f"{RIGHT}, {WRONG}, {SKIP} or nothing", hint)
    return _MEANINGS[word]


def check_unjudged(out: Path) -> None:
    """Refuse to write a new table to judge over one that holds judgements: they are hours of listening.

    A file that is not such a table, such as one that a spreadsheet saved with semicolons, is refused as well.

    Raises
    ------
    UsageError
        When there is a file, other than a table whose column ``judgement`` is empty.
    """
    if not out.is_file():
        return
    try:
        with out.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            known = JUDGEMENT in (table.fieldnames or ())
            judged = sum(1 for row in table if (row.get(JUDGEMENT) or "").strip())
    except (ValueError, csv.Error):
        known, judged = False, 0
    if judged or not known:
        found = f"a table with {judged} judgements" if known else f"a file without a column {JUDGEMENT!r}"
        raise UsageError(
            "--out", f"{out}: {found}", "a new file, or a table without judgements", "choose another --out"
        )
