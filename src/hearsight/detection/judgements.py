"""What somebody who listened says of a detection: right, wrong, or skip."""

from __future__ import annotations

from hearsight.errors import TableError, guess

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
