"""Text in the cells of tables that a spreadsheet may open."""

from __future__ import annotations

import re

_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")


def defuse(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe is put before ``= + - @``, a tab or a return.

    :func:`restore` removes it again.
    """
    return f"'{text}" if _DANGEROUS.match(text) else text


def restore(cell: str) -> str:
    """Return the text that :func:`defuse` made a cell of."""
    return cell[1:] if cell.startswith("'") and _DANGEROUS.match(cell) else cell
