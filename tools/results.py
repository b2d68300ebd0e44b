"""Write docs/results.md: the tables of the papers next to what was counted and measured.

``python -m tools.results`` writes the page; ``make check`` fails when it is out of date.
"""

from __future__ import annotations

from hearsight.evaluation.paper_tables.comparison import fill_tables, spell_markdown
from tools.pages import DOCS, write_or_check

PAGE = DOCS / "results.md"
HEAD = """\
# Results compared with the papers

Every table of the four papers, with our figures next to the printed ones. Sizes are counted from the networks as built; scores
were measured. A blank cell means that we have not measured it: nothing is estimated. `hearsight tables --provenance` lists
where each of our figures comes from, and [tables and figures](how-to/tables-and-figures.md) explains how to add your own.
Measurements that fit no table of the papers are in [experiments](experiments.md).

This page is written by `python -m tools.results`.
"""


def render() -> str:
    """Return the whole page."""
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


if __name__ == "__main__":
    write_or_check(PAGE, render(), "results")
