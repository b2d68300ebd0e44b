"""A measurement made up for tests."""

from __future__ import annotations

import datetime

from hearsight.evaluation.paper_tables.measurements import Measurement

CELL = "soundnet2016-4:svm-mfcc:esc10"


def make_measured(cell: str = CELL, value: float = 61.5, **changes: object) -> Measurement:
    """Make a measurement of a cell."""
    table, row, column = cell.split(":")
    values: dict[str, object] = {
        "table": table,
        "row": row,
        "column": column,
        "value": value,
        "interval": (57.0, 66.0),
        "benchmark": "esc10",
        "protocol": {"model": "mfcc", "probe": "svm", "folds": 5, "num_clips": 400},
        "data": "baseline:mfcc",
        "num_clips": 400,
        "seed": 3,
        "date": datetime.date(2026, 11, 21),
        "version": "0.1.0",
        "command": "hearsight evaluate baseline:mfcc",
    }
    return Measurement.model_validate(values | changes)
