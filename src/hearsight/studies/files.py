"""The report of a study as files: JSON, Markdown, and a figure."""

from __future__ import annotations

import json
from pathlib import Path

from hearsight.drawing.studies import StudyPoint, draw_study
from hearsight.figures.file import write_figure
from hearsight.files import write_text
from hearsight.metrics.measures import MEASURES
from hearsight.studies.report import StudyReport


def write_report(report: StudyReport, folder: Path) -> None:
    """Write ``report.json``, ``report.md``, and ``report.svg`` and ``.png`` where a cell has finished.

    Raises
    ------
    MachineError
        When a file cannot be written.
    """
    write_text(folder / "report.json", json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "report.md", report.spell_markdown())
    panels = [(benchmark, points) for benchmark in report.benchmarks if (points := list_points(report, benchmark))]
    if panels:
        unit = "" if report.measure == "d_prime" else ", %"
        figure = draw_study(panels, MEASURES.get(report.measure, report.measure) + unit)
        for suffix in ("svg", "png"):
            write_figure(figure, folder / f"report.{suffix}", report.title)


def list_points(report: StudyReport, benchmark: str) -> list[StudyPoint]:
    """Return the points of a benchmark's panel; the first axis with several values determines their colours."""
    rows = [row for row in report.rows if row.benchmark == benchmark and row.score is not None]
    varied = [place for place in range(len(report.axes)) if len({row.values[place] for row in rows}) > 1]
    names = list(dict.fromkeys(row.values[varied[0]] for row in rows)) if varied else []
    scale = 1.0 if report.measure == "d_prime" else 100.0
    return [
        StudyPoint(
            name=", ".join(row.values),
            group=names.index(row.values[varied[0]]) if varied else 0,
            value=scale * row.score.value,
            low=scale * row.score.low,
            high=scale * row.score.high,
            runs=tuple(scale * run for run in row.runs),
        )
        for row in rows
        if row.score is not None
    ]
