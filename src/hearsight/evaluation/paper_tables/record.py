"""An evaluation as a measurement of a published cell."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence

from hearsight.errors import UsageError
from hearsight.evaluation.paper_tables.measurements import Measurement
from hearsight.evaluation.paper_tables.published import PublishedCell, find_cell
from hearsight.evaluation.result import Evaluation
from hearsight.metrics.intervals import Estimate
from hearsight.version import VERSION

STAND_INS = {"flickr-44": "videos"}
"""Data sets of a paper that are not public, and your own benchmark that is scored instead, with a footnote."""


def check_cells(names: Sequence[str], benchmark: str) -> list[PublishedCell]:
    """Find the cells that an evaluation is to be recorded in, before it takes its time.

    Parameters
    ----------
    names
        ``TABLE:ROW:COLUMN`` of each.
    benchmark
        ``NAME=FOLDER``, what will be evaluated on.

    Raises
    ------
    UsageError
        When there is no such cell, it is of another benchmark, or what belongs there is counted and not measured.
    """
    cells = [find_cell(name) for name in names]
    kind = benchmark.partition("=")[0]
    for cell in cells:
        if not cell.column.metric:
            raise UsageError(
                f"--record {cell.name}",
                f"counted by the code ({cell.column.counted or cell.column.title})",
                "a cell that is measured",
            )
        wanted = STAND_INS.get(cell.benchmark, cell.benchmark)
        if kind != wanted:
            raise UsageError(f"--record {cell.name}", f"benchmark {kind}", f"{wanted}, which the cell is of")
    return cells


def make_measurement(evaluation: Evaluation, cell: PublishedCell, command: str) -> Measurement:
    """Make a measurement of an evaluation.

    Parameters
    ----------
    evaluation
        What was measured.
    cell
        Where it belongs.
    command
        What was typed.

    Raises
    ------
    UsageError
        When the evaluation does not measure what the cell's column holds, or found no number for it.
    """
    found = evaluation.measures.get(cell.column.metric)
    if cell.column.metric == "accuracy":
        found = Estimate(evaluation.accuracy, *evaluation.interval)
    if found is None or not math.isfinite(found.value):
        metric = cell.column.metric.replace("_", " ")
        raise UsageError(f"--record {cell.name}", f"an evaluation on {evaluation.benchmark} does not measure {metric}")
    scale = 100.0 if cell.column.unit == "%" else 1.0
    return Measurement(
        table=cell.table.name,
        row=cell.row.key,
        column=cell.column.key,
        value=round(scale * found.value, 4),
        interval=(round(scale * found.low, 4), round(scale * found.high, 4)),
        benchmark=evaluation.benchmark,
        protocol=_describe_protocol(evaluation),
        data=" and ".join([evaluation.run, *evaluation.extra_models]),
        num_clips=evaluation.num_clips,
        seed=evaluation.seed,
        date=datetime.datetime.now(tz=datetime.UTC).date(),
        version=VERSION,
        command=command,
    )


def _describe_protocol(evaluation: Evaluation) -> dict[str, str | int | bool]:
    """Describe how a score was measured: whatever it would differ by is among it."""
    protocol: dict[str, str | int | bool | None] = {
        "model": evaluation.model,
        "untrained": evaluation.untrained,
        "probe": evaluation.probe,
        "pool": evaluation.pool,
        "folds": len(evaluation.folds),
        "num_clips": evaluation.num_clips,
        "num_classes": evaluation.num_classes,
        "missing_clips": evaluation.missing or None,
        "unscored_classes": len(evaluation.undefined) or None,
        "leak_free": evaluation.leak_free or None,
        "finetune_epochs": evaluation.finetune_epochs,
    }
    if evaluation.networks:
        facts = evaluation.networks[0]
        protocol |= {
            "options": facts.options or None,
            "parameters": facts.parameters,
            "sample_rate": facts.sample_rate,
            "training_sample_rate": facts.training_sample_rate if facts.is_band_limited else None,
            "training_clips": facts.clips,
            "training_steps": facts.steps,
            "teachers": ", ".join(facts.teachers) or None,
        }
    return {key: value for key, value in protocol.items() if value is not None}
