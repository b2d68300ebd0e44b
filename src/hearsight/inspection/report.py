"""The whole of ``hearsight stats``: survey a dataset and report it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hearsight.dataset.survey.survey import Survey, survey_dataset
from hearsight.dataset.survey.truth import compare_with_folders
from hearsight.inspection.table import Table
from hearsight.inspection.tables import tabulate_quality, tabulate_survey


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

    @property
    def tables(self) -> list[Table]:
        """All tables."""
        return [*self.contents, *self.quality]

    def as_json(self) -> dict[str, Any]:
        """Return a list of objects for each table, by its key."""
        return {"path": str(self.survey.tables.path), **{table.key: table.as_json() for table in self.tables}}


def report_statistics(dataset: Path, *, truth: Path | None = None) -> StatisticsReport:
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
    return StatisticsReport(survey, tabulate_survey(survey), tabulate_quality(survey, truths))
