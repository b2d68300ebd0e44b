"""The commands that report: scores, tables, figures, lists of benchmarks and networks, summaries of folders."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

from hearsight.cli.application import (
    LOOP,
    WORK,
    App,
    AsJson,
    ConfigFile,
    Override,
    Parameter,
    Seed,
    app,
    check_whole_number,
    print_summary,
)
from hearsight.figures.commands import COMMANDS

plot = App(
    name="plot",
    help="Draw a figure of the papers from your own results, and write it as PNG, SVG or PDF.",
    group=WORK,
    default_parameter=Parameter(validator=check_whole_number),
)
app.command(plot)
for _command in COMMANDS:
    plot.command(_command)


@app.command(group=WORK)
def evaluate(
    run: Annotated[
        str,
        Parameter(
            help="a run folder, hf://owner/name, baseline:log-mel, baseline:mfcc, litert:FILE, vision:KIND:WHERE, …"
        ),
    ],
    /,
    *,
    benchmark: Annotated[str, Parameter(help="NAME=FOLDER, such as esc50=ESC-50; see hearsight benchmarks")],
    extra_models: Annotated[
        list[str] | None,
        Parameter(
            name="--with", negative="", help="another model whose features are added to those of the first; repeatable"
        ),
    ] = None,
    probe: Annotated[
        Literal["linear", "svm", "knn", "forest", "mlp", "jia", "softmax", "finetune", "outputs"],
        Parameter(
            name=("--probe", "--head"),
            help="the classifier that is fitted on the frozen embeddings; finetune, which trains the whole network; or outputs, "
            "the network's own probabilities, for dataset=FOLDER",
        ),
    ] = "linear",
    layer: Annotated[
        str | None, Parameter(help="a layer of SoundNet such as pool5, in windows, instead of the embedding")
    ] = None,
    untrained: Annotated[bool, Parameter(negative="", help="score the network of the run with random weights")] = False,
    pool: Annotated[
        str | None,
        Parameter(
            help="how the segments of a clip are combined: mean+max (default), mean, max, mean+deviation, concat, windows"
        ),
    ] = None,
    seed: Annotated[Seed, Parameter(help="seed of random weights and of the bootstrap")] = 0,
    training_dataset: Annotated[
        Path | None,
        Parameter(
            name="--against",
            help="a dataset; clips of the benchmark that it contains are listed, and left out of a second score",
        ),
    ] = None,
    cache: Annotated[bool, Parameter(help="cache embeddings and fine-tuned folds")] = True,
    record: Annotated[
        list[str] | None,
        Parameter(negative="", help="record the score for a cell of a paper's table, TABLE:ROW:COLUMN; repeatable"),
    ] = None,
    results: Annotated[Path, Parameter(help="the file that `--record` appends to")] = Path("results.jsonl"),
    keep: Annotated[
        bool, Parameter(negative="", help="keep the score in `scores/` of the run folder, for `hearsight runs`")
    ] = False,
    config: ConfigFile = None,
    overrides: Override = None,
    as_json: AsJson = False,
) -> None:
    """Score a model on a benchmark by its official folds.

    Prints the accuracy of each fold, their mean with a 95 % interval, and further measures. `--json` prints an object with the keys
    `benchmark, model, probe, accuracy, folds, interval, num_clips, measures` and more. `--against DATASET` finds clips of the
    benchmark in the training data by their sound. A score that was recorded with `--record` is shown by `hearsight tables`.

    `--benchmark dataset=DATASET --probe outputs` scores the network's own probabilities on the validation clips of a dataset, whose
    labels are a machine's (Hershey 2017). `--set balanced=33` adds a balanced draw, as in the paper.

    To score sound and pictures together: `--with vision:litert:mobilenet.tflite --benchmark videos=VIDEOS --probe svm`.
    """
    from hearsight.config import EvaluateConfig, load_config
    from hearsight.errors import UsageError
    from hearsight.evaluation.clip_scores import keep_score
    from hearsight.evaluation.evaluate import evaluate as evaluate_model
    from hearsight.evaluation.paper_tables.measurements import record_measurements
    from hearsight.evaluation.paper_tables.record import check_cells, make_measurement

    cells = check_cells(record or (), benchmark)
    if keep and not (Path(run) / "config.json").exists():
        raise UsageError("--keep", run, "a run or checkpoint folder, to keep the score in")
    if keep and (untrained or extra_models):
        found = "--untrained" if untrained else f"--with {' '.join(extra_models or ())}"
        raise UsageError("--keep", f"a score with {found}", "one of the run's own weights alone")
    given = {"probe": probe, "untrained": untrained, "seed": seed, "cache": cache, "pool": pool, "layer": layer}
    given |= {"extra_models": extra_models, "training_dataset": training_dataset}
    knobs = load_config(EvaluateConfig, "evaluate", config, overrides or (), **given)
    result = evaluate_model(run, benchmark, knobs)
    print_summary(result, as_json)
    if keep:
        keep_score(Path(run), result)
    if cells:
        command = shlex.join(["hearsight", *sys.argv[1:]])
        record_measurements(results, [make_measurement(result, cell, command) for cell in cells])


@app.command(group=WORK)
def tables(
    name: Annotated[
        str | None, Parameter(help="a table such as jia2019-3, or a paper such as jia2019; all by default")
    ] = None,
    /,
    *,
    format: Annotated[
        Literal["table", "markdown", "csv"],
        Parameter(help="table for a terminal, markdown for a page, csv for a spreadsheet"),
    ] = "table",
    results: Annotated[
        Path | None,
        Parameter(help="a file written by `hearsight evaluate --record`; by default results.jsonl, if it exists"),
    ] = None,
    provenance: Annotated[bool, Parameter(negative="", help="print the origin of each of our figures")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the tables of the four papers with our figures next to the published ones.

    The papers are Jia 2019, Hershey 2017, SoundNet 2016 and Wu & Lee 2018. Our figures are sizes counted from the networks, and
    recorded measurements. A cell is blank if nothing was measured. Footnotes list differences from the paper.
    """
    from hearsight.console import print_data, print_json, print_lines, print_table
    from hearsight.evaluation.paper_tables.comparison import fill_tables, spell_csv, spell_markdown
    from hearsight.evaluation.paper_tables.measurements import RESULTS

    filled = fill_tables(name, results or (RESULTS if RESULTS.exists() else None))
    if provenance:
        print_lines(line for table in filled for line in table.list_provenance())
    elif as_json:
        print_json([table.as_json() for table in filled])
    elif format == "table":
        for table in filled:
            heads, rows, blank = table.leave_out_blank()
            print_table(table.table.title, heads, rows, right=table.numbers)
            print_lines([*(f"  {note}" for note in [*table.list_notes(), *blank]), ""])
    else:
        print_data(spell_markdown(filled) if format == "markdown" else spell_csv(filled))


@app.command(group=WORK)
def benchmarks(*, as_json: AsJson = False) -> None:
    """List the benchmarks of `hearsight evaluate`, and where to get them.

    `--json` prints an array of objects with the keys `name, title, clips, classes, scored, where, takes`.
    """
    from hearsight.console import print_json, print_table
    from hearsight.evaluation.benchmarks.catalogue import BENCHMARKS, COLUMNS, NUMBERS

    if as_json:
        print_json([kind.as_json() for kind in BENCHMARKS.values()])
    else:
        print_table("", COLUMNS, [kind.row() for kind in BENCHMARKS.values()], right=NUMBERS)


@app.command(group=WORK)
def models(
    *,
    installed: Annotated[
        bool, Parameter(negative="", help="list the trained models that come with hearsight instead")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the networks with their sizes next to the published ones; or, with `--installed`, the trained models at hand.

    Parameters and multiply-accumulates are counted for the paper's number of classes. Where a figure does not match, the reason
    is in the page that the last line names. `--json` prints an array of objects with the keys
    `name, paper, parameters, weights, macs, published_parameters, published_macs, matches`.
    """
    from hearsight.console import print_json, print_message, print_table

    if installed:
        from hearsight.models.installed import COLUMNS as HEADS
        from hearsight.models.installed import list_installed

        found = list_installed()
        if as_json:
            print_json([model.as_json() for model in found])
        else:
            print_table("", HEADS, [model.row() for model in found], right=("classes", "embedding", "Hz", "MB"))
        return
    from hearsight.models.table import COLUMNS, NOTES, NUMBERS, describe_networks
    from hearsight.version import locate_page

    networks = describe_networks()
    if as_json:
        print_json([network.as_json() for network in networks])
    else:
        print_table("", COLUMNS, [network.row() for network in networks], right=NUMBERS)
        print_message(f"reasons: {locate_page(NOTES)}")


@app.command(group=WORK)
def info(
    path: Annotated[Path, Parameter(help="a dataset or run folder")],
    /,
    *,
    as_json: AsJson = False,
) -> None:
    """Print a summary of a dataset or a run."""
    from hearsight.training.run.describe import describe_folder

    print_summary(describe_folder(path), as_json)


@app.command(group=LOOP)
def verify(
    dataset: Annotated[Path, Parameter(help="a folder that `hearsight build` or `hearsight mix` wrote")],
    /,
    *,
    repair: Annotated[
        bool, Parameter(negative="", help="derive the folder index/ again where it is absent or damaged")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every file of a dataset for damage: its size, its SHA-256, and whether sound and labels belong to the same clips.

    Damaged files are listed, and the exit code is 3. Training checks each file too, when it first reads it. `--repair` derives the
    index again from the tables; everything else that is damaged must be restored or built again.
    """
    from hearsight.dataset.verify import verify_dataset
    from hearsight.errors import InputError

    report = verify_dataset(dataset, repair=repair)
    print_summary(report, as_json)
    if report.problems:
        raise SystemExit(InputError.exit_code)
