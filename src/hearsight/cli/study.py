"""The commands that compare trainings: study, which runs a grid of them, and runs, which lists those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hearsight.cli.application import WORK, AsJson, Count, Parameter, app


@app.command(group=WORK)
def study(
    file: Annotated[
        str | None, Parameter(help="a study file (TOML), or the name of one that comes with hearsight")
    ] = None,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="folder for the datasets, runs, records and the report")] = None,
    sources: Annotated[
        list[str] | None,
        Parameter(negative="", help="videos to learn from: files, folders, globs or lists; repeatable"),
    ] = None,
    benchmark: Annotated[
        list[str] | None, Parameter(negative="", help="NAME=FOLDER to score on; repeatable; see hearsight benchmarks")
    ] = None,
    teacher: Annotated[
        list[str] | None,
        Parameter(negative="", help="NAME=KIND:WHERE, a teacher that the study names in braces; repeatable"),
    ] = None,
    fraction: Annotated[
        float | None,
        Parameter(help="factor on training steps and mixtures, 1 for the full size; the file's by default"),
    ] = None,
    seeds: Annotated[Count | None, Parameter(help="trainings of each cell; the file's by default")] = None,
    overrides: Annotated[
        list[str] | None,
        Parameter(name="--set", negative="", help="a key of a stage, as stage.key=value; repeatable"),
    ] = None,
    workers: Annotated[Count | None, Parameter(help="number of worker processes; one per processor by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Train and score a grid of datasets, recipes, networks and seeds under one protocol.

    Without a file, the studies that come with hearsight are listed. For example:

    ```
    hearsight study jia-ablation --sources videos/ --teacher audio=litert:yamnet.tflite --benchmark esc50=ESC-50 --out ablation
    ```

    The same command continues an interrupted study. Datasets and runs that several cells share are made once. Prints a table with
    the mean over seeds, its 95 % interval, and paired differences from the reference of each axis. The folder then has `report.md`,
    `report.json`, `report.svg` and `report.png`. A cell that fails is named and the others go on; the exit code is then 4, and the
    same command tries the cell again. Without a file, the page on
    writing one is named too.
    """
    from hearsight.console import print_json, print_lines, print_message, print_table
    from hearsight.errors import FailureRateError, UsageError
    from hearsight.studies.definition import describe_studies
    from hearsight.studies.files import write_report
    from hearsight.studies.run import StudyInputs, parse_teachers, run_study
    from hearsight.version import locate_page

    if file is None:
        rows = describe_studies()
        if as_json:
            print_json([{"name": name, "title": title, "cost": cost} for name, title, cost in rows])
        else:
            print_table("", ["study", "what it compares", "cost"], rows)
            print_message(f"how to write a study file: {locate_page('docs/how-to/study.md')}")
        return
    if out is None:
        raise UsageError("study", "no --out", "a folder for the study", "--out FOLDER")
    if fraction is not None and not 0.0 < fraction <= 1.0:
        raise UsageError("--fraction", f"{fraction:g}", "more than 0 and at most 1")
    inputs = StudyInputs(tuple(sources or ()), tuple(benchmark or ()), parse_teachers(teacher or ()))
    report = run_study(file, out, inputs, fraction=fraction, seeds=seeds, overrides=overrides or (), workers=workers)
    write_report(report, out)
    if as_json:
        print_json(report.as_json())
    else:
        for name in report.benchmarks:
            heads, rows = report.list_table(name)
            print_table(f"{report.title}: {name}", heads, rows, right=heads[len(report.axes) :])
    if report.failures:
        hint = "the same command tries them again"
        raise FailureRateError(out, f"{len(report.failures)} cells failed: {'; '.join(report.failures[:3])}", hint=hint)
    if not as_json:
        print_lines([f"{out / 'report.md'}: the report"])


@app.command(group=WORK)
def runs(
    folders: Annotated[
        list[Path] | None, Parameter(negative="", help="runs, or folders with runs in them; this folder by default")
    ] = None,
    /,
    *,
    against: Annotated[
        Path | None, Parameter(help="a run; the kept scores of the others are compared with its")
    ] = None,
    figure: Annotated[Path | None, Parameter(help="file for the learning curves: .png, .svg or .pdf")] = None,
    as_json: AsJson = False,
) -> None:
    """List training runs: network, recipe, dataset, steps, best score, state.

    A run is `training`, `interrupted` or `finished`. `scores` are those that `hearsight finetune` and
    `hearsight evaluate --keep` kept with it. With `--against RUN`, a second table has the differences from that run on the same
    clips, with the 95 % interval of a paired bootstrap:

    ```
    hearsight runs experiments/ --against experiments/base --figure curves.png
    ```

    `--json` prints an object with the keys `runs` and `differences`.
    """
    import dataclasses

    from hearsight.console import print_json, print_message, print_table
    from hearsight.figures.file import check_out, write_figure
    from hearsight.studies.runs import COLUMNS, COMPARED, NUMBERS, compare_runs, draw_runs, list_runs

    if figure is not None:
        check_out(figure, option="--figure")
    found = list_runs(folders or [Path()])
    differences = [] if against is None else compare_runs(found, against)
    if as_json:
        compared = [dataclasses.asdict(one) for one in differences]
        print_json({"runs": [run.as_json() for run in found], "differences": compared})
    else:
        print_table("", COLUMNS, [run.row() for run in found], right=NUMBERS)
        if not found:
            places = ", ".join(str(folder) for folder in folders or [Path()])
            print_message(f"{places}: no training run in it; hearsight train, learn and finetune make some")
        if against is not None:
            rows = [one.row() for one in differences]
            print_table(f"differences from {against}", COMPARED, rows, right=COMPARED[2:])
    if figure is not None:
        write_figure(draw_runs(found), figure, "learning curves")
