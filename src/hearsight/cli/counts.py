"""The command that counts detections by class and time."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any, Literal

from hearsight.cli.application import WORK, AsJson, Count, Number, Parameter, app

Probability = Annotated[float, Parameter(validator=Number(gte=0.0, lte=1.0))]


@app.command(group=WORK)
def counts(
    tables: Annotated[
        list[Path], Parameter(negative="", help="tables of hearsight tag (CSV, JSON lines, Parquet), or folders")
    ],
    /,
    *,
    by: Annotated[
        Literal["hour-of-day", "hour", "day"],
        Parameter(help="the 24 hours of all days together, each hour, or each day"),
    ] = "hour-of-day",
    threshold: Annotated[Probability, Parameter(help="smallest probability of a detection")] = 0.0,
    top: Annotated[Count | None, Parameter(help="most classes; all by default")] = None,
    format: Annotated[Literal["table", "csv"], Parameter(name="--format", help="how to print them")] = "table",
    figure: Annotated[Path | None, Parameter(help="a heat map to write: .png, .svg or .pdf")] = None,
    as_json: AsJson = False,
) -> None:
    """Count the detections of each class by hour or day, from the times in the names of the recordings.

    ```
    hearsight tag recordings/ --events --out tags --format parquet
    hearsight counts tags/ --by day --figure counts.png
    ```

    Times are read from names such as `SITE_20240517_043000.wav`. Detections in other recordings are in a separate column.
    """
    from hearsight.console import print_data, print_json, print_message, print_table
    from hearsight.detection.counts import count_tables
    from hearsight.detection.formats.reading import find_tables
    from hearsight.figures.file import check_out, write_figure

    if figure is not None:
        check_out(figure, option="--figure")
    found = count_tables(find_tables(tables), by, threshold, top)
    if found.without_time:
        total = sum(found.without_time.values())
        what = "detection is" if total == 1 else "detections are"
        print_message(f'{total} {what} in recordings whose names have no time: column "no time"')
    if as_json:
        print_json(found.as_json())
    else:
        head, rows = _list_rows(found)
        if format == "csv":
            print_data(_format_csv([head, *rows]))
        else:
            print_table("", head, rows, right=head[1:])
    if figure is not None:
        from hearsight.drawing.heat import draw_heat

        title = f"detections by {by.replace('-', ' ')}"
        write_figure(draw_heat(found.values, found.classes, found.times, title), figure, title)


def _list_rows(found: Any) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a table: only columns of times with detections, then the others and the sum."""
    used = [place for place in range(len(found.times)) if found.values[:, place].any()]
    extra = ["no time"] if found.without_time else []
    head = ["class", *(found.times[place] for place in used), *extra, "all"]
    rows: list[list[str]] = []
    for name, values in zip(found.classes, found.values.tolist(), strict=True):
        without = found.without_time.get(name, 0)
        cells = [values[place] for place in used] + ([without] if extra else [])
        rows.append([name, *map(str, cells), str(sum(values) + without)])
    return head, rows


def _format_csv(rows: list[list[str]]) -> str:
    from hearsight.detection.formats.cells import defuse
    from hearsight.text import escape_controls

    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([defuse(escape_controls(cell)) for cell in row] for row in rows)
    return buffer.getvalue()
