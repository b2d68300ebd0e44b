"""The commands that look into a dataset: stats, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hearsight.cli.application import LOOP, AsJson, Parameter, app

DatasetFolder = Annotated[Path, Parameter(help="a folder that `hearsight build` or `hearsight mix` wrote")]


@app.command(group=LOOP)
def stats(
    dataset: DatasetFolder,
    /,
    *,
    truth: Annotated[
        Path | None,
        Parameter(help="folder that the videos are in, with a sub-folder for each class assigned by people"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print statistics of a dataset and of the quality of its labels.

    Prints clips, durations, folds, the frequency of each class, the confidence of the teachers, redundant classes, and how well
    pictures and sound of the clips agree. The agreement of each clip is stored in the dataset as `agreement.parquet`. Training can
    leave out clips with low agreement (`hearsight train --set min_agreement=0`).
    """
    from hearsight.console import print_json
    from hearsight.inspection.report import report_statistics
    from hearsight.inspection.table import print_tables

    report = report_statistics(dataset, truth=truth)
    if as_json:
        print_json(report.as_json())
    else:
        print_tables(report.tables)
