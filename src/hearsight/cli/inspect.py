"""The commands that look into a dataset: stats, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from hearsight.cli.application import LOOP, AsJson, Count, Parameter, Seed, app

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
    hierarchy: Annotated[
        list[Path] | None,
        Parameter(negative="", help="AudioSet's ontology.json or ML-Images' hierarchy, for the categories; repeatable"),
    ] = None,
    figures: Annotated[Path | None, Parameter(help="folder for the figures, as PNG and SVG")] = None,
    page: Annotated[Path | None, Parameter(help="an .html file to write, with figures and tables")] = None,
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

    _check_page(page)
    report = report_statistics(dataset, truth=truth, hierarchies=hierarchy or ())
    if figures is not None:
        report.write_figures(figures)
    if page is not None:
        report.write_page(page)
    if as_json:
        print_json(report.as_json())
    elif page is None:
        print_tables(report.tables)


@app.command(group=LOOP)
def inspect(
    dataset: DatasetFolder,
    /,
    *,
    rejected: Annotated[bool, Parameter(negative="", help="show what was rejected, and why, instead of clips")] = False,
    clip: Annotated[str | None, Parameter(help="show one clip, by its UUID or the first characters of it")] = None,
    class_name: Annotated[
        str | None, Parameter(name="--class", help="show clips with this label; a name alone means both seen and heard")
    ] = None,
    sample: Annotated[Count, Parameter(help="number of clips, at most 100")] = 24,
    seed: Annotated[Seed, Parameter(help="seed of the random choice of clips")] = 0,
    order: Annotated[
        Literal["random", "disagreeing", "agreeing"],
        Parameter(help="clips at random, or those whose picture and sound agree least or most"),
    ] = "random",
    page: Annotated[Path | None, Parameter(help="an .html file to write, with pictures and sound")] = None,
    as_json: AsJson = False,
) -> None:
    """Show clips of a dataset with their labels and teachers, and write a page with their pictures and sound.

    ```
    hearsight inspect dataset --page clips.html
    hearsight inspect dataset --class Dog --order disagreeing --page dogs.html
    hearsight inspect dataset --rejected --page rejected.html
    ```

    A page is one file that loads nothing from the network, about 60 KB per clip. Pictures are read from the media, which must
    not have been moved since the dataset was built.
    """
    from hearsight.console import print_json
    from hearsight.errors import UsageError
    from hearsight.inspection.choose import Choice
    from hearsight.inspection.inspect import inspect_clips, inspect_rejections
    from hearsight.inspection.table import print_tables

    _check_page(page)
    given = [
        name for name, value in (("--clip", clip), ("--class", class_name), ("--order", order != "random")) if value
    ]
    if rejected and given:
        raise UsageError("--rejected", f"with {' and '.join(given)}", "without them: what was rejected has no labels")
    if rejected:
        report = inspect_rejections(dataset, sample, seed)
    else:
        choice = Choice(uuid=clip, name=class_name, count=sample, seed=seed, order=order)
        report = inspect_clips(dataset, choice)
    if page is not None:
        report.write_page(page)
    if as_json:
        print_json(report.as_json())
    elif page is None:
        print_tables(report.tables)


def _check_page(page: Path | None) -> None:
    from hearsight.errors import UsageError

    if page is not None and page.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--page {page}", f"suffix {page.suffix!r}", ".html")
