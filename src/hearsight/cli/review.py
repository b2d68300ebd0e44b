"""The command that turns judgements into thresholds: review."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hearsight.cli.application import WORK, AsJson, Count, Parameter, Seed, app


@app.command(group=WORK)
def review(
    tables: Annotated[
        list[Path], Parameter(negative="", help="judged tables; with --draw, tables of detections or folders of them")
    ],
    /,
    *,
    draw: Annotated[
        bool, Parameter(negative="", help="write a table to judge instead: some detections of each class, to --out")
    ] = False,
    per_class: Annotated[Count, Parameter(help="with --draw: detections of each class")] = 50,
    precision: Annotated[float, Parameter(help="the wanted precision, more than 0 and at most 1")] = 0.9,
    sure: Annotated[
        bool, Parameter(negative="", help="choose thresholds whose precision is as high at the low end of its interval")
    ] = False,
    out: Annotated[
        Path | None,
        Parameter(help="the thresholds file to write, for hearsight tag --thresholds; with --draw, the table"),
    ] = None,
    figure: Annotated[Path | None, Parameter(help="precision against threshold as .png, .svg or .pdf")] = None,
    seed: Annotated[Seed, Parameter(help="seed of the draws")] = 0,
    as_json: AsJson = False,
) -> None:
    """Turn judged detections into thresholds, and estimate how many true calls there are.

    ```
    hearsight tag recordings/ --out tags --events --threshold 0.1
    hearsight review tags/ --draw --per-class 50 --out judge.csv
    # write right, wrong or skip into the column judgement of judge.csv
    hearsight review judge.csv --precision 0.9 --out thresholds.csv --figure precision.png
    hearsight tag recordings/ --out final --events --thresholds thresholds.csv
    ```

    Prints for each class the precision of all detections, the lowest threshold with the wanted precision, the precision there, the
    share of true calls that it keeps, and how many of all detections are true. Intervals are 95 %.
    """
    from hearsight.console import print_json, print_message, print_table
    from hearsight.errors import UsageError
    from hearsight.review.draw import draw_detections
    from hearsight.review.review import COLUMNS
    from hearsight.review.review import review as review_tables

    if draw:
        if out is None:
            raise UsageError("--draw", "no --out", "the table to write", "--out judge.csv")
        drawn = draw_detections(tables, out, per_class, seed)
        if as_json:
            print_json({"out": str(out), "classes": drawn})
        else:
            print_table(f"{out}", ("class", "rows"), list(drawn.items()), right=("rows",))
        return
    folder = next((path for path in tables if path.is_dir()), None)
    if folder is not None:
        raise UsageError(f"review {folder}", "a folder", "judged tables", "--draw --out judge.csv makes one to judge")
    report = review_tables(tables, precision=precision, sure=sure, out=out, figure=figure, seed=seed)
    if as_json:
        print_json(report.as_json())
        return
    print_table("", COLUMNS, report.list_rows(), right=COLUMNS[1:])
    for line in report.describe():
        print_message(line)
