"""Write docs/results.md from the published tables and what was counted and measured, so that the page cannot lag behind them.

`python docs/results.py` writes it; `make check` fails where it is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hearsight.evaluation.tables import fill_tables, spell_markdown

PAGE = Path(__file__).resolve().parent / "results.md"

HEAD = """\
# Results beside the papers'

Every table of the four papers with ours beside it: sizes, counted from the networks as built, and what we have measured. A blank
says that nothing was measured; nothing is estimated. `hearsight tables --provenance` says of each of ours where it comes from, and
[tables and figures](how-to/tables-and-figures.md) how to set your own measurements in. What we measured that no paper's table has a
place for is in [experiments](experiments.md).

This page is written by `docs/results.py`.
"""


def render() -> str:
    """Give the whole page."""
    filled = fill_tables()
    measured = [
        f"- `{cell.published.name}` = {one.describe()}"
        for table in filled
        for row in table.cells
        for cell in row
        for one in cell.measurements
    ]
    tail = "\n## Where the measurements come from\n\n" + "\n".join(measured) + "\n" if measured else ""
    return f"{HEAD}\n{spell_markdown(filled)}{tail}"


def main() -> None:
    """Write the page, or with `--check` say whether it is as it should be."""
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != render():
            sys.exit("docs/results.md is out of date: run python docs/results.py")
        return
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
