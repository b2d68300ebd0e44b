"""The commands that teach a network new classes: teach, and suggest for what to judge next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hearsight.cli.application import WORK, Amount, AsJson, Count, Parameter, Seed, app
from hearsight.cli.tag import STARTER, Trained


@app.command(group=WORK)
def teach(
    examples: Annotated[
        list[Path],
        Parameter(negative="", help="folders with a folder of sounds per class, and tables of spans with a class"),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the checkpoint folder to write")],
    model: Trained = STARTER,
    regularization: Annotated[Amount, Parameter(help="C, the inverse of the penalty on the weights")] = 10.0,
    seed: Annotated[Seed, Parameter(help="seed of the folds and of the noises that stand for background")] = 0,
    as_json: AsJson = False,
) -> None:
    """Teach a model classes of your own, from 5 to 50 examples of each, in seconds.

    ```
    # examples/robin/*.wav, examples/wren/*.wav, examples/background/*.wav
    hearsight teach examples/ --out birds
    hearsight tag night.wav --model birds --events
    ```

    The network stays as it is and gets a new output layer, so that the result tags, embeds, is exported and served like any model.
    The class `background` stands for none of the others; sounds in a folder of this name teach it. Tables are what `hearsight tag`
    writes, Raven's selection tables, Audacity's label tracks, or a CSV file with `file, start, end, class`; with a column
    `judgement` (right, wrong, skip), what was judged is learned. Prints a cross-validated score, with folds over files.
    """
    from hearsight.console import print_json, print_lines, print_table
    from hearsight.teaching.teach import COLUMNS
    from hearsight.teaching.teach import teach as teach_model

    report = teach_model(examples, out, model=model, regularization=regularization, seed=seed)
    if as_json:
        print_json(report.as_json())
        return
    print_table("", COLUMNS, report.list_rows(), right=COLUMNS[1:])
    print_lines(report.describe())


@app.command(group=WORK)
def suggest(
    index: Annotated[Path, Parameter(help="an index folder, which hearsight index wrote")],
    /,
    *,
    model: Annotated[str, Parameter(help="a model that was taught on the network that made the index")],
    out: Annotated[Path, Parameter(help="the .csv file to write")],
    count: Annotated[Count, Parameter(help="number of segments")] = 50,
    as_json: AsJson = False,
) -> None:
    """Suggest the segments of an index that are most worth judging next.

    ```
    hearsight suggest archive.index --model birds --out judge.csv
    # write right, wrong or skip into the column judgement of judge.csv
    hearsight teach examples/ judge.csv --out better
    ```

    They are the ones that the model is most uncertain of, and of these such as differ from each other.
    """
    from hearsight.console import print_json, print_table
    from hearsight.teaching.suggest import suggest as suggest_segments

    found = suggest_segments(model, index, out, count=count)
    if as_json:
        print_json({"out": str(out), "classes": found})
        return
    print_table(f"{out}", ("class", "rows"), list(found.items()), right=("rows",))
