"""The whole of ``hearsight stats``: survey a dataset and report it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearsight.console import print_message
from hearsight.dataset.survey.survey import Survey, survey_dataset
from hearsight.dataset.survey.truth import compare_with_folders
from hearsight.drawing.canvas import to_svg
from hearsight.errors import cannot_write
from hearsight.figures.file import write_figure
from hearsight.files import write_text
from hearsight.inspection.categories import Groups, draw_figures, group_labels, tabulate_groups
from hearsight.inspection.clip_page import THEME_BUTTON, read_part
from hearsight.inspection.table import Table
from hearsight.inspection.tables import tabulate_quality, tabulate_survey
from hearsight.pages.document import write_page
from hearsight.pages.embed import escape
from hearsight.version import VERSION


@dataclasses.dataclass(frozen=True)
class StatisticsReport:
    """Statistics of a dataset.

    Attributes
    ----------
    survey
        What they were computed from.
    contents, quality
        Tables of what the dataset holds, and of how far its labels can be trusted.
    """

    survey: Survey
    contents: list[Table]
    quality: list[Table]
    groups: Groups

    @property
    def tables(self) -> list[Table]:
        """All tables."""
        return [*self.contents, *self.quality]

    def as_json(self) -> dict[str, Any]:
        """Return a list of objects for each table, by its key."""
        return {"path": str(self.survey.tables.path), **{table.key: table.as_json() for table in self.tables}}

    def write_figures(self, folder: Path) -> None:
        """Write each figure as PNG and SVG.

        Raises
        ------
        MachineError
            When one cannot be written.
        """
        for name, (title, figure) in draw_figures(self.survey, self.groups).items():
            for suffix in ("png", "svg"):
                write_figure(figure, folder / f"{name}.{suffix}", f"{title} of {self.survey.tables.path}")

    def write_page(self, out: Path) -> None:
        """Write figures and tables as one page that loads nothing from the network.

        Raises
        ------
        MachineError
            When it cannot be written.
        """
        figures = "\n".join(
            f"<figure>{to_svg(figure, title)}<figcaption>{escape(title)}</figcaption></figure>"
            for title, figure in draw_figures(self.survey, self.groups).values()
        )
        parts = [
            f'<h2>{title}</h2>\n<div class="tables">'
            + "\n".join(f"<div>{t.as_html()}</div>" for t in tables)
            + "</div>"
            for title, tables in (("What it holds", self.contents), ("How far its labels can be trusted", self.quality))
        ]
        title = f"Statistics of {self.survey.tables.path}"
        body = f"""<main class="wide">
<div class="bar"><h1>{escape(title)}</h1>{THEME_BUTTON}</div>
<section class="figures">{figures}</section>
{chr(10).join(parts)}
<footer>hearsight {escape(VERSION)}</footer>
</main>"""
        text = write_page(title, body, style=read_part("page.css"), script=read_part("page.js"))
        try:
            write_text(out, text)
        except OSError as error:
            raise cannot_write(out, error) from error
        print_message(f"{out}: statistics, {len(text) / 1e6:.1f} MB")


def report_statistics(
    dataset: Path, *, truth: Path | None = None, hierarchies: Sequence[Path] = ()
) -> StatisticsReport:
    """Survey a dataset.

    Parameters
    ----------
    dataset
        The folder. The agreement of picture and sound is stored in it where it is not there yet.
    truth
        A folder with a sub-folder for each class assigned by people, which contain sources of the dataset.

    Raises
    ------
    DatasetError
        When the dataset cannot be read.
    InputError
        When ``truth`` is no such folder.
    """
    survey = survey_dataset(dataset)
    truths = compare_with_folders(survey.tables, truth) if truth is not None else []
    groups = group_labels(survey, hierarchies)
    contents = [*tabulate_survey(survey), *tabulate_groups(groups)]
    return StatisticsReport(survey, contents, tabulate_quality(survey, truths), groups)
